import jstat from 'jstat'

/** What came of something, in outcomes; fractions by partial rewards and by forgetting. */
export interface Learned {
  successes: number
  failures: number
  /** Shown, not counted. */
  rejected: number
  /** Shown, not counted. */
  unanswered: number
  /** As of when it is, in ms. */
  at: number
}

/** What is believed of a rate: a Beta distribution; both are above 0. */
export interface Beta {
  alpha: number
  beta: number
}

/** What the author of a rule says, and how many outcomes that weighs as much as. */
export interface Stated {
  confidence: number
  weight: number
}

/** At most so many outcomes of other users weigh in what is believed of those of one segment. */
const BORROWED_MAX = 20
/** Nobody is believed who says never or always: no outcome could then ever teach otherwise. */
const CONFIDENCE_MIN = 0.005
/** A belief without any weight cannot be computed with. */
const WEIGHT_MIN = 0.1

/** The same as of `now` (ms): what was learnt counts half after each half-life. */
export function forgotten(learned: Learned, now: number, halfLifeMs: number): Learned {
  const kept = 0.5 ** (Math.max(0, now - learned.at) / halfLifeMs)
  return {
    successes: learned.successes * kept,
    failures: learned.failures * kept,
    rejected: learned.rejected * kept,
    unanswered: learned.unanswered * kept,
    at: Math.max(now, learned.at),
  }
}

/** Both together; they must be as of one time, see `forgotten`. */
export function added(one: Learned, other: Learned): Learned {
  return {
    successes: one.successes + other.successes,
    failures: one.failures + other.failures,
    rejected: one.rejected + other.rejected,
    unanswered: one.unanswered + other.unanswered,
    at: Math.max(one.at, other.at),
  }
}

/**
 * What is believed of a rule's rate: what its author says, then what was learnt, from the widest pool to that of the
 * segment. Each pool contains the one after it, and lends to it only what the others in it have taught.
 */
export function posteriorOf({ confidence, weight }: Stated, pools: readonly Learned[]): Beta {
  let believed = betaOf(confidence, weight)
  for (const [index, pool] of pools.entries()) {
    const within = pools[index + 1]
    believed = learnt(believed, within === undefined ? pool : outside(pool, within))
    if (within !== undefined) believed = lent(believed)
  }
  return believed
}

export const meanOf = ({ alpha, beta }: Beta): number => alpha / (alpha + beta)

/** Where the rate is believed to be, with the probability `share`: as likely below the interval as above. */
export function intervalOf({ alpha, beta }: Beta, share = 0.95): { low: number; high: number } {
  const below = (1 - share) / 2
  return { low: jstat.beta.inv(below, alpha, beta), high: jstat.beta.inv(1 - below, alpha, beta) }
}

function betaOf(mean: number, weight: number): Beta {
  const bounded = Math.min(1 - CONFIDENCE_MIN, Math.max(CONFIDENCE_MIN, mean))
  const counted = Math.max(WEIGHT_MIN, weight)
  return { alpha: bounded * counted, beta: (1 - bounded) * counted }
}

const learnt = ({ alpha, beta }: Beta, { successes, failures }: Learned): Beta => ({
  alpha: alpha + successes,
  beta: beta + failures,
})

/** What a pool has taught beside a part of it; rounding never makes less than nothing of it. */
const outside = (pool: Learned, part: Learned): Learned => ({
  ...pool,
  successes: Math.max(0, pool.successes - part.successes),
  failures: Math.max(0, pool.failures - part.failures),
})

/** The same mean with a bounded weight. */
function lent(believed: Beta): Beta {
  const share = Math.min(1, BORROWED_MAX / (believed.alpha + believed.beta))
  return { alpha: believed.alpha * share, beta: believed.beta * share }
}
