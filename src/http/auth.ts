import { hash } from 'node:crypto'
import { VolleyError } from '../errors.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { type Caller, findIdentity, type Identity, type Operator } from '../ledger/tenants/keys.ts'
import type { Auth } from './route.ts'

/** A revoked key works at most this much longer. */
const REMEMBER_MS = 5_000
const REMEMBERED_MAX = 10_000

/** Finds whom the key belongs to behind `Authorization: Bearer …`; a key that was just seen is not looked up again. */
export class Authenticator {
  readonly #ledger: Ledger
  readonly #known = new Map<string, { identity: Identity; until: number }>()

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  /** Throws `unauthorized` for a missing, malformed, unknown or revoked key, without saying which. */
  async identity(authorization: string | undefined): Promise<Identity> {
    const key = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1]
    if (key === undefined)
      throw new VolleyError('unauthorized', 'Send the API key as "Authorization: Bearer rt_live_…".')
    return this.identityOf(key)
  }

  /** Whose key this is. Throws `unauthorized` for one that is malformed, unknown or revoked. */
  async identityOf(key: string): Promise<Identity> {
    const digest = hash('sha256', key, 'base64')
    const known = this.#known.get(digest)
    if (known !== undefined && performance.now() < known.until) return known.identity
    const identity = await findIdentity(this.#ledger, key)
    if (identity === null) throw new VolleyError('unauthorized', 'The API key is not known.')
    this.#remember(digest, identity)
    return identity
  }

  #remember(digest: string, identity: Identity): void {
    if (this.#known.size >= REMEMBERED_MAX) this.#known.clear()
    this.#known.set(digest, { identity, until: performance.now() + REMEMBER_MS })
  }
}

/** Who may call a route of this kind, or null where everybody may. Throws a code that says whose key it takes. */
export async function admit(
  authenticator: Authenticator,
  auth: Auth,
  authorization: string | undefined,
): Promise<Caller | Operator | null> {
  // A vendor's key may stand elsewhere: see vendor-key.ts.
  if (auth === 'none' || auth === 'vendor') return null
  const identity = await authenticator.identity(authorization)
  if (auth === 'key') {
    if (identity.kind === 'operator') throw new VolleyError('tenant_key_needed')
    return identity.caller
  }
  if (identity.kind === 'tenant') throw new VolleyError('operator_key_needed')
  return identity.operator
}
