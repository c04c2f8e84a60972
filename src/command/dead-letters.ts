import { type Command, Option } from 'commander'
import { VolleyError } from '../errors.ts'
import { print } from './print.ts'
import { wholeNumber } from './whole-number.ts'
import { withLedger } from './with-ledger.ts'

/** `volley dead-letters …` */
export function addDeadLetters(program: Command): void {
  const letters = program
    .command('dead-letters')
    .description('What could not be worked on, and was put aside')

  letters
    .command('list')
    .description('Show open dead letters, newest first')
    .addOption(new Option('--reason <reason>').choices(['internal', 'poison', 'crash']))
    .option('--tenant <slug>', 'those about a tenant')
    .option('--all', 'resolved ones too')
    .option('--limit <n>', 'at most so many', (text) => wholeNumber(text, 10_000), 50)
    .option('--json', 'a JSON object a line, with what each is about')
    .action(
      async (options: { reason?: string; tenant?: string; all?: boolean; limit: number; json?: boolean }) => {
        const [{ listLetters }, { showLetters }] = await Promise.all([
          import('../ledger/actions/resolve-letters.ts'),
          import('./show-letters.ts'),
        ])
        await withLedger(async (ledger) => {
          const { reason = null, tenant = null, all = false, limit } = options
          const found = await listLetters(ledger.pool, { reason, tenant, all, limit, before: null })
          const lines =
            options.json === true ? found.map((letter) => JSON.stringify(letter)) : showLetters(found)
          for (const line of lines) print(line)
        })
      },
    )

  for (const way of ['retry', 'drop'] as const) {
    letters
      .command(`${way} [id]`)
      .description(way === 'retry' ? 'Look at it again: a forced retry' : 'Put it aside for good')
      .option('--all', 'every open one')
      .action(async (id: string | undefined, options: { all?: boolean }) => {
        if ((id === undefined) === (options.all !== true))
          throw new VolleyError('config_invalid', `volley dead-letters ${way}: expected one id, or --all`)
        const [{ dropLetter, openLetters, retryLetter }, { whoAmI }] = await Promise.all([
          import('../ledger/actions/resolve-letters.ts'),
          import('./who.ts'),
        ])
        const by = whoAmI()
        await withLedger(async (ledger) => {
          for (const each of id === undefined ? await openLetters(ledger.pool) : [id]) {
            try {
              await (way === 'retry' ? retryLetter : dropLetter)(ledger.pool, each, by)
              print(`${each}\t${way === 'retry' ? 'retried' : 'dropped'}`)
            } catch (error) {
              // Of many, one that cannot be retried does not stop the others.
              if (id !== undefined || !(error instanceof VolleyError)) throw error
              print(`${each}\t${error.message}`)
              process.exitCode = 1
            }
          }
        })
      })
  }
}
