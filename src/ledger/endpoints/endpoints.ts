import { randomBytes } from 'node:crypto'
import type { ClientBase, Pool } from 'pg'
import { VolleyError } from '../../errors.ts'
import { newId } from '../../ids.ts'
import { PULL_LANE, waiterFor } from '../actions/timers.ts'
import type { RateLimitText, RetryPolicyText } from '../entities/action-types.ts'
import type { SecretBox } from '../secrets.ts'
import { inTransaction } from '../transaction.ts'

/** What its owner may change of an endpoint; null takes the default. */
export interface EndpointFields {
  /** Empty for one that is only pulled from, and says none. */
  url: string
  /** `pull`: nothing is sent to it, and what it is told waits until it is pulled. */
  delivery: 'push' | 'pull'
  description: string
  /** Null: every event, those to come too. */
  subscribed_events: string[] | null
  /** JSON-logic over the event; null: all that it subscribed to. */
  filter: Record<string, unknown> | null
  /** A template over the event; null: it is sent as it is. */
  payload_mapping: Record<string, unknown> | unknown[] | null
  active: boolean
  paused: boolean
  /** Names and values, sent beside those that every POST has. */
  headers: Record<string, string> | null
  retry_policy: RetryPolicyText | null
  timeout: string | null
  expires_after: string | null
  max_in_flight: number | null
  rate_limit: RateLimitText | null
}

/** A row of `endpoint`; `headers` and secrets are sealed, times are ms since the epoch. */
export interface EndpointRow extends Omit<EndpointFields, 'headers'> {
  id: string
  tenant: string
  secret: Buffer
  previous_secret: Buffer | null
  previous_until: number | null
  headers: Buffer | null
  disabled_at: number | null
  disabled_reason: string | null
  created_at: number
  updated_at: number
  deleted_at: number | null
}

const ms = (column: string) => `round(date_part('epoch', ${column}) * 1000)::float8 as ${column}`

/** The columns of an EndpointRow. */
export const ENDPOINT_COLUMNS = `id, tenant, url, delivery, description, subscribed_events, filter, payload_mapping, active, paused, ${ms('disabled_at')},
  disabled_reason, secret, previous_secret, ${ms('previous_until')}, headers, retry_policy, timeout, expires_after,
  max_in_flight, rate_limit, ${ms('created_at')}, ${ms('updated_at')}, ${ms('deleted_at')}`

/** 64 hex characters, used as text by whoever signs or verifies. */
const newSecret = () => randomBytes(32).toString('hex')

/** What a field is in the ledger. */
function stored(name: string, value: unknown, secrets: SecretBox): unknown {
  if (value === null) return null
  if (name === 'headers') return secrets.seal(JSON.stringify(value))
  return typeof value === 'object' ? JSON.stringify(value) : value
}

/** `over`: the tenant has as many endpoints as it may. The secret in the clear is only here. */
export type Creation = { kind: 'created'; endpoint: EndpointRow; secret: string } | { kind: 'over' }

/** Creates an endpoint, unless its tenant has `max` of them already; null: as many as it likes. */
export function createEndpoint(
  pool: Pool,
  secrets: SecretBox,
  tenant: string,
  fields: Partial<EndpointFields> & Pick<EndpointFields, 'url'>,
  max: number | null,
): Promise<Creation> {
  const secret = newSecret()
  return inTransaction(pool, async (client): Promise<Creation> => {
    // Two that come at the same time are counted one after the other.
    await client.query('select from tenant where id = $1 for update', [tenant])
    if (max !== null && (await count(client, tenant)) >= max) return { kind: 'over' }
    const values = { id: newId('we'), tenant, secret: secrets.seal(secret), ...columnsOf(fields, secrets) }
    const names = Object.keys(values)
    const { rows } = await client.query<EndpointRow>(
      `insert into endpoint (${names.join(', ')}) values (${names.map((_, i) => `$${i + 1}`).join(', ')})
       returning ${ENDPOINT_COLUMNS}`,
      Object.values(values),
    )
    return { kind: 'created', endpoint: rows[0]!, secret }
  })
}

async function count(client: ClientBase, tenant: string): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    'select count(*)::int as n from endpoint where tenant = $1 and deleted_at is null',
    [tenant],
  )
  return rows[0]!.n
}

const columnsOf = (fields: Partial<EndpointFields>, secrets: SecretBox): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, stored(name, value, secrets)]))

/** A tenant's endpoints, newest first. */
export async function listEndpoints(pool: Pool, tenant: string): Promise<EndpointRow[]> {
  const { rows } = await pool.query<EndpointRow>(
    `select ${ENDPOINT_COLUMNS} from endpoint where tenant = $1 and deleted_at is null order by id desc`,
    [tenant],
  )
  return rows
}

/** A tenant's endpoint; throws `not_found`. */
export async function findEndpoint(pool: Pool, tenant: string, id: string): Promise<EndpointRow> {
  const { rows } = await pool.query<EndpointRow>(
    `select ${ENDPOINT_COLUMNS} from endpoint where id = $1 and tenant = $2 and deleted_at is null`,
    [id, tenant],
  )
  return required(rows[0], id)
}

/** An endpoint as it is now, a deleted one too; null where there is none. */
export async function endpointForReplay(client: ClientBase, id: string): Promise<EndpointRow | null> {
  const { rows } = await client.query<EndpointRow>(`select ${ENDPOINT_COLUMNS} from endpoint where id = $1`, [
    id,
  ])
  return rows[0] ?? null
}

/**
 * Changes what is given of an endpoint; throws `not_found`. One that is made active begins without the failures that
 * stand against it.
 */
export function changeEndpoint(
  pool: Pool,
  secrets: SecretBox,
  { tenant, id }: { tenant: string; id: string },
  fields: Partial<EndpointFields>,
): Promise<EndpointRow> {
  const values = columnsOf(fields, secrets)
  const sets = Object.keys(values).map((name, i) => `${name} = $${i + 3}`)
  if (fields.active === true) sets.push('disabled_at = null', 'disabled_reason = null')
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<EndpointRow>(
      `update endpoint set ${['tenant = tenant', ...sets].join(', ')}
       where id = $1 and tenant = $2 and deleted_at is null returning ${ENDPOINT_COLUMNS}`,
      [id, tenant, ...Object.values(values)],
    )
    if (fields.active === true)
      await client.query(
        'update endpoint_health set failing_since = null, warned_at = 0 where endpoint = $1',
        [id],
      )
    return required(rows[0], id)
  })
}

/**
 * Deletes an endpoint; what still waits for it ends as failed: whoever is about to send it is told, and what waits to be pulled
 * is cancelled. Throws `not_found`.
 */
export async function deleteEndpoint(pool: Pool, tenant: string, id: string): Promise<void> {
  const { rows } = await pool.query<{ id: string }>(
    `update endpoint set deleted_at = now(), active = false where id = $1 and tenant = $2 and deleted_at is null returning id`,
    [id, tenant],
  )
  required(rows[0], id)
  // It is deleted, whatever becomes of this: upkeep ends what waits, too.
  await endWaitingOfDeleted(pool).catch(() => undefined)
}

/** A worker that had not heard of it yet tells a deleted endpoint for a second more; an hour is plenty. */
const DELETED_LATELY = '1 hour'
const ENDED_AT_ONCE = 20_000

/** Ends what still waits to be pulled from endpoints that were deleted of late; gives how much, or a part of it. */
export async function endWaitingOfDeleted(pool: Pool): Promise<number> {
  const { rowCount } = await pool.query(
    `insert into fact (p, action_id, kind, n, seen_version)
     select a.p, a.id, 'cancel', a.version, a.version
     from endpoint e join timer t on t.sleeper = ${waiterFor('e.id')} and t.lane = '${PULL_LANE}'::bigint join action a on a.id = t.id
     where e.deleted_at > now() - interval '${DELETED_LATELY}' and a.status in ('pending', 'retrying')
       and not exists (select from fact f where f.action_id = a.id and f.kind = 'cancel' and f.n = a.version)
     limit ${ENDED_AT_ONCE}
     on conflict (action_id, kind, n) do nothing`,
  )
  return rowCount ?? 0
}

/** Gives an endpoint another secret; the one before signs beside it for `overlapMs`. Throws `not_found`. */
export async function rotateEndpointSecret(
  pool: Pool,
  secrets: SecretBox,
  { tenant, id }: { tenant: string; id: string },
  overlapMs: number,
): Promise<{ endpoint: EndpointRow; secret: string }> {
  const secret = newSecret()
  const { rows } = await pool.query<EndpointRow>(
    `update endpoint set previous_secret = secret, previous_until = now() + $3 * interval '1 millisecond', secret = $4
     where id = $1 and tenant = $2 and deleted_at is null returning ${ENDPOINT_COLUMNS}`,
    [id, tenant, overlapMs, secrets.seal(secret)],
  )
  return { endpoint: required(rows[0], id), secret }
}

/** The tier of a tenant in rules/plans.json; null: the default one. */
export async function planOf(pool: Pool, tenant: string): Promise<string | null> {
  const { rows } = await pool.query<{ plan: string | null }>('select plan from tenant where id = $1', [
    tenant,
  ])
  return rows[0]?.plan ?? null
}

/** Sets the tier of a tenant; false where there is no such tenant. */
export async function changePlan(pool: Pool, slug: string, plan: string | null): Promise<boolean> {
  const { rowCount } = await pool.query('update tenant set plan = $2 where slug = $1', [slug, plan])
  return rowCount === 1
}

function required<T>(row: T | undefined, id: string): T {
  if (row === undefined) throw new VolleyError('not_found', `No webhook endpoint has the id ${id}.`)
  return row
}
