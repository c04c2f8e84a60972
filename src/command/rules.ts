import type { Command } from 'commander'
import { readConfig } from '../config.ts'
import { print } from './print.ts'
import type { TryOptions } from './trial.ts'
import { withLedger } from './with-ledger.ts'

/** `volley rules …` */
export function addRules(program: Command): void {
  const rules = program.command('rules').description('The documents in rules/')

  rules
    .command('check')
    .description('Check every document and run its cases; exits with 1 where something is wrong')
    .action(async () => {
      const { checkDocuments } = await import('./rules-check.ts')
      const { lines, isRight } = checkDocuments(readConfig().rulesDir)
      for (const line of lines) print(line)
      if (!isRight) process.exitCode = 1
    })

  rules
    .command('try')
    .description('Show what every rule says to a user, and why; records and sends nothing')
    .requiredOption('--user <id>')
    .option('--context <json>', 'what recommend would be given')
    .option('--facts <json>', 'what is known of the user')
    .option(
      '--tenant <slug>',
      'take what is known of the user, beneath --facts, and its own rules from the ledger',
    )
    .option('--event <type>', 'ask as an event of this type does')
    .option('--data <json>', 'data of the event')
    .option('--trigger <json>', 'ask as a trigger does, such as {"inactive_for": "14d"}')
    .option('--domain <name>', 'one domain alone')
    .option('--available <actions>', 'only these actions, separated by commas')
    .option('--now <time>', 'as of when')
    .action(async (options: TryOptions) => {
      const { linesOfTrial } = await import('./trial.ts')
      for (const line of await linesOfTrial(readConfig().rulesDir, options, withLedger)) print(line)
    })
}
