import type { Command } from 'commander'
import { readConfig, redacted } from '../config.ts'
import { print } from './print.ts'
import { runProcess } from './run-process.ts'
import { wholeNumber } from './whole-number.ts'
import { withLedger } from './with-ledger.ts'

/** `volley start`, `demo`, `web`, `worker`, `migrate` and `config`. */
export function addPlatform(program: Command): void {
  program
    .command('start')
    .description(
      'Run the whole platform on this machine: PostgreSQL, Redis, one web and two worker processes',
    )
    .option('--workers <n>', 'number of worker processes', (text) => wholeNumber(text, 64), 2)
    .action(async (options: { workers: number }) => {
      const { runStart } = await import('../local/start.ts')
      await runStart(readConfig(), options.workers)
    })

  program
    .command('demo')
    .description(
      'Replay a file of events through the whole loop, with a sample loyalty app, and show what happened',
    )
    .option('--stay', 'keep everything running afterwards')
    .action(async (options: { stay?: boolean }) => {
      const { runDemo } = await import('../demo/demo.ts')
      process.exitCode = await runDemo(readConfig(), { stay: options.stay === true })
    })

  program
    .command('web')
    .description('Serve the API')
    .action(() => runProcess('web'))

  program
    .command('worker')
    .description('Own partitions, decide and send')
    .action(() => runProcess('worker'))

  program
    .command('migrate')
    .description('Bring the schema of the database up to date')
    .action(() => withLedger(async (ledger, config) => ledger.migrate(config.partitions)))

  program
    .command('config')
    .description('Show the configuration of this environment, without secrets')
    .action(() => print(JSON.stringify(redacted(readConfig()), null, 2)))
}
