import type { Pool } from 'pg'
import type { Permissions } from '../../../actors/permissions.ts'
import { ACTION_COLUMNS, type ActionRow, type RawAction, toActionRow } from './rows.ts'
import { AWAKE_UNTIL, SLEEP_LANE } from './timers.ts'

/** One partition's part of a lane: the unit in which due work is found and held. */
export interface LaneSlice {
  p: number
  lane: string
}

// The least of a partition first. A move that crosses a turn's delete waits for it, and then finds nothing.
const WAKE = `
update timer t set lane = a.lane, sleeper = null
from (
  select s.* from unnest($1::smallint[]) o(p), lateral (
    select p, at, id from timer t where t.p = o.p and t.lane = ${SLEEP_LANE} and t.at <= ${AWAKE_UNTIL}
    order by t.at, t.id limit $2) s
) s join action a on a.id = s.id
where t.p = s.p and t.lane = ${SLEEP_LANE} and t.at = s.at and t.id = s.id`

/** Moves sends that are due soon from their sleep into their lanes, at most `limit` a partition; gives how many. */
export async function wakeSleeping(
  pool: Pool,
  partitions: readonly number[],
  limit: number,
): Promise<number> {
  const { rowCount } = await pool.query({ name: 'lanes-wake', text: WAKE, values: [partitions, limit] })
  return rowCount ?? 0
}

// From lane to lane, not from row to row: the cost follows the number of lanes, however long their backlogs. The walk goes
// through all partitions in step, and stops at the limit.
const SWEEP = `
with recursive l as (
  select x.* from unnest($1::smallint[], $2::bigint[]) o(p, after), lateral (
    select t.p, t.lane, t.at from timer t where t.p = o.p and t.lane > o.after
    order by t.lane, t.at limit 1) x
  union all
  select x.* from l, lateral (
    select t.p, t.lane, t.at from timer t where t.p = l.p and t.lane > l.lane
    order by t.lane, t.at limit 1) x)
select p, lane, (date_part('epoch', at - now()) * 1000)::float8 as "inMs" from l limit $3`

/** A slice met on the walk, with the ms until its first action is due (negative: overdue). */
export type MetSlice = LaneSlice & { inMs: number }

/** The next slices in which something waits, behind the given lane of each partition, at most `limit`. */
export async function walkLanes(pool: Pool, after: readonly LaneSlice[], limit: number): Promise<MetSlice[]> {
  if (after.length === 0) return []
  const { rows } = await pool.query<MetSlice>({
    name: 'lanes-walk',
    text: SWEEP,
    values: [after.map((s) => s.p), after.map((s) => s.lane), limit],
  })
  return rows
}

/** What is asked of a slice: its first `room` due actions behind `after`, or from its beginning. */
export type SliceAsk = LaneSlice & { room: number; after: { at: number; id: string } | null }

const REFILL = `
select a.* from unnest($1::smallint[], $2::bigint[], $3::int[], $4::float8[], $5::text[]) as l(p, lane, n, at, id), lateral (
  select t.id, t.at from timer t
  where t.p = l.p and t.lane = l.lane and t.at <= now() and (t.at, t.id) > (to_timestamp(l.at / 1000), l.id)
  order by t.at, t.id limit l.n
) d, lateral (
  select ${ACTION_COLUMNS},
    (select r.permissions from refusal r where r.tenant = a.tenant and r.user_id = a.user_id collate "C") as permissions
  from action a where a.id = d.id and a.status in ('pending', 'retrying')
    and not exists (select from fact f where f.action_id = a.id and not f.applied)
) a
order by a.p, a.lane, d.at, a.id`

/** An action to be sent; `permissions` is there where its user does not allow everything. */
export type DueAction = ActionRow & { permissions?: Permissions | null }

/**
 * The due actions that are asked for, each slice's in the order in which they are due. Of which something was said that no
 * turn has heard yet, is not sent before it is heard: a new owner finds what the last one was told.
 */
export async function dueInLanes(pool: Pool, asks: readonly SliceAsk[]): Promise<DueAction[]> {
  if (asks.length === 0) return []
  const { rows } = await pool.query<RawAction & { permissions: Permissions | null }>({
    name: 'lanes-refill',
    text: REFILL,
    values: [
      asks.map((ask) => ask.p),
      asks.map((ask) => ask.lane),
      asks.map((ask) => ask.room),
      asks.map((ask) => ask.after?.at ?? Number.NEGATIVE_INFINITY),
      asks.map((ask) => ask.after?.id ?? ''),
    ],
  })
  return rows.map((raw) => ({ ...toActionRow(raw), permissions: raw.permissions }))
}
