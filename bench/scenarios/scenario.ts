import { randomBytes } from 'node:crypto'
import type { Machine } from '../machine.ts'

/** One line of the table. `isMet` is null where there is no aim. */
export interface Figure {
  what: string
  figure: string
  aim: string
  isMet: boolean | null
}

/** How thorough a run is: `quick` is for trying, and its figures mean little. */
export interface Effort {
  isQuick: boolean
  /** Rounds of what is compared by rounds. */
  rounds: number
  /** Actions of the throughput scenario. */
  n: number
  /** People of the silence scenario, how many of them cross, and within how many seconds. */
  silence: { users: number; crossing: number; withinS: number }
}

export interface Scenario {
  name: string
  run(machine: Machine, effort: Effort): Promise<Figure[]>
}

export const newSecret = (): string => randomBytes(32).toString('hex')

/** A figure that must not exceed its aim, or must not fall short of it. */
export function figureOf(
  what: string,
  value: number,
  aim: { most: number } | { least: number },
  unit = '',
): Figure {
  const isMet = 'most' in aim ? value <= aim.most : value >= aim.least
  const bound = 'most' in aim ? `≤ ${aim.most}` : `≥ ${aim.least}`
  return { what, figure: `${rounded(value)}${unit}`, aim: `${bound}${unit}`, isMet }
}

export const plain = (what: string, figure: string): Figure => ({ what, figure, aim: '', isMet: null })

function rounded(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2)
}
