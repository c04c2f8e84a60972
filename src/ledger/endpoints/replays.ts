import type { ClientBase, Pool } from 'pg'
import type { ReplayCursor } from '../../../actors/replay.ts'
import { VolleyError } from '../../errors.ts'
import { newId } from '../../ids.ts'

/** An endpoint is told again of what happened in a time; times in ms since the epoch. */
export interface Replay {
  id: string
  endpoint: string
  tenant: string
  since: number
  until: number
  /** Names and groups of events; null: all that the endpoint subscribed to. */
  eventTypes: string[] | null
  perSecond: number
  state: 'running' | 'done' | 'cancelled'
  cursor: ReplayCursor
  /** The time up to which everything was looked at; null: nothing was yet. */
  reached: number | null
  lookedAt: number
  told: number
  /** How much there is to look at, counted up to 200,000 of each kind; null until it has begun. */
  estimated: number | null
  /** Why it does not go on; null: it does. */
  waitsFor: string | null
  createdAt: number
  endedAt: number | null
}

const ms = (column: string) => `round(date_part('epoch', ${column}) * 1000)::float8`
const COLUMNS = `id, endpoint, tenant, ${ms('since')} as since, ${ms('until')} as until, event_types as "eventTypes",
  per_second as "perSecond", state, cursor, ${ms('reached')} as reached, looked_at as "lookedAt", told, estimated,
  waits_for as "waitsFor", ${ms('created_at')} as "createdAt", ${ms('ended_at')} as "endedAt"`

/** How long after a change of an endpoint all workers tell it what happens: until then a replay has to go. */
const KNOWN_AFTER = `interval '2 seconds'`

/**
 * Asks for a replay of what happened since `since` (ms), up to `until`, or null: up to where the endpoint is told by itself.
 * Null where one of the endpoint is under way.
 */
export async function createReplay(
  pool: Pool,
  asked: Pick<Replay, 'endpoint' | 'tenant' | 'since' | 'eventTypes' | 'perSecond'> & {
    until: number | null
  },
): Promise<Replay | null> {
  const { rows } = await pool.query<Replay>(
    `insert into replay (id, endpoint, tenant, since, until, event_types, per_second)
     select $1, e.id, $3, to_timestamp($4::float8 / 1000),
            coalesce(to_timestamp($5::float8 / 1000), greatest(now(), e.updated_at + ${KNOWN_AFTER})), $6, $7
     from endpoint e where e.id = $2
     on conflict (endpoint) where ended_at is null do nothing returning ${COLUMNS}`,
    [
      newId('wr'),
      asked.endpoint,
      asked.tenant,
      asked.since,
      asked.until,
      asked.eventTypes === null ? null : JSON.stringify(asked.eventTypes),
      asked.perSecond,
    ],
  )
  return rows[0] ?? null
}

/** The latest replays of an endpoint, the newest first. */
export async function listReplays(pool: Pool, endpoint: string, limit: number): Promise<Replay[]> {
  const { rows } = await pool.query<Replay>(
    `select ${COLUMNS} from replay where endpoint = $1 order by id desc limit $2`,
    [endpoint, limit],
  )
  return rows
}

/** A replay of this endpoint; throws `not_found`. */
export async function readReplay(pool: Pool, endpoint: string, id: string): Promise<Replay> {
  const { rows } = await pool.query<Replay>(`select ${COLUMNS} from replay where endpoint = $1 and id = $2`, [
    endpoint,
    id,
  ])
  if (rows[0] === undefined)
    throw new VolleyError('not_found', `The endpoint has no replay with the id ${id}.`)
  return rows[0]
}

/** Ends a replay; what it has made already is told. One that has ended stays as it is. Throws `not_found`. */
export async function cancelReplay(pool: Pool, endpoint: string, id: string): Promise<Replay> {
  await pool.query(
    `update replay set state = 'cancelled', waits_for = null, ended_at = now()
     where endpoint = $1 and id = $2 and ended_at is null`,
    [endpoint, id],
  )
  return readReplay(pool, endpoint, id)
}

/** Takes a replay that is due, and keeps it from every other process until the transaction ends; null: none is. */
export async function takeReplay(client: ClientBase): Promise<Replay | null> {
  const { rows } = await client.query<Replay>({
    name: 'replay-take',
    text: `select ${COLUMNS} from replay where ended_at is null and due_at <= now()
           order by due_at for update skip locked limit 1`,
  })
  return rows[0] ?? null
}

/** What became of a replay in one step. */
export type ReplayStep = Pick<Replay, 'cursor' | 'reached' | 'lookedAt' | 'told' | 'estimated' | 'state'>

/** Writes how far a replay came; it is due again in `againMs`. */
export async function advanceReplay(
  client: ClientBase,
  id: string,
  { cursor, reached, lookedAt, told, estimated, state }: ReplayStep,
  againMs: number,
): Promise<void> {
  await client.query({
    name: 'replay-advance',
    text: `update replay set cursor = $2, reached = coalesce(to_timestamp($3::float8 / 1000), reached), looked_at = $4, told = $5, estimated = $6,
             state = $7, waits_for = null, ended_at = case when $7 <> 'running' then now() end,
             due_at = now() + $8 * interval '1 millisecond'
           where id = $1`,
    values: [id, JSON.stringify(cursor), reached, lookedAt, told, estimated, state, againMs],
  })
}

/** Lets a replay wait for so long, and says why. */
export async function postponeReplay(
  client: ClientBase | Pool,
  id: string,
  waitsFor: string,
  againMs: number,
): Promise<void> {
  await client.query({
    name: 'replay-postpone',
    text: `update replay set waits_for = $2, due_at = now() + $3 * interval '1 millisecond' where id = $1 and ended_at is null`,
    values: [id, waitsFor.slice(0, 500), againMs],
  })
}

/** How many notifications wait in these slices of a lane, counted up to `limit`. */
export async function countInLane(
  client: ClientBase,
  { lane, slices }: { lane: string; slices: readonly number[] },
  limit: number,
): Promise<number> {
  const { rows } = await client.query<{ n: number }>({
    name: 'replay-waiting',
    text: `select count(*)::int as n from (
             select from timer where p = any($1::smallint[]) and lane = $2::bigint limit $3) t`,
    values: [[...new Set(slices)], lane, limit],
  })
  return rows[0]!.n
}
