import type { Command } from 'commander'
import { VolleyError } from '../errors.ts'
import { print } from './print.ts'
import { wholeNumber } from './whole-number.ts'
import { withLedger } from './with-ledger.ts'

/** `volley tenants …` */
export function addTenants(program: Command): void {
  const tenants = program.command('tenants').description("Whether a tenant's actions are sent")

  tenants
    .command('list')
    .description('Show every tenant, those that do not send first')
    .action(async () => {
      const { listSending } = await import('../ledger/tenants/sending.ts')
      await withLedger(async (ledger) => {
        for (const { slug, sending, reason, changedAt, backlogMax } of await listSending(ledger.pool))
          print(
            [
              slug,
              sending,
              changedAt === null ? '-' : new Date(changedAt).toISOString(),
              reason ?? '-',
              backlogMax ?? '-',
            ].join('\t'),
          )
      })
    })

  tenants
    .command('sending <slug> <mode>')
    .description('on, paused (nothing is sent within a second, all waits) or shadow (recorded, never sent)')
    .option('--reason <text>', 'shown with the mode')
    .action(async (slug: string, mode: string, options: { reason?: string }) => {
      const { changeSending, SENDING } = await import('../ledger/tenants/sending.ts')
      const sending = SENDING.find((each) => each === mode)
      if (sending === undefined)
        throw new VolleyError('config_invalid', `${mode}: expected ${SENDING.join(', ')}`)
      await withLedger(async (ledger) => {
        const changed = await changeSending(
          ledger.pool,
          { slug },
          { sending, reason: options.reason ?? null },
        )
        if (changed === null) throw new VolleyError('not_found', `No tenant is called ${slug}.`)
        print(`${slug}\t${changed.sending}`)
      })
    })

  tenants
    .command('backlog')
    .description('Limit the actions of a tenant that may wait to be sent')
    .argument('<slug>')
    .argument('<max>', "a number, or default for the installation's", (text) =>
      text === 'default' ? null : wholeNumber(text, 1_000_000_000),
    )
    .action(async (slug: string, max: number | null) => {
      const { changeBacklogMax } = await import('../ledger/tenants/sending.ts')
      await withLedger(async (ledger) => {
        const changed = await changeBacklogMax(ledger.pool, slug, max)
        if (changed === null) throw new VolleyError('not_found', `No tenant is called ${slug}.`)
        print(`${slug}\t${changed.backlogMax ?? 'default'}`)
      })
    })

  addLearning(tenants)
}

function addLearning(tenants: Command): void {
  tenants
    .command('learning <slug>')
    .description('Show or change from whom a tenant learns beside its own outcomes')
    .option('--share', 'let others learn of its outcomes')
    .option('--no-share', 'let nobody')
    .option('--from <partner>', 'a tenant that shares, or nobody')
    .action(async (slug: string, options: { share?: boolean; from?: string }) => {
      const { changePartnership } = await import('../ledger/decisions/partners.ts')
      await withLedger(async (ledger) => {
        const changed = await changePartnership(ledger.pool, slug, {
          ...(options.share === undefined ? {} : { sharesLearning: options.share }),
          ...(options.from === undefined
            ? {}
            : { learnsFrom: options.from === 'nobody' ? null : options.from }),
        })
        if (changed.kind !== 'changed') throw refused(changed.kind, slug, options.from)
        const { sharesLearning, learnsFrom, isLearning } = changed.partnership
        const from = learnsFrom === null ? 'nobody' : `${learnsFrom}${isLearning ? '' : ' (not shared)'}`
        print(`${slug}\t${sharesLearning ? 'shares' : 'does not share'}\tlearns from ${from}`)
      })
    })
}

function refused(
  kind: 'unknown-tenant' | 'unknown-partner' | 'not-shared' | 'itself',
  slug: string,
  from?: string,
): VolleyError {
  switch (kind) {
    case 'unknown-tenant':
      return new VolleyError('not_found', `No tenant is called ${slug}.`)
    case 'unknown-partner':
      return new VolleyError('not_found', `No tenant is called ${from}.`)
    case 'not-shared':
      return new VolleyError(
        'config_invalid',
        `${from} does not share: volley tenants learning ${from} --share`,
      )
    case 'itself':
      return new VolleyError('config_invalid', `${slug}: expected another tenant to learn from`)
    default:
      return kind satisfies never
  }
}
