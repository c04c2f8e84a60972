import type { Command } from 'commander'
import { print } from './print.ts'
import { withLedger } from './with-ledger.ts'

/** `volley status` */
export function addStatus(program: Command): void {
  program
    .command('status')
    .description('Show what is wrong, who works, and what waits')
    .option('--watch', 'again each second, until Ctrl-C')
    .option('--json', 'for programs')
    .action(async (options: { watch?: boolean; json?: boolean }) => {
      const [{ readStatus }, { showStatus }, { viewStatus }] = await Promise.all([
        import('../ledger/status.ts'),
        import('./show-status.ts'),
        import('../http/operators/status.ts'),
      ])
      await withLedger(async (ledger) => {
        const lines = async () => {
          const status = await readStatus(ledger.pool)
          return options.json === true ? JSON.stringify(viewStatus(status)) : showStatus(status).join('\n')
        }
        if (options.watch !== true) return print(await lines())
        const { watch } = await import('./watch.ts')
        const over = new AbortController()
        process.once('SIGINT', () => over.abort())
        await watch(lines, {
          write: (text) => process.stdout.write(text),
          clears: options.json !== true && process.stdout.isTTY,
          signal: over.signal,
        })
      })
    })
}
