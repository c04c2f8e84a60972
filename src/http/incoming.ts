import type { Context } from 'koa'
import { VolleyError } from '../errors.ts'
import type { Caller } from '../ledger/tenants/keys.ts'
import type { Authenticator } from './auth.ts'
import { readRaw } from './body.ts'
import { keyInHeader, keyInQuery } from './connectors/vendor-key.ts'
import type { Incoming } from './route.ts'

/** A request of a vendor's, of which nothing is read yet. */
export function incomingOf(context: Context, authenticator: Authenticator): Incoming {
  // The router takes it wherever it takes GET, and whoever asks so means to change nothing.
  if (context.method === 'HEAD') throw new VolleyError('method_not_allowed')
  const header = (name: string) => context.get(name) || null
  const query = Object.fromEntries(
    Object.entries(context.query).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  )
  const callerOf = async (key: string): Promise<Caller> => {
    const identity = await authenticator.identityOf(key)
    if (identity.kind === 'operator') throw new VolleyError('tenant_key_needed')
    // For the line in the log.
    context.state.tenant = identity.caller.tenant
    return identity.caller
  }
  return {
    contentType: header('content-type'),
    contentEncoding: header('content-encoding'),
    signature: header('x-signature'),
    query,
    async caller() {
      const authorization = header('authorization')
      const key = authorization === null ? keyInQuery(query) : keyInHeader(authorization)
      return key === null ? null : callerOf(key)
    },
    callerOf,
    bytes: (limitBytes) => readRaw(context.req, limitBytes),
  }
}
