import { CONTENDER_NAMES, type ContenderName } from './contenders.ts'
import { POINTS, type Run } from './simulate.ts'
import type { World } from './world.ts'

/** A mean over seeds, and half the width of its 95 % interval. */
export interface Estimate {
  mean: number
  margin: number
}

export interface ContenderFigures {
  contender: ContenderName
  regret: Estimate
  /** Mean reward of a decision. */
  reward: Estimate
  /** Mean regret after each part of the decisions, `POINTS` of them. */
  path: number[]
}

/** What Volley loses for each that another one loses; null where that one loses nothing. */
export interface Ratio {
  contender: ContenderName
  ratio: Estimate | null
  /** At most so much; null: the world has no aim. */
  aim: number | null
  isMet: boolean | null
}

export interface WorldFigures {
  world: string
  decisions: number
  seeds: number
  contenders: ContenderFigures[]
  ratios: Ratio[]
}

/** The figures of one world; the runs of each contender are in the order of the seeds. */
export function figuresOf(world: World, runs: Record<ContenderName, readonly Run[]>): WorldFigures {
  const contenders = CONTENDER_NAMES.map((contender) => ({
    contender,
    regret: estimated(runs[contender].map(({ regret }) => regret)),
    reward: estimated(runs[contender].map(({ reward }) => reward / world.decisions)),
    path: Array.from({ length: POINTS }, (_, point) =>
      meanOf(runs[contender].map(({ path }) => path[point] ?? 0)),
    ),
  }))
  const mine = runs.volley.map(({ regret }) => regret)
  const ratios = CONTENDER_NAMES.filter((name) => name !== 'volley').map((contender) => {
    const theirs = runs[contender].map(({ regret }) => regret)
    const aim = world.aims[contender] ?? null
    const isMet = aim === null ? null : meanOf(mine) <= aim * meanOf(theirs)
    return { contender, ratio: ratioOf(mine, theirs), aim, isMet }
  })
  return { world: world.name, decisions: world.decisions, seeds: mine.length, contenders, ratios }
}

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

/** Of a normal distribution; from 50 seeds on Student's is hardly wider. */
const DEVIATIONS = 1.96

function estimated(values: readonly number[]): Estimate {
  return { mean: meanOf(values), margin: DEVIATIONS * Math.sqrt(varianceOf(values) / values.length) }
}

/** Of the mean, by seeds that are independent; of one seed nothing is known. */
function varianceOf(values: readonly number[]): number {
  const mean = meanOf(values)
  return values.length < 2
    ? Number.NaN
    : values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1)
}

/** The ratio of means, and its margin by the delta method over pairs of one seed. Null where the second is 0. */
export function ratioOf(mine: readonly number[], theirs: readonly number[]): Estimate | null {
  const denominator = meanOf(theirs)
  if (denominator < 1e-9) return null
  const ratio = meanOf(mine) / denominator
  const residuals = mine.map((value, seed) => (value - ratio * theirs[seed]!) / denominator)
  return { mean: ratio, margin: DEVIATIONS * Math.sqrt(varianceOf(residuals) / residuals.length) }
}
