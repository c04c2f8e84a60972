/**
 * `npm run test:chaos`: real processes on real servers while everything about them fails. docs/operations.md says what
 * is done and what must hold; the exit status is 1 where something did not.
 */
import { randomInt } from 'node:crypto'
import { rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { mochaGlobalTeardown } from '../support/servers.ts'
import { figures, report } from './figures.ts'
import { run } from './run.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(randomInt(1_000_000)) },
    actions: { type: 'string', default: '20000' },
    minutes: { type: 'string', default: '8' },
  },
})

function refuse(text: string): never {
  process.stderr.write(`chaos: ${text}\n`)
  process.exit(1)
}

function number(name: 'seed' | 'actions' | 'minutes', least: number, most: number): number {
  const value = Number(values[name])
  if (!(value >= least && value <= most) || (name !== 'minutes' && !Number.isInteger(value)))
    refuse(`--${name} ${values[name]}: expected a number from ${least} to ${most}`)
  return value
}

const say = (line: string) => process.stdout.write(`${line}\n`)
const seed = number('seed', 0, 2 ** 31)
const options = { seed, actions: number('actions', 1, 1_000_000), minutes: number('minutes', 1.2, 600), say }
say(`chaos: seed ${seed} (--seed ${seed} repeats the same faults)`)
try {
  const done = await run(options)
  say(figures(done))
  const { findings, ledger, parts } = done
  if (findings.length > 0) {
    say(report(findings, ledger, 10))
    say(`Something is wrong. The logs of the processes are in ${parts.installation.logs}`)
    process.exitCode = 1
  } else {
    say('Nothing was lost, and nothing was done that a fault does not explain.')
    rmSync(parts.installation.logs, { recursive: true })
  }
} finally {
  await mochaGlobalTeardown()
}
