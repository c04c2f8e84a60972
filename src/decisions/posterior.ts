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

export const meanOf = ({ alpha, beta }: Beta): number => alpha / (alpha + beta)

/** Where the rate is believed to be, with the probability `share`: as likely below the interval as above. */
export function intervalOf({ alpha, beta }: Beta, share = 0.95): { low: number; high: number } {
  const below = (1 - share) / 2
  return { low: jstat.beta.inv(below, alpha, beta), high: jstat.beta.inv(1 - below, alpha, beta) }
}
