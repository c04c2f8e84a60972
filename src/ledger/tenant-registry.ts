import type { Pool } from 'pg'
import type { Sending } from './sending.ts'

/** As often as action types are asked for: a kill switch works within a second. */
const REFRESH_MS = 500

/** Which tenants do not send, kept fresh while the process runs; those that do are not kept at all. */
export class TenantRegistry {
  readonly #pool: Pool
  #notOn = new Map<string, Sending>()
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
    return this.#notOn.get(tenant) ?? 'on'
  }

  /** Whether what is known is known to be no older than `ms`; by the monotonic clock. */
  isFresh(ms: number): boolean {
    return performance.now() - this.#freshAt <= ms
  }

  /** Reads which tenants do not send; one query, by an index of those alone. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async #read(): Promise<void> {
    const startedAt = performance.now()
    const { rows } = await this.#pool.query<{ id: string; sending: Sending }>({
      name: 'tenants-not-sending',
      text: `select id, sending from tenant where sending <> 'on'`,
    })
    this.#notOn = new Map(rows.map(({ id, sending }) => [id, sending]))
    this.#freshAt = startedAt
  }
}
