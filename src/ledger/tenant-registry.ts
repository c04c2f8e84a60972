import type { Pool } from 'pg'
import type { Sending } from './sending.ts'

/** As often as action types are asked for: a kill switch works within a second. */
const REFRESH_MS = 500

/** What an operator said of a tenant; null `backlogMax` is the installation's limit. */
interface Special {
  sending: Sending
  backlogMax: number | null
}

/** What was said of single tenants, kept fresh while the process runs; all others are not kept at all. */
export class TenantRegistry {
  readonly #pool: Pool
  #special = new Map<string, Special>()
  #timer: NodeJS.Timeout | undefined
  #refreshing: Promise<void> | undefined
  #freshAt = Number.NEGATIVE_INFINITY

  constructor(pool: Pool) {
    this.#pool = pool
  }

  /** Begins to follow changes; throws where the ledger cannot be reached. */
  async start(): Promise<void> {
    await this.refresh()
    this.#timer = setInterval(() => void this.refresh().catch(() => undefined), REFRESH_MS)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#refreshing?.catch(() => undefined)
  }

  sendingOf(tenant: string): Sending {
    return this.#special.get(tenant)?.sending ?? 'on'
  }

  /** The limit of a tenant's own backlog; null where it has none of its own. */
  backlogMaxOf(tenant: string): number | null {
    return this.#special.get(tenant)?.backlogMax ?? null
  }

  /** Whether what is known is known to be no older than `ms`; by the monotonic clock. */
  isFresh(ms: number): boolean {
    return performance.now() - this.#freshAt <= ms
  }

  /** Reads what was said of single tenants; one query, by an index of those alone. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async #read(): Promise<void> {
    const startedAt = performance.now()
    const { rows } = await this.#pool.query<Special & { id: string }>({
      name: 'tenants-special',
      text: `select id, sending, backlog_max as "backlogMax" from tenant where sending <> 'on' or backlog_max is not null`,
    })
    this.#special = new Map(rows.map(({ id, ...special }) => [id, special]))
    this.#freshAt = startedAt
  }
}
