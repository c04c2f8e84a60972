import type { Pool } from 'pg'
import { Followed } from './followed.ts'
import type { Sending } from './sending.ts'

/** What an operator said of a tenant; null `backlogMax` is the installation's limit. */
interface Special {
  sending: Sending
  backlogMax: number | null
}

/** What was said of single tenants, kept fresh while the process runs; all others are not kept at all. */
export class TenantRegistry extends Followed {
  readonly #pool: Pool
  #special = new Map<string, Special>()

  constructor(pool: Pool) {
    super()
    this.#pool = pool
  }

  sendingOf(tenant: string): Sending {
    return this.#special.get(tenant)?.sending ?? 'on'
  }

  /** The limit of a tenant's own backlog; null where it has none of its own. */
  backlogMaxOf(tenant: string): number | null {
    return this.#special.get(tenant)?.backlogMax ?? null
  }

  /** One query, by an index of those alone of whom something was said. */
  protected override async read(): Promise<void> {
    const { rows } = await this.#pool.query<Special & { id: string }>({
      name: 'tenants-special',
      text: `select id, sending, backlog_max as "backlogMax" from tenant where sending <> 'on' or backlog_max is not null`,
    })
    this.#special = new Map(rows.map(({ id, ...special }) => [id, special]))
  }
}
