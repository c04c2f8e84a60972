/** So many requests of a tenant, and of all, may wait here for something to happen: each asks the ledger again and again. */
const WAITS_MAX = { tenant: 50, all: 500 }

/** The requests of this process that wait for something to be told. */
export class PullWaits {
  readonly #ofTenant = new Map<string, number>()
  #all = 0

  /** Counts one more; null where there are too many, and it must not wait. Otherwise to be called when it is over. */
  begin(tenant: string): (() => void) | null {
    const own = this.#ofTenant.get(tenant) ?? 0
    if (own >= WAITS_MAX.tenant || this.#all >= WAITS_MAX.all) return null
    this.#ofTenant.set(tenant, own + 1)
    this.#all++
    return () => this.#end(tenant)
  }

  #end(tenant: string): void {
    const left = this.#ofTenant.get(tenant)! - 1
    if (left === 0) this.#ofTenant.delete(tenant)
    else this.#ofTenant.set(tenant, left)
    this.#all--
  }
}
