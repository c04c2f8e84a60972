import { createHash } from 'node:crypto'
import { VolleyError } from '../errors.ts'
import { type Caller, findKey } from '../ledger/keys.ts'
import type { Ledger } from '../ledger/ledger.ts'

/** A revoked key works at most this much longer. */
const REMEMBER_MS = 5_000
const REMEMBERED_MAX = 10_000

/** Finds the caller behind `Authorization: Bearer …`; a key that was just seen is not looked up again. */
export class Authenticator {
  readonly #ledger: Ledger
  readonly #known = new Map<string, { caller: Caller; until: number }>()

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  /** Throws `unauthorized` for a missing, malformed, unknown or revoked key, without saying which. */
  async caller(authorization: string | undefined): Promise<Caller> {
    const key = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1]
    if (key === undefined)
      throw new VolleyError('unauthorized', 'Send the API key as "Authorization: Bearer rt_live_…".')
    const digest = createHash('sha256').update(key).digest('base64')
    const known = this.#known.get(digest)
    if (known !== undefined && performance.now() < known.until) return known.caller
    const caller = await findKey(this.#ledger, key)
    if (caller === null) throw new VolleyError('unauthorized', 'The API key is not known.')
    this.#remember(digest, caller)
    return caller
  }

  #remember(digest: string, caller: Caller): void {
    if (this.#known.size >= REMEMBERED_MAX) this.#known.clear()
    this.#known.set(digest, { caller, until: performance.now() + REMEMBER_MS })
  }
}
