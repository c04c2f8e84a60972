import { VolleyError } from '../../errors.ts'
import type { Caller } from '../deps.ts'

/**
 * Refuses a test key: what endpoints are told is live, so a test key neither causes nor ends any sending, says where it goes,
 * nor sees what was sent.
 */
export function requireLive(caller: Caller): void {
  if (caller.mode === 'test') throw new VolleyError('live_key_needed')
}
