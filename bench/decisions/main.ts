/**
 * `npm run bench:decisions`: what is lost against an oracle by deciding as Volley does, and by what one would do
 * instead, for users whose answers are known. docs/learning.md says what is simulated and how to write a world.
 */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs, stripVTControlCharacters } from 'node:util'
import { VolleyError } from '../../src/errors.ts'
import { chartOf, svgOf } from './chart.ts'
import { readWorlds } from './read-world.ts'
import { runAll } from './run-all.ts'
import { tableOf } from './table.ts'
import type { World } from './world.ts'

const WORLDS = join(import.meta.dirname, 'worlds')
const SEEDS = 50

function refuse(text: string): never {
  process.stderr.write(`bench:decisions: ${text}\n`)
  process.exit(1)
}

function given() {
  try {
    return parseArgs({
      options: {
        world: { type: 'string', multiple: true, default: [] },
        seeds: { type: 'string', default: String(SEEDS) },
        decisions: { type: 'string' },
        json: { type: 'boolean', default: false },
        plot: { type: 'string' },
      },
    }).values
  } catch (error) {
    return refuse(
      `${(error as Error).message}\nUsage: npm run bench:decisions -- [--world FILE]… [--seeds N] [--decisions N] [--json] [--plot FILE]`,
    )
  }
}

function whole(name: string, text: string, { min, max }: { min: number; max: number }): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < min || value > max)
    refuse(`--${name} ${text}: expected a whole number from ${min} to ${max}`)
  return value
}

function read(file: string): World[] {
  try {
    return readWorlds(file)
  } catch (error) {
    if (error instanceof VolleyError) return refuse(error.message)
    throw error
  }
}

/** Colours are for terminals; a file keeps lines that can be told apart in `--plot` alone. */
const shown = (text: string): string => (process.stdout.isTTY ? text : stripVTControlCharacters(text))

const values = given()
const seeds = whole('seeds', values.seeds, { min: 1, max: 10_000 })
const files =
  values.world.length > 0
    ? values.world
    : readdirSync(WORLDS)
        .filter((name) => name.endsWith('.json'))
        .sort()
        .map((name) => join(WORLDS, name))
const decisions =
  values.decisions === undefined ? null : whole('decisions', values.decisions, { min: 100, max: 1_000_000 })
const worlds = files.flatMap(read).map((world) => (decisions === null ? world : { ...world, decisions }))
const startedAt = performance.now()
const figures = await runAll(worlds, seeds, ({ world }) => {
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0)
  process.stderr.write(`${world}: done after ${seconds} s\n`)
})
if (values.json) process.stdout.write(`${JSON.stringify({ seeds, worlds: figures }, null, 2)}\n`)
else
  process.stdout.write(
    `${shown(figures.map(chartOf).join('\n\n'))}\n\n${tableOf(figures)}\nRegret against an oracle, mean of ${seeds} seeds ± 95 %; below 1, Volley lost less.\n`,
  )
if (values.plot !== undefined) writeFileSync(values.plot, svgOf(figures))
