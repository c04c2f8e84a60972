/**
 * Leave to send: what a limited action type asks for before each POST. Pure; times are ms since the epoch by the
 * ledger's clock. The turn loads how much is in use under a lock, decides here, and commits before anything is sent.
 */

/** The limits of a type; null: none. */
export interface Limits {
  /** Most POSTs at a time, over all workers. */
  maxInFlight: number | null
  /** At most `limit` POSTs begin within any `perMs`. */
  rate: { limit: number; perMs: number } | null
}

/** How much of its limits a type uses: POSTs that have leave, and the time before which the next one may not begin. */
export interface Allowance {
  inFlight: number
  nextAt: number
}

/** `granted`: the POST may begin at `at`, not before. `denied`: to be asked again after `retryInMs`. */
export type Leave = { kind: 'granted'; at: number } | { kind: 'denied'; retryInMs: number }

/** So far ahead leave is given, so that a rate of thousands a second needs no turn for each POST. */
const AHEAD_MS = 25
/** POSTs begin a little later than they were given leave, each by another bit; this share of the distance allows for it. */
const SLACK = 0.02
/** A POST that ends frees its place in the turn that records it, which asks again; this is for those that end elsewhere. */
const FULL_RETRY_MS = 250

/** Whether one more POST of a type may begin, and what is in use afterwards. */
export function askLeave(limits: Limits, used: Allowance, now: number): { leave: Leave; used: Allowance } {
  if (limits.maxInFlight !== null && used.inFlight >= limits.maxInFlight)
    return { leave: { kind: 'denied', retryInMs: FULL_RETRY_MS }, used }
  if (limits.rate === null)
    return { leave: { kind: 'granted', at: now }, used: { ...used, inFlight: used.inFlight + 1 } }
  const at = Math.max(used.nextAt, now)
  if (at - now > AHEAD_MS) return { leave: { kind: 'denied', retryInMs: at - now - AHEAD_MS }, used }
  const nextAt = at + distanceMs(limits.rate)
  return { leave: { kind: 'granted', at }, used: { inFlight: used.inFlight + 1, nextAt } }
}

/** The distance in ms that POSTs of a type with this rate keep from each other. */
export const distanceMs = (rate: NonNullable<Limits['rate']>): number =>
  (rate.perMs / rate.limit) * (1 + SLACK)
