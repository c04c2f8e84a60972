import type { Pool } from 'pg'
import { newId } from '../../ids.ts'
import { waiterFor } from '../actions/timers.ts'
import { isErased } from '../people/redact.ts'
import { laneOfEndpoint, laneOfReplays, slicesOf } from '../placement.ts'

/** What an endpoint is still to be told, as whoever pulls it gets it. */
export interface Waiting {
  id: string
  /** JSON text: what is sent, packed. */
  parameters: string
}

export interface PulledEndpoint {
  id: string
  tenant: string
}

// An acknowledgement that its owner has not read yet, or that waits for a POST to come back.
const UNACKNOWLEDGED = `not exists (select from fact f where f.action_id = t.id and f.kind = 'pulled' and not f.applied)`

// Everything that waits has a timer: in a lane of its endpoint, or apart from the lanes under its endpoint's name. What was told
// and is over is not met at all, however much of it there is.
// Bodies are read one after another until there are enough bytes, so that what does not fit into an answer is not read.
const WAITING = `
with recursive own as (
  (select t.id from timer t where t.sleeper = ${waiterFor('$1::text')} and ${UNACKNOWLEDGED} order by t.id limit $4)
  union
  select x.id from unnest($2::smallint[], $3::bigint[]) l(p, lane), lateral (
    select t.id from timer t where t.p = l.p and t.lane = l.lane and ${UNACKNOWLEDGED} order by t.at, t.id limit $4) x
)
, ids as (select array_agg(id order by id) as ids from (select id from own order by id limit $4) own),
page as (
  select 0 as n, null::text collate "C" as id, null::text as parameters, 0::bigint as bytes
  union all
  select page.n + 1, a.id, a.parameters, page.bytes + coalesce(octet_length(a.parameters), 0)
  from page cross join ids left join lateral (
    select a.id, a.parameters::text as parameters from action a
    where a.id = ids.ids[page.n + 1] and a.type = $1 and not ${isErased('a.user_id')}) a on true
  where page.n < least(cardinality(ids.ids), $4 - 1) and page.bytes < $5
)
select page.id, page.parameters, page.n < cardinality(ids.ids) as "isFollowed" from page cross join ids
where page.n > 0 order by page.n`

/**
 * What waits for an endpoint, the oldest first: at most `limit`, and no more after those with which it has `bytes`. `more`:
 * there is something behind it.
 */
export async function readWaiting(
  pool: Pool,
  { id, tenant }: PulledEndpoint,
  partitions: number,
  { limit, bytes }: { limit: number; bytes: number },
): Promise<{ waiting: Waiting[]; more: boolean }> {
  const slices = [laneOfEndpoint(tenant, id), laneOfReplays(tenant, id)].flatMap((lane) =>
    [...new Set(slicesOf(lane, partitions, false))].map((p) => ({ p, lane })),
  )
  const { rows } = await pool.query<Waiting & { isFollowed: boolean }>({
    name: 'pull-waiting',
    text: WAITING,
    values: [id, slices.map(({ p }) => p), slices.map(({ lane }) => lane), limit + 1, bytes],
  })
  // Those that are erased at this moment have no more than their id.
  return { waiting: rows.filter(({ id }) => id !== null), more: rows.at(-1)?.isFollowed ?? false }
}

/** Keeps what is about to be given, so that it can be acknowledged together; gives the name under which it is. */
export async function keepPage(pool: Pool, endpoint: string, ids: readonly string[]): Promise<string> {
  const page = newId('wp')
  await pool.query({
    name: 'pull-keep',
    text: 'insert into pull_page (id, endpoint, ids) values ($1, $2, $3)',
    values: [page, endpoint, JSON.stringify(ids)],
  })
  return page
}

/** What was given under this name, which is remembered longer by that; null where nothing was, or it is forgotten. */
export async function readPage(pool: Pool, endpoint: string, page: string): Promise<string[] | null> {
  const { rows } = await pool.query<{ ids: string[] }>({
    name: 'pull-page',
    // Whoever hears nothing gives the same name for as long as that lasts; hardly any of these calls writes.
    text: `with used as (update pull_page set at = now() where id = $1 and endpoint = $2 and at < now() - interval '1 hour')
           select ids from pull_page where id = $1 and endpoint = $2`,
    values: [page, endpoint],
  })
  return rows[0]?.ids ?? null
}

/**
 * Commits that an endpoint has these notifications, as facts for their owners; gives the partition of each that was still
 * to be sent. What it does not have to be told any more, or never had, changes nothing.
 */
export async function acknowledge(pool: Pool, endpoint: string, ids: readonly string[]): Promise<number[]> {
  if (ids.length === 0) return []
  const { rows } = await pool.query<{ p: number }>({
    name: 'pull-acknowledge',
    text: `insert into fact (p, action_id, kind, n, seen_version)
           select p, id, 'pulled', version, version from action
           where id = any($2::text[]) and type = $1 and status in ('pending', 'retrying')
           on conflict (action_id, kind, n) do nothing returning p`,
    values: [endpoint, ids],
  })
  return rows.map(({ p }) => p)
}

/** How much waits to be pulled, counted up to `limit`. */
export async function countWaiting(
  client: Pick<Pool, 'query'>,
  endpoint: string,
  limit: number,
): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    `select count(*)::int as n from (select from timer where sleeper = ${waiterFor('$1::text')} limit $2) t`,
    [endpoint, limit],
  )
  return rows[0]!.n
}
