/** One decision of which the reward is known: how likely it was then, and how likely it would be otherwise. */
export interface Logged {
  /** The probability with which it was decided so; above 0. */
  propensity: number
  /** The probability with which the other way of deciding does the same, 0 to 1. */
  target: number
  /** 0 to 1. */
  reward: number
}

/**
 * A mean with its 95 % interval; the bounds are those of a rate. NaN where nothing can be said: bounds where fewer than
 * EFFECTIVE_MIN decisions stand behind it, or where all of them had the same reward.
 */
export interface Estimated {
  mean: number
  low: number
  high: number
}

/** What another way of deciding would have been rewarded with, estimated from what was done. */
export interface OffPolicy {
  /** Decisions of which the reward is known. */
  decisions: number
  /** What was done, as it was. */
  logged: Estimated
  /** Inverse-propensity: true on average, and uncertain where the two often differ. */
  ips: Estimated
  /** Self-normalised: a little off with few decisions, and steadier. */
  snips: Estimated
  /** How much better the other way is than what was done, by the self-normalised estimate. */
  gain: Estimated
  /** As many decisions made the other way would say as much; at most `decisions`. */
  effective: number
}

/** Of fewer decisions a mean is not normally distributed, and the few may agree by luck: an interval would look certain. */
export const EFFECTIVE_MIN = 30

/** Two-sided 95 % of a normal distribution. */
const DEVIATIONS = 1.96

/** Estimates from decisions that are independent of each other. */
export function offPolicy(decisions: readonly Logged[]): OffPolicy {
  const weights = decisions.map(({ propensity, target }) => target / propensity)
  const rewards = decisions.map(({ reward }) => reward)
  const weighted = rewards.map((reward, index) => reward * weights[index]!)
  const weight = sum(weights)
  const snips = sum(weighted) / weight
  // How much each decision moves the ratio of two sums: the delta method.
  const moves = rewards.map(
    (reward, index) => ((reward - snips) * weights[index]! * decisions.length) / weight,
  )
  const logged = meanOf(rewards)
  const effective = weight === 0 ? 0 : weight ** 2 / sum(weights.map((each) => each ** 2))
  const counted = rewards.filter((_, index) => weights[index]! > 0)
  const isTold = tellsError(counted, effective)
  const error = (values: readonly number[]): number => (isTold ? errorOf(values) : Number.NaN)
  return {
    decisions: decisions.length,
    logged: bounded(logged, tellsError(rewards, rewards.length) ? errorOf(rewards) : Number.NaN, RATE),
    ips: bounded(meanOf(weighted), error(weighted), { low: 0, high: Number.POSITIVE_INFINITY }),
    snips: bounded(snips, error(moves), RATE),
    gain: bounded(snips - logged, error(moves.map((move, index) => move - (rewards[index]! - logged))), {
      low: -1,
      high: 1,
    }),
    effective,
  }
}

/** Whether the spread of rewards says how far their mean may be off. */
const tellsError = (rewards: readonly number[], effective: number): boolean =>
  // What sums of floats lose is no decision less.
  effective >= EFFECTIVE_MIN - 1e-6 && rewards.some((reward) => reward !== rewards[0])

const RATE = { low: 0, high: 1 }

function bounded(mean: number, error: number, { low, high }: { low: number; high: number }): Estimated {
  return {
    mean,
    low: Math.max(low, mean - DEVIATIONS * error),
    high: Math.min(high, mean + DEVIATIONS * error),
  }
}

/** Standard error of the mean; NaN of fewer than two. */
function errorOf(values: readonly number[]): number {
  if (values.length < 2) return Number.NaN
  const mean = meanOf(values)
  const variance = sum(values.map((value) => (value - mean) ** 2)) / (values.length - 1)
  return Math.sqrt(variance / values.length)
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

const meanOf = (values: readonly number[]): number => sum(values) / values.length
