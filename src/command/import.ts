import { Argument, type Command } from 'commander'
import type { Source } from '../connectors/canonical.ts'
import { VolleyError } from '../errors.ts'
import { print } from './print.ts'
import { withLedger } from './with-ledger.ts'

interface ImportOptions {
  tenant: string
  decide?: boolean
  test?: boolean
  restart?: boolean
}

/** `volley import` */
export function addImport(program: Command): void {
  program
    .command('import')
    .description('Read a file of Segment, PostHog or Mixpanel, one JSON object a line, gzip or not')
    .addArgument(new Argument('<vendor>').choices(['segment', 'posthog', 'mixpanel']))
    .argument('<file>')
    .requiredOption('--tenant <slug>', 'whose people it is about')
    .option('--decide', 'ask the rules of each event as if it came now: actions follow')
    .option('--test', 'keep it apart from what is live')
    .option('--restart', 'from the beginning, although the file was imported before')
    .action(async (source: Source, path: string, options: ImportOptions) => {
      const { decide: decides = false, test = false, restart: isRestart = false } = options
      const [{ importFile }, { importScreen, importTold, showImport }, { readSending }] = await Promise.all([
        import('./import-file.ts'),
        import('./show-import.ts'),
        import('../ledger/tenants/sending.ts'),
      ])
      await withLedger(async (ledger, config) => {
        const { partitions } = config
        await ledger.checkPartitions(partitions)
        const found = await readSending(ledger.pool, { slug: options.tenant })
        if (found === null) throw new VolleyError('not_found', `No tenant is called ${options.tenant}.`)
        const over = new AbortController()
        process.once('SIGINT', () => over.abort())
        const backlogMax = found.backlogMax ?? config.backlogMax
        const asked = { source, path, tenant: found.tenant, test, decides, isRestart, partitions, backlogMax }
        const watcher = showImport(importScreen())
        const end = await importFile(ledger, { ...asked, signal: over.signal }, watcher).finally(watcher.end)
        for (const line of importTold(end)) print(line)
        if (end.kind === 'stopped') process.exitCode = 130
      })
    })
}
