import jstat from 'jstat'
import type { Beta, Learned } from './posterior.ts'

/** A rule that offers something: what its author says, and what was learnt. */
export interface Believable {
  /** 0 to 1. */
  confidence: number
  /** From all users to those of one segment: each is a part of the one before. Empty: nothing was learnt. */
  pools: readonly Learned[]
}

/** Nobody is believed who says never or always: no outcome could then ever teach otherwise. */
const CONFIDENCE_MIN = 0.005
/** A belief without any weight cannot be computed with. */
const WEIGHT_MIN = 0.1
/** What rules have shown in common weighs little: it says nothing of any one of them. */
const COMMON_WEIGHT = 3
/** Of one rule so many outcomes count for what is common, or whatever is picked most would stand for all. */
const COMMON_OUTCOMES_MAX = 10

/** One way to see what authors say, and how likely it is before anything is learnt. */
interface View {
  likelihood: number
  priors: readonly Beta[]
}

/**
 * What is believed of the rates of rules that are offered together. The stated confidences weigh about `weight` outcomes at
 * first, three times that as long as outcomes bear them out, and next to nothing once these tell otherwise: then a
 * rule begins with what all have shown in common. A segment borrows from all others as much as `kinship` outcomes.
 */
export function believe(rules: readonly Believable[], weight: number, kinship: number): Beta[] {
  const priors = priorsOf(rules, Math.max(WEIGHT_MIN, weight))
  return rules.map(({ pools }, index) => narrowed(priors[index]!, pools, kinship))
}

/** From pool to pool: each lends the one within it what the others in it have taught. */
function narrowed(prior: Beta, pools: readonly Learned[], kinship: number): Beta {
  let believed = prior
  for (const [index, pool] of pools.entries()) {
    const within = pools[index + 1]
    believed =
      within === undefined ? learnt(believed, pool) : lent(learnt(believed, beside(pool, within)), kinship)
  }
  return believed
}

function priorsOf(rules: readonly Believable[], weight: number): Beta[] {
  const confidences = rules.map(({ confidence }) => bounded(confidence))
  const common = commonRates(rules, confidences)
  const asStated = (of: number): Beta[] => confidences.map((confidence) => betaOf(confidence, of))
  const views: View[] = [
    { likelihood: 0.25, priors: asStated(3 * weight) },
    { likelihood: 0.25, priors: asStated(weight / 2) },
    { likelihood: 0.5, priors: common.map((rate) => betaOf(rate, COMMON_WEIGHT)) },
  ]
  const shares = borneOut(views, rules)
  return rules.map((_, rule) => ({
    alpha: total(views.map(({ priors }, view) => shares[view]! * priors[rule]!.alpha)),
    beta: total(views.map(({ priors }, view) => shares[view]! * priors[rule]!.beta)),
  }))
}

/** For each rule the rate of all together, where what its own author says counts as one outcome. */
function commonRates(rules: readonly Believable[], confidences: readonly number[]): number[] {
  let successes = 0
  let outcomes = 0
  for (const { pools } of rules) {
    const counted = pools[0] === undefined ? 0 : pools[0].successes + pools[0].failures
    const share = COMMON_OUTCOMES_MAX / (COMMON_OUTCOMES_MAX + counted)
    successes += share * (pools[0]?.successes ?? 0)
    outcomes += share * counted
  }
  return confidences.map((confidence) => bounded((successes + confidence) / (outcomes + 1)))
}

/** How likely each view is once outcomes are known, by Bayes: each had foretold them with a probability. They sum to 1. */
function borneOut(views: readonly View[], rules: readonly Believable[]): number[] {
  const logs = views.map(
    ({ likelihood, priors }) =>
      Math.log(likelihood) + total(rules.map(({ pools }, rule) => logForetold(priors[rule]!, pools[0]))),
  )
  const highest = Math.max(...logs)
  const weights = logs.map((log) => Math.exp(log - highest))
  return weights.map((each) => each / total(weights))
}

/** Logarithm of the probability of what was learnt, in its order, where the rate is drawn from `prior`. */
function logForetold(prior: Beta, learned: Learned | undefined): number {
  if (learned === undefined || learned.successes + learned.failures === 0) return 0
  return logBeta(learnt(prior, learned)) - logBeta(prior)
}

const logBeta = ({ alpha, beta }: Beta): number =>
  jstat.gammaln(alpha) + jstat.gammaln(beta) - jstat.gammaln(alpha + beta)

const learnt = ({ alpha, beta }: Beta, { successes, failures }: Learned): Beta => ({
  alpha: alpha + successes,
  beta: beta + failures,
})

/** What a pool has taught beside a part of it; rounding never makes less than nothing of it. */
const beside = (pool: Learned, part: Learned): Learned => ({
  ...pool,
  successes: Math.max(0, pool.successes - part.successes),
  failures: Math.max(0, pool.failures - part.failures),
})

/** The same mean, as uncertain as it is itself and as segments differ besides: both variances add up. */
function lent({ alpha, beta }: Beta, kinship: number): Beta {
  const weight = alpha + beta
  const share = 1 / (1 + weight / kinship)
  return { alpha: alpha * share, beta: beta * share }
}

const bounded = (rate: number): number => Math.min(1 - CONFIDENCE_MIN, Math.max(CONFIDENCE_MIN, rate))

const betaOf = (mean: number, weight: number): Beta => ({ alpha: mean * weight, beta: (1 - mean) * weight })

const total = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0)
