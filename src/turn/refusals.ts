import { personKey } from '../ledger/people/person-key.ts'
import type { Held } from './held.ts'
import type { EngineLedger } from './ports.ts'

/**
 * Tells what is loaded already of permissions that changed since: an action may wait for hours behind a limit, and what
 * its user has withdrawn meanwhile must not be sent.
 */
export class Refusals {
  readonly #ledger: Pick<EngineLedger, 'refusalsSince'>
  readonly #held: Held
  #since: string | null = null
  #refreshing: Promise<void> | undefined

  constructor(ledger: Pick<EngineLedger, 'refusalsSince'>, held: Held) {
    this.#ledger = ledger
    this.#held = held
  }

  /** Asks once at a time; throws where the ledger cannot be reached, and goes on from the same place the next time. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async #refresh(): Promise<void> {
    const { at, changed } = await this.#ledger.refusalsSince(this.#since)
    this.#since = at
    if (changed.length === 0) return
    const byUser = new Map(
      changed.map(({ tenant, userId, permissions }) => [
        personKey({ tenant, test: false, id: userId }),
        permissions,
      ]),
    )
    for (const held of this.#held.values()) {
      const { tenant, userId } = held.row
      const permissions = byUser.get(personKey({ tenant, test: false, id: userId }))
      if (permissions !== undefined) held.permissions = permissions
    }
  }
}
