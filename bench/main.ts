/**
 * `npm run bench`: every scenario in one run on one machine, ratios side by side, one table at the end.
 * docs/performance.md says what is measured and how.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { say, startMachine } from './machine.ts'
import { scenarios } from './scenarios/all.ts'
import type { Effort, Figure, Scenario } from './scenarios/scenario.ts'
import { figures as tableOfFigures } from './statistics.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    n: { type: 'string' },
    rounds: { type: 'string' },
    json: { type: 'string' },
    users: { type: 'string' },
    crossing: { type: 'string' },
    within: { type: 'string' },
  },
})
const effort: Effort = {
  isQuick: values.quick,
  n: whole('n', values.n ?? (values.quick ? '5000' : '40000'), 1_000_000),
  rounds: whole('rounds', values.rounds ?? (values.quick ? '1' : '3'), 100),
  silence: {
    users: whole('users', values.users ?? (values.quick ? '50000' : '1000000'), 10_000_000),
    crossing: whole('crossing', values.crossing ?? (values.quick ? '1000' : '10000'), 1_000_000),
    withinS: whole('within', values.within ?? (values.quick ? '10' : '60'), 3_600),
  },
}
const chosen = choose(values.only)

function refuse(text: string): never {
  process.stderr.write(`bench: ${text}\n`)
  process.exit(1)
}

function whole(name: string, text: string, max: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > max)
    refuse(`--${name} ${text}: expected a whole number from 1 to ${max}`)
  return value
}

function choose(only: string | undefined): readonly Scenario[] {
  if (only === undefined) return scenarios
  const names = only.split(',')
  const known = scenarios.map(({ name }) => name)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) refuse(`--only ${unknown}: expected a comma list of ${known.join(', ')}`)
  return scenarios.filter(({ name }) => names.includes(name))
}

const machine = await startMachine()
let described = ''
const results: { scenario: string; figures: Figure[] }[] = []
try {
  described = await machine.describe()
  for (const scenario of chosen) {
    const startedAt = performance.now()
    results.push({ scenario: scenario.name, figures: await scenario.run(machine, effort) })
    say(`${scenario.name}: ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`)
  }
} finally {
  await machine.stop()
}
process.stdout.write(`${tableOfFigures(results)}\n${described}\n`)
if (values.json !== undefined)
  writeFileSync(values.json, JSON.stringify({ machine: described, effort, results }, null, 2))
