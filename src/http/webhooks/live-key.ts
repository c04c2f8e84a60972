import { VolleyError } from '../../errors.ts'
import type { Caller } from '../deps.ts'

/** Refuses a test key: what endpoints are told is live, and a test key neither causes nor ends any sending. */
export function requireLive(caller: Caller): void {
  if (caller.mode === 'test') throw new VolleyError('live_key_needed')
}
