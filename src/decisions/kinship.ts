import type { Learned } from './posterior.ts'

/** As how many outcomes of one's own those of all others may count. */
const KINSHIPS = [2, 6, 20, 60, 200, 1_000] as const

/**
 * As how many outcomes of its own the outcomes of all other users weigh for a segment: many where segments have been
 * alike, few where they differ. Of each rule, what was learnt in each segment, all as of one time. Without anything
 * to compare, each weight of the list is as likely.
 */
export function kinshipOf(rules: Iterable<readonly Learned[]>): number {
  const logs = KINSHIPS.map(() => 0)
  for (const segments of rules) {
    if (segments.length > 1) weigh(segments, logs)
  }
  const highest = Math.max(...logs)
  const weights = logs.map((log) => Math.exp(log - highest))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  // How much segments differ is what is averaged: that is a variance, and falls with 1 / (kinship + 1).
  const variance = KINSHIPS.reduce((sum, kinship, i) => sum + weights[i]! / total / (kinship + 1), 0)
  return 1 / variance - 1
}

/** Adds, for each kinship, how likely it makes the differences between each segment and all others of one rule. */
function weigh(segments: readonly Learned[], logs: number[]): void {
  const outcomes = segments.map(({ successes, failures }) => successes + failures)
  const allOutcomes = outcomes.reduce((sum, count) => sum + count, 0)
  const allSuccesses = segments.reduce((sum, { successes }) => sum + successes, 0)
  const rate = (allSuccesses + 0.5) / (allOutcomes + 1)
  for (const [index, { successes }] of segments.entries()) {
    const own = outcomes[index]!
    const others = allOutcomes - own
    if (own <= 0 || others <= 0) continue
    const difference = successes / own - (allSuccesses - successes) / others
    for (const [i, kinship] of KINSHIPS.entries()) {
      const variance = rate * (1 - rate) * (1 / (kinship + 1) + 1 / own + 1 / others)
      logs[i]! -= (Math.log(variance) + difference ** 2 / variance) / 2
    }
  }
}
