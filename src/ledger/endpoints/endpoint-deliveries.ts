import type { Pool } from 'pg'
import type { Status } from '../../../actors/action.ts'
import { newId } from '../../ids.ts'
import { insertActions } from '../actions/insert-actions.ts'
import { sliceOf } from '../placement.ts'
import { idsFrom } from '../retention/months.ts'
import type { RegisteredType } from '../tenants/type-registry.ts'

/** One attempt as history keeps it; `at` in ms. */
export interface DeliveryAttempt {
  attempt: number
  at: number
  detail: {
    http_status?: number | null
    latency_ms?: number
    error?: string | null
    message?: string
    response_excerpt?: string
  } | null
}

/** What an endpoint was told, or is to be told; times in ms. */
export interface Delivery {
  id: string
  p: number
  version: number
  userId: string
  origin: string
  /** JSON text: what is sent, packed. */
  parameters: string
  status: Status
  attempts: number
  failureReason: string | null
  nextAt: number | null
  createdAt: number
  updatedAt: number
  /** It was pulled, and not sent. */
  isPulled: boolean
  /** The last one of a list, all of a single delivery; oldest first. */
  tries: DeliveryAttempt[]
}

const ms = (column: string) => `(date_part('epoch', ${column}) * 1000)::float8`

const deliveries = (where: string, order: string, tries: number) => `
select a.id, a.p, a.version, a.user_id as "userId", a.origin, a.parameters::text as parameters, a.status,
       a.attempt as attempts, a.failure_reason as "failureReason", ${ms('a.next_at')} as "nextAt",
       ${ms('a.created_at')} as "createdAt", ${ms('a.updated_at')} as "updatedAt",
       exists (select from history h where h.action_id = a.id and h.kind = 'pulled') as "isPulled",
       coalesce((select json_agg(json_build_object('attempt', h.attempt, 'at', ${ms('h.at')}, 'detail', h.detail) order by h.version)
         from (select * from history h where h.action_id = a.id and h.kind = 'result'
               order by h.version desc limit ${tries}) h), '[]') as tries
from action a where a.type = $1 and ${where} ${order}`

/** Which deliveries are asked for; null: any. `before` is the id where the page before ended; none follows those with `bytes`. */
export interface DeliveryFilter {
  statuses: readonly Status[] | null
  event: string | null
  before: string | null
  limit: number
  bytes: number
}

// Sizes are looked at one after another until there are enough bytes: what does not fit into a page is not read.
const PAGE = `
with recursive ids as (
  select array_agg(id order by id desc) as ids from (
    select a.id from action a
    where a.type = $1 and ($2::text[] is null or a.status = any($2)) and ($3::text is null or a.origin = 'event:' || $3)
      and ($4::text is null or a.id < $4) order by a.id desc limit $5 + 1) own
), page as (
  select 0 as n, '' collate "C" as id, 0::bigint as bytes
  union all
  select page.n + 1, a.id, page.bytes + octet_length(a.parameters::text)
  from page cross join ids join action a on a.id = ids.ids[page.n + 1]
  where page.n < least(cardinality(ids.ids), $5) and page.bytes < $6
)
select page.id, page.n < cardinality(ids.ids) as "isFollowed" from page cross join ids where page.n > 0 order by page.n`

/** What an endpoint was told, newest first; `more`: there is something behind it. */
export async function listDeliveries(
  pool: Pool,
  endpoint: string,
  { statuses, event, before, limit, bytes }: DeliveryFilter,
): Promise<{ deliveries: Delivery[]; more: boolean }> {
  const { rows: page } = await pool.query<{ id: string; isFollowed: boolean }>(PAGE, [
    endpoint,
    statuses,
    event,
    before,
    limit,
    bytes,
  ])
  const { rows } = await pool.query<Delivery>(deliveries('a.id = any($2::text[])', 'order by a.id desc', 1), [
    endpoint,
    page.map(({ id }) => id),
  ])
  return { deliveries: rows, more: page.at(-1)?.isFollowed ?? false }
}

/** One delivery with all of its attempts; null where the endpoint has none with this id. */
export async function readDelivery(pool: Pool, endpoint: string, id: string): Promise<Delivery | null> {
  const { rows } = await pool.query<Delivery>(deliveries('a.id = $2', '', 100), [endpoint, id])
  return rows[0] ?? null
}

/** Tells an endpoint again, under another id, what it was told before: the same event, to the byte. */
export async function repeatDelivery(
  pool: Pool,
  { userId, origin, parameters }: Pick<Delivery, 'userId' | 'origin' | 'parameters'>,
  endpoint: RegisteredType,
): Promise<{ id: string; p: number; lane: string }> {
  const id = newId('ea')
  const { tenant, lane, slices, terms } = endpoint
  const p = slices[sliceOf(id, slices.length)]!
  const row = {
    id,
    tenant,
    type: endpoint.id,
    userId,
    parameters,
    reasoning: null,
    confidence: null,
    origin,
    test: false,
    shadow: false,
    lane,
    p,
    scheduledAt: null,
    expiresAt: null,
    expiresAfterMs: terms.expiresAfterMs,
  }
  await insertActions(pool, [row])
  return { id, p, lane }
}

/**
 * Asks for a retry of what could not be told since then (ms), the oldest first, at most `limit`; gives the partition of
 * each. What was asked for already is not asked for again.
 */
export async function recoverDeliveries(
  pool: Pool,
  endpoint: string,
  since: number,
  limit: number,
): Promise<number[]> {
  const { rows } = await pool.query<{ p: number }>(
    `insert into fact (p, action_id, kind, n, seen_version)
     select p, id, 'retry', version, version from action a
     where type = $1 and id >= $2 and status in ('failed', 'expired') and user_id not like 'erased:%'
       and not exists (select from fact f where f.action_id = a.id and f.kind = 'retry' and f.n = a.version)
     order by id limit $3
     on conflict (action_id, kind, n) do nothing returning p`,
    [endpoint, idsFrom('ea', new Date(since)), limit],
  )
  return rows.map(({ p }) => p)
}

/** How much could not be told since then (ms), counted up to `limit`. */
export async function countLost(pool: Pool, endpoint: string, since: number, limit: number): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(
    `select count(*)::int as n from (
       select from action where type = $1 and id >= $2 and status in ('failed', 'expired') limit $3) x`,
    [endpoint, idsFrom('ea', new Date(since)), limit],
  )
  return rows[0]!.n
}
