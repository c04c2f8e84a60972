import { type Command, Option } from 'commander'
import { VolleyError } from '../errors.ts'
import { type KeyOwner, ownerOf } from './key-owner.ts'
import { print } from './print.ts'
import { withLedger } from './with-ledger.ts'

/** `volley keys …` */
export function addKeys(program: Command): void {
  const keys = program.command('keys').description('API keys of a tenant, or of operators')

  keys
    .command('create')
    .description('Create a key, and the tenant where it is not there; prints the key alone')
    .option('--tenant <slug>', 'lower-case name of the tenant')
    .option('--operator', 'a key that works across tenants')
    .addOption(
      new Option('--mode <mode>', 'live sends, test never does').choices(['live', 'test']).default('live'),
    )
    .option('--label <text>', 'what the key is for')
    .action(async (options: KeyOwner & { mode: 'live' | 'test'; label?: string }) => {
      const tenant = ownerOf(options)
      const { createKey, createOperatorKey } = await import('../ledger/tenants/keys.ts')
      await withLedger(async (ledger) => {
        const made =
          tenant === null ? createOperatorKey(ledger, options) : createKey(ledger, { ...options, tenant })
        print((await made).key)
      })
    })

  keys
    .command('list')
    .description('Show keys, never the keys themselves')
    .option('--tenant <slug>', 'those of a tenant')
    .option('--operator', 'those of operators')
    .action(async (options: KeyOwner) => {
      const tenant = ownerOf(options)
      const { listKeys } = await import('../ledger/tenants/keys.ts')
      await withLedger(async (ledger) => {
        for (const key of await listKeys(ledger, tenant))
          print(
            Object.values(key)
              .map((value) => (value instanceof Date ? value.toISOString() : (value ?? '-')))
              .join('\t'),
          )
      })
    })

  keys
    .command('revoke <id>')
    .description('End a key; it stops working within seconds')
    .action(async (id: string) => {
      const { revokeKey } = await import('../ledger/tenants/keys.ts')
      await withLedger(async (ledger) => {
        if (!(await revokeKey(ledger, id)))
          throw new VolleyError('not_found', `No active key has the id ${id}.`)
      })
    })
}
