/**
 * Every Redis key of Volley.
 *
 * | key | type | holds | lives |
 * |---|---|---|---|
 * | `volley:{w:<worker>}:hi` | stream | nudges about facts: outcomes, cancels, forced retries | trimmed once read; expires a minute after its last nudge |
 * | `volley:{w:<worker>}:lo` | stream | nudges about new work: lanes, events | the same |
 *
 * Both keys of a worker share a hash tag, so that one blocking read works in a cluster too.
 */

export interface StreamKeys {
  hi: string
  lo: string
}

/** Long enough for a worker that stands still; what it would read later, its sweep has found. */
export const EXPIRE_SECONDS = 60

export function streamsOf(worker: string): StreamKeys {
  return { hi: `volley:{w:${worker}}:hi`, lo: `volley:{w:${worker}}:lo` }
}
