/**
 * Every Redis key of Volley.
 *
 * | key | type | holds | lives |
 * |---|---|---|---|
 * | `volley:{w:<worker>}:hi` | stream | nudges about facts: outcomes, cancels, forced retries | trimmed once read; expires an hour after its worker's last beat |
 * | `volley:{w:<worker>}:lo` | stream | nudges about new work: lanes, events | the same |
 *
 * Both keys of a worker share a hash tag, so that one blocking read works in a cluster too.
 */

export interface StreamKeys {
  hi: string
  lo: string
}

export function streamsOf(worker: string): StreamKeys {
  return { hi: `volley:{w:${worker}}:hi`, lo: `volley:{w:${worker}}:lo` }
}
