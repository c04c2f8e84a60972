import type { Pool } from 'pg'
import { subscription } from '../../../actors/event-types.ts'
import { PULL_LANE } from '../actions/timers.ts'
import { laneOf, laneOfEndpoint, slicesOf } from '../placement.ts'
import { Followed, LOOK_BACK } from '../tenants/followed.ts'
import {
  limitsOf,
  type MappedBody,
  type RegisteredType,
  retryTermsOf,
  timeoutOf,
} from '../tenants/type-registry.ts'
import { ENDPOINT_COLUMNS, type EndpointRow } from './endpoints.ts'

/** An endpoint ready for use: to the engine a type whose actions await no outcome, and whom it is to be told of. */
export interface RegisteredEndpoint extends RegisteredType {
  wants(event: string): boolean
  /** Its filter over an event `{id, type, data}`, which takes what it does from the steps left; null: it has none. */
  passes: Passes | null
  /** Nothing is sent to it: what it is told waits until it is pulled. */
  isPulled: boolean
}

type Passes = (event: unknown, left: { steps: number }) => boolean

export interface EndpointRegistryOptions {
  pool: Pool
  partitions: number
  openSecret(sealed: Buffer): string
  compileFilter(filter: unknown): Passes
  compileMapping(mapping: unknown): (event: unknown) => MappedBody
}

const NONE: readonly RegisteredEndpoint[] = []

/** Every endpoint in use, kept fresh while the process runs; a tenant without any costs nothing. */
export class EndpointRegistry extends Followed {
  readonly #options: EndpointRegistryOptions
  readonly #byId = new Map<string, RegisteredEndpoint & { changed: string }>()
  readonly #ofTenant = new Map<string, readonly RegisteredEndpoint[]>()
  #since = '-infinity'

  constructor(options: EndpointRegistryOptions) {
    super()
    this.#options = options
  }

  /** The active endpoints of a tenant. */
  ofTenant(tenant: string): readonly RegisteredEndpoint[] {
    return this.#ofTenant.get(tenant) ?? NONE
  }

  /** The endpoint as last read; undefined where this process has not loaded it. */
  cached(id: string): RegisteredEndpoint | undefined {
    return this.#byId.get(id)
  }

  /** Makes sure that these endpoints are loaded, deleted ones too, and gives those that exist. */
  async byIds(ids: readonly string[]): Promise<Map<string, RegisteredEndpoint>> {
    const missing = ids.filter((id) => !this.#byId.has(id))
    if (missing.length > 0) await this.#load(missing)
    return new Map(ids.flatMap((id) => this.#byId.get(id) ?? []).map((endpoint) => [endpoint.id, endpoint]))
  }

  /** The first time, all. */
  protected override async read(): Promise<void> {
    const { rows } = await this.#options.pool.query<{ at: string; id: string | null; changed: string }>({
      name: 'endpoints-changed',
      text: `select n.at, e.id, e.changed from (select now()::text as at) n left join lateral (
               select id, updated_at::text as changed from endpoint
               where updated_at > $1::timestamptz - interval '${LOOK_BACK}' and (deleted_at is null or $1 <> '-infinity')
             ) e on true`,
      values: [this.#since],
    })
    const changed = rows.flatMap(({ id, changed }) =>
      id === null || this.#byId.get(id)?.changed === changed ? [] : [id],
    )
    if (changed.length > 0) await this.#load(changed)
    this.#since = rows[0]!.at
  }

  async #load(ids: readonly string[]): Promise<void> {
    const { rows } = await this.#options.pool.query<EndpointRow & { changed: string }>({
      name: 'endpoints-load',
      text: `select ${ENDPOINT_COLUMNS}, updated_at::text as changed from endpoint where id = any($1::text[]) order by id`,
      values: [ids],
    })
    for (const row of rows) this.#keep(row)
  }

  #keep(row: EndpointRow & { changed: string }): void {
    const endpoint = { ...registeredEndpoint(row, this.#options), changed: row.changed }
    this.#byId.set(row.id, endpoint)
    const others = (this.#ofTenant.get(row.tenant) ?? NONE).filter(({ id }) => id !== row.id)
    const all = endpoint.active ? [...others, endpoint] : others
    if (all.length === 0) this.#ofTenant.delete(row.tenant)
    else this.#ofTenant.set(row.tenant, all)
  }
}

/** What the engine needs to know of an endpoint. */
export function registeredEndpoint(
  row: EndpointRow,
  { partitions, openSecret, compileFilter, compileMapping }: Omit<EndpointRegistryOptions, 'pool'>,
): RegisteredEndpoint {
  const limits = limitsOf(row)
  const isLimited = limits.maxInFlight !== null || limits.rate !== null
  const ownLane = laneOfEndpoint(row.tenant, row.id)
  const isPulled = row.delivery === 'pull'
  const isActive = row.active && row.deleted_at === null
  return {
    id: row.id,
    tenant: row.tenant,
    name: row.id,
    provider: 'webhook',
    channel: 'webhook',
    heedsUser: false,
    form: 'notification',
    mapped: row.payload_mapping === null ? null : mappedBy(compileMapping(row.payload_mapping)),
    domain: null,
    estimatedCostUsd: null,
    active: isActive,
    url: row.url,
    secret: openSecret(row.secret),
    previous:
      row.previous_secret === null || row.previous_until === null
        ? null
        : { secret: openSecret(row.previous_secret), until: row.previous_until },
    headers: row.headers === null ? [] : flat(JSON.parse(openSecret(row.headers)) as Record<string, string>),
    isPaused: row.paused || isPulled,
    isPulled,
    withheldAs: isActive ? null : 'endpoint_disabled',
    lane: isPulled ? PULL_LANE : ownLane,
    // One that is only pulled from may have no URL.
    destination: row.url === '' ? ownLane : laneOf(row.tenant, row.url),
    slices: slicesOf(ownLane, partitions, isLimited),
    terms: { ...retryTermsOf(row), awaitsOutcome: false, mayRepeat: true },
    timeoutMs: timeoutOf(row),
    limits,
    needsLeave: isLimited,
    validate: () => [],
    wants: subscription(row.subscribed_events),
    passes: row.filter === null ? null : compileFilter(row.filter),
  }
}

const mappedBy =
  (make: (event: unknown) => MappedBody) =>
  (body: string): MappedBody => {
    const made = make(JSON.parse(body))
    return made.kind === 'made' ? made : { kind: 'failed', message: `payload_mapping: ${made.message}` }
  }

const flat = (headers: Record<string, string>): string[] => Object.entries(headers).flat()
