import { type Beta, meanOf } from './posterior.ts'
import { superiorities } from './superiority.ts'

/** `best`: whatever is believed best. `thompson`: each as often as it is probable that it is the best. */
export type Strategy = 'best' | 'thompson'

/** Thompson's picks count all that is believed so often: less is tried for its own sake, and fewer picks are lost to it. */
const DECISIVENESS = 2

/** Gives a number from 0 up to 1, as chance has it; the same decision is given the same ones. */
export type Random = () => number

/** One of those that can be picked, and what is believed of its rate. */
export interface Arm {
  key: string
  posterior: Beta
}

export interface Choice {
  /** Keys; the picked one first, then by what is believed of them. */
  order: string[]
  /** By key: how probable it was that this one is picked. They sum to 1; that of the picked one is above 0. */
  propensities: Record<string, number>
}

/** Picks one; equals stay in the order in which they are given. Of none, nobody is picked. */
export function choose(candidates: readonly Arm[], strategy: Strategy, random: Random): Choice {
  const order = [...candidates]
    .sort((a, b) => meanOf(b.posterior) - meanOf(a.posterior))
    .map(({ key }) => key)
  if (strategy === 'best')
    return { order, propensities: Object.fromEntries(order.map((key, rank) => [key, rank === 0 ? 1 : 0])) }
  const chances = superiorities(
    candidates.map(({ posterior: { alpha, beta } }) => ({
      alpha: DECISIVENESS * alpha,
      beta: DECISIVENESS * beta,
    })),
  )
  const propensities = Object.fromEntries(candidates.map(({ key }, index) => [key, chances[index]!]))
  // By the very numbers that are recorded: they are then right however they were computed.
  const picked = drawn(order, propensities, random)
  return { order: [...picked, ...order.filter((key) => !picked.includes(key))], propensities }
}

function drawn(keys: readonly string[], propensities: Record<string, number>, random: Random): string[] {
  const possible = keys.filter((key) => propensities[key]! > 0)
  let left = random()
  for (const key of possible) {
    left -= propensities[key]!
    if (left < 0) return [key]
  }
  // What rounding leaves over falls to the one that is believed best.
  return possible.slice(0, 1)
}
