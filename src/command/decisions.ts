import { type Command, Option } from 'commander'
import type { EvaluateOptions } from './decisions-evaluate.ts'
import { print } from './print.ts'
import { withLedger } from './with-ledger.ts'

/** `volley decisions …` */
export function addDecisions(program: Command): void {
  const decisions = program.command('decisions').description('What was decided')

  decisions
    .command('evaluate')
    .description('Estimate from recorded decisions what another document or strategy would have been worth')
    .requiredOption('--tenant <slug>')
    .requiredOption('--domain <name>')
    .option('--document <file>', 'rules to compare with; without it, what was offered then')
    .addOption(
      new Option(
        '--strategy <name>',
        "how to pick; without it the document's, or what was followed then",
      ).choices(['best', 'thompson']),
    )
    .option('--since <duration>', 'decisions no older than this', '30d')
    .option('--json', 'as JSON')
    .action(async (options: EvaluateOptions) => {
      const { linesOfEvaluation } = await import('./decisions-evaluate.ts')
      await withLedger(async (ledger, { rulesDir }) => {
        for (const line of await linesOfEvaluation(ledger.pool, rulesDir, options)) print(line)
      })
    })
}
