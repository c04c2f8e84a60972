/**
 * A circuit breaker for one destination, as values: closed, it counts; open, nothing is sent; half-open, one probe is.
 * Keeps no clock: `now` is any ms that only grow. Who records and shares its state is src/turn/breakers.ts.
 */

/** When a breaker opens and how long it stays open; times in ms, `share` of the results that failed, 0 to 1. */
export interface BreakerTerms {
  share: number
  /** Fewer results than this say nothing about a destination. */
  resultsMin: number
  /** Results older than one to two of these are forgotten. */
  windowMs: number
  firstWaitMs: number
  /** The wait doubles with each failed probe, up to this. */
  longestWaitMs: number
}

export const BREAKER_TERMS: BreakerTerms = {
  share: 0.5,
  resultsMin: 20,
  windowMs: 10_000,
  firstWaitMs: 5_000,
  longestWaitMs: 60_000,
}

interface Counts {
  good: number
  bad: number
}

export type BreakerState =
  | { kind: 'closed'; since: number; present: Counts; past: Counts }
  /** Nothing is sent before `until`; then one probe is to be asked for. */
  | { kind: 'open'; until: number; waitMs: number }
  /** One probe is on its way; without an answer until `until` it counts as lost. */
  | { kind: 'half-open'; until: number; waitMs: number }

export const closedBreaker = (now: number): BreakerState => ({
  kind: 'closed',
  since: now,
  present: { good: 0, bad: 0 },
  past: { good: 0, bad: 0 },
})

/** The state after one result. A closed breaker is changed in place, since it hears of every POST. */
export function heard(
  state: BreakerState,
  isGood: boolean,
  now: number,
  terms: BreakerTerms = BREAKER_TERMS,
): BreakerState {
  switch (state.kind) {
    case 'closed':
      return counted(state, isGood, now, terms)
    case 'open':
      // What was on the wire when it opened says nothing new.
      return state
    case 'half-open': {
      if (isGood) return closedBreaker(now)
      const waitMs = Math.min(state.waitMs * 2, terms.longestWaitMs)
      return { kind: 'open', until: now + waitMs, waitMs }
    }
    default:
      return state satisfies never
  }
}

function counted(
  state: Extract<BreakerState, { kind: 'closed' }>,
  isGood: boolean,
  now: number,
  terms: BreakerTerms,
): BreakerState {
  if (now - state.since >= terms.windowMs) {
    state.past = now - state.since >= 2 * terms.windowMs ? { good: 0, bad: 0 } : state.present
    state.present = { good: 0, bad: 0 }
    state.since = now
  }
  if (isGood) {
    state.present.good++
    return state
  }
  state.present.bad++
  const bad = state.present.bad + state.past.bad
  const all = bad + state.present.good + state.past.good
  if (all < terms.resultsMin || bad / all < terms.share) return state
  return { kind: 'open', until: now + terms.firstWaitMs, waitMs: terms.firstWaitMs }
}

/** Whether a result says that the destination is in trouble; an answer that refuses this one action does not. */
export const isTrouble = (status: number | null): boolean =>
  status === null || status >= 500 || status === 429
