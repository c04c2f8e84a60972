/** A secret that is set in another process is looked at this much later, at most. */
const REMEMBER_MS = 1_000
const REMEMBERED_MAX = 10_000

/** The secrets that tenants share with Segment, read once a second where they are asked for all the time. */
export class KnownSecrets {
  readonly #read: (tenant: string) => Promise<string | null>
  readonly #known = new Map<string, { secret: Promise<string | null>; until: number }>()

  constructor(read: (tenant: string) => Promise<string | null>) {
    this.#read = read
  }

  /** The tenant's secret; null where it has none. */
  of(tenant: string): Promise<string | null> {
    const known = this.#known.get(tenant)
    if (known !== undefined && performance.now() < known.until) return known.secret
    if (this.#known.size >= REMEMBERED_MAX) this.#known.clear()
    const secret = this.#read(tenant)
    this.#known.set(tenant, { secret, until: performance.now() + REMEMBER_MS })
    // What failed is asked anew by the next one.
    secret.catch(() => this.#known.delete(tenant))
    return secret
  }

  /** Has the next one read it anew: this process has just changed it. */
  forget(tenant: string): void {
    this.#known.delete(tenant)
  }
}
