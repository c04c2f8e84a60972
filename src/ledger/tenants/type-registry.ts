import type { Pool } from 'pg'
import type { Terms } from '../../../actors/action.ts'
import type { Limits } from '../../../actors/leave.ts'
import { durationMs } from '../../duration.ts'
import type { Mistake } from '../../errors.ts'
import { laneOf, slicesOf } from '../placement.ts'
import { Followed, LOOK_BACK, REFRESH_MS } from './followed.ts'

/** The policy of a type that states none: 5 retries after the first try. */
export const DEFAULT_DELAYS = ['30s', '2m', '10m', '30m', '2h'] as const
export const DEFAULT_TIMEOUT = '10s'
export const DEFAULT_EXPIRES_AFTER = '72h'

/** An action type ready for use: secret in the clear, schema compiled, placement known. Never leaves the process. */
export interface RegisteredType {
  id: string
  tenant: string
  name: string
  provider: string
  /** What a user's consent and suppression go by beside the name; the provider where none is set. */
  channel: string
  /** Whether it is for its user, and sent only where the user allows it. */
  heedsUser: boolean
  /** How what is sent looks; src/dispatch/request.ts has them. */
  form: 'action' | 'notification'
  /** Makes another body of that which is sent otherwise; null: it is sent as it is. */
  mapped: ((body: string) => MappedBody) | null
  domain: string | null
  /** What one action costs by its type; null: that is not said. */
  estimatedCostUsd: number | null
  active: boolean
  url: string
  secret: string
  /** Signs beside `secret` until this, in ms; null where there is none. */
  previous: { secret: string; until: number } | null
  /** Sent beside those that every POST has; a flat list of names and values. */
  headers: readonly string[]
  /** Nothing of it is sent for now, and everything waits. */
  isPaused: boolean
  /** Nothing of it is sent any more: what waits ends for this reason. Null: it is. */
  withheldAs: 'endpoint_disabled' | null
  lane: string
  /** The lane that the types of a tenant with this destination share; their breaker is one. */
  destination: string
  /** The partition of each slice of the lane; index with `sliceOf(id, slices.length)`. */
  slices: readonly number[]
  terms: Terms
  timeoutMs: number
  limits: Limits
  /** Each POST is asked for in a turn before it begins: the type has a limit, or must not be repeated blindly. */
  needsLeave: boolean
  /** What is wrong with an action's parameters; empty when nothing is. */
  validate(parameters: unknown): Mistake[]
}

/** The exact text of a body, or why there is none. */
export type MappedBody = { kind: 'made'; text: string } | { kind: 'failed'; message: string }

export interface RegistryOptions {
  pool: Pool
  partitions: number
  openSecret(sealed: Buffer): string
  compile(schema: unknown): { validate(parameters: unknown): Mistake[] }
}

interface RawType {
  id: string
  tenant: string
  name: string
  provider: string
  channel: string | null
  domain: string | null
  active: boolean
  parameters_schema: unknown
  delivery_webhook: string
  secret: Buffer
  retry_policy: { delays: string[]; jitter: number } | null
  timeout: string | null
  expires_after: string | null
  max_in_flight: number | null
  rate_limit: { limit: number; per: string } | null
  resend: 'always' | 'never'
  awaits_outcome: boolean
  estimated_cost_usd: string | null
  changed: string
}

const COLUMNS = `id, tenant, name, provider, channel, domain, active, parameters_schema, delivery_webhook, secret, retry_policy,
  timeout, expires_after, max_in_flight, rate_limit, resend, awaits_outcome, estimated_cost_usd, updated_at::text as changed`

/** The action types in use by this process, kept fresh while it runs. */
export class TypeRegistry extends Followed {
  readonly #options: RegistryOptions
  readonly #byId = new Map<string, RegisteredType & { changed: string }>()
  readonly #idByName = new Map<string, string>()
  #since = 'now'

  constructor(options: RegistryOptions) {
    super()
    this.#options = options
  }

  /** The type as last read; undefined where this process has not loaded it. */
  cached(id: string): RegisteredType | undefined {
    return this.#byId.get(id)
  }

  /** Makes sure that these types are loaded, and gives those that exist. */
  async byIds(ids: Iterable<string>): Promise<Map<string, RegisteredType>> {
    const wanted = [...new Set(ids)]
    const missing = wanted.filter((id) => !this.#byId.has(id))
    if (missing.length > 0) await this.#load('id = any($1::text[])', [missing])
    return new Map(wanted.flatMap((id) => this.#byId.get(id) ?? []).map((type) => [type.id, type]))
  }

  /** The active types of a tenant with these names; what was not seen before is asked of the ledger. */
  async byNames(tenant: string, names: Iterable<string>): Promise<Map<string, RegisteredType>> {
    const wanted = [...new Set(names)]
    const missing = wanted.filter((name) => !this.isFresh(2 * REFRESH_MS) || !this.#named(tenant, name))
    if (missing.length > 0) {
      for (const name of missing) this.#idByName.delete(key(tenant, name))
      await this.#load('tenant = $1 and name = any($2::text[]) and active', [tenant, missing])
    }
    return new Map(wanted.flatMap((name) => this.#named(tenant, name) ?? []).map((type) => [type.name, type]))
  }

  async byName(tenant: string, name: string): Promise<RegisteredType | null> {
    return (await this.byNames(tenant, [name])).get(name) ?? null
  }

  /** Forgets a type that this process has just changed, so that the next use reads it. */
  changed(id: string): void {
    const type = this.#byId.get(id)
    if (type === undefined) return
    this.#byId.delete(id)
    this.#idByName.delete(key(type.tenant, type.name))
  }

  /** Where no type in use has changed, it is one query that names those changed lately. */
  protected override async read(): Promise<void> {
    const { rows } = await this.#options.pool.query<Pick<RawType, 'id' | 'changed'> & { read_at: string }>({
      name: 'types-changed',
      text: `select id, updated_at::text as changed, now()::text as read_at from action_type
             where updated_at > $1::timestamptz - interval '${LOOK_BACK}'`,
      values: [this.#since],
    })
    const changed = rows.filter(({ id, changed }) => {
      const known = this.#byId.get(id)
      return known !== undefined && known.changed !== changed
    })
    if (changed.length > 0) await this.#load('id = any($1::text[])', [changed.map(({ id }) => id)])
    if (rows[0] !== undefined) this.#since = rows[0].read_at
  }

  async #load(where: string, values: unknown[]): Promise<void> {
    const { rows } = await this.#options.pool.query<RawType>({
      text: `select ${COLUMNS} from action_type where ${where}`,
      values,
    })
    for (const row of rows) this.#keep(row)
  }

  #named(tenant: string, name: string): RegisteredType | undefined {
    const type = this.#byId.get(this.#idByName.get(key(tenant, name)) ?? '')
    return type?.active === true ? type : undefined
  }

  #keep(row: RawType): void {
    const limits = limitsOf(row)
    const isLimited = limits.maxInFlight !== null || limits.rate !== null
    // A limited type has a lane of its own: while it waits for its limit, no other type waits behind it.
    const destination = laneOf(row.tenant, row.delivery_webhook)
    const lane = isLimited ? laneOf(row.tenant, row.delivery_webhook, row.id) : destination
    const mayRepeat = row.resend === 'always'
    // A worker that only sends never asks where an action would be placed.
    const placed = once(() => slicesOf(lane, this.#options.partitions, isLimited))
    this.#byId.set(row.id, {
      id: row.id,
      tenant: row.tenant,
      name: row.name,
      provider: row.provider,
      channel: row.channel ?? row.provider,
      heedsUser: true,
      form: 'action',
      mapped: null,
      domain: row.domain,
      estimatedCostUsd: row.estimated_cost_usd === null ? null : Number(row.estimated_cost_usd),
      active: row.active,
      url: row.delivery_webhook,
      secret: this.#options.openSecret(row.secret),
      previous: null,
      headers: [],
      isPaused: false,
      withheldAs: null,
      lane,
      destination,
      get slices() {
        return placed()
      },
      terms: { ...retryTermsOf(row), awaitsOutcome: row.awaits_outcome, mayRepeat },
      limits,
      needsLeave: isLimited || !mayRepeat,
      timeoutMs: timeoutOf(row),
      validate: lazy(() => this.#options.compile(row.parameters_schema)),
      changed: row.changed,
    })
    if (row.active) this.#idByName.set(key(row.tenant, row.name), row.id)
  }
}

/** How long and how often a row of a type is tried, with the defaults of what it does not say; all in ms. */
export function retryTermsOf({
  retry_policy: policy,
  expires_after: expiresAfter,
}: Pick<RawType, 'retry_policy' | 'expires_after'>): Pick<Terms, 'delaysMs' | 'jitter' | 'expiresAfterMs'> {
  return {
    delaysMs: (policy?.delays ?? DEFAULT_DELAYS).map((delay) => durationMs(delay) ?? 0),
    jitter: policy?.jitter ?? 0,
    expiresAfterMs: durationMs(expiresAfter ?? DEFAULT_EXPIRES_AFTER) ?? 0,
  }
}

/** How long one POST may take, in ms. */
export const timeoutOf = ({ timeout }: Pick<RawType, 'timeout'>): number =>
  durationMs(timeout ?? DEFAULT_TIMEOUT) ?? 0

/** The limits that a row of a type says. */
export function limitsOf(row: Pick<RawType, 'max_in_flight' | 'rate_limit'>): Limits {
  const rate = row.rate_limit
  return {
    maxInFlight: row.max_in_flight,
    rate: rate === null ? null : { limit: rate.limit, perMs: durationMs(rate.per) ?? 0 },
  }
}

const key = (tenant: string, name: string) => `${tenant}\0${name}`

/** Compiles a schema at its first use: a worker that only sends never needs it. */
function lazy(
  compile: () => { validate(parameters: unknown): Mistake[] },
): (parameters: unknown) => Mistake[] {
  const schema = once(compile)
  return (parameters) => schema().validate(parameters)
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
