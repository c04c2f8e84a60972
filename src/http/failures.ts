import { VolleyError } from '../errors.ts'

/** SQLSTATE classes and socket errors that mean: the ledger cannot be reached now, and may be in a moment. */
const AWAY = /^(08|25P03|53|57|40|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH)/

/** What a client is told of anything that was thrown: its own code, `unavailable`, or `internal` without details. */
export function asVolleyError(thrown: unknown): VolleyError {
  if (thrown instanceof VolleyError) return thrown
  const { code, message, name } = thrown as { code?: unknown; message?: unknown; name?: unknown }
  const isAway =
    (typeof code === 'string' && AWAY.test(code)) ||
    (typeof message === 'string' &&
      /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client (was closed|has encountered a connection error))/.test(
        message,
      ))
  if (isAway) return new VolleyError('unavailable', undefined, { cause: thrown })
  if (name === 'URIError') return new VolleyError('not_found', 'The path is not valid percent-encoding.')
  return new VolleyError('internal', undefined, { cause: thrown })
}
