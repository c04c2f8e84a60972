import type { Pool } from 'pg'
import { ACTION_COLUMNS, type ActionRow, type RawAction, toActionRow } from './rows.ts'
import { DEADLINE_LANE } from './timers.ts'

/** One partition's part of a lane: the unit in which due work is found and held. */
export interface LaneSlice {
  p: number
  lane: string
}

// From lane to lane, not from row to row: the cost follows the number of lanes, however long their backlogs.
const SWEEP = `
with recursive l as (
  select x.* from unnest($1::smallint[]) o(p), lateral (
    select t.p, t.lane, t.at from timer t where t.p = o.p and t.lane > ${DEADLINE_LANE}
    order by t.lane, t.at limit 1) x
  union all
  select x.* from l, lateral (
    select t.p, t.lane, t.at from timer t where t.p = l.p and t.lane > l.lane
    order by t.lane, t.at limit 1) x)
select p, lane, (extract(epoch from at - now()) * 1000)::float8 as "inMs" from l
where at <= now() + $2 * interval '1 millisecond'`

/** The slices whose first action is due within `aheadMs`, with the ms until then (negative: overdue). */
export async function sweepLanes(
  pool: Pool,
  partitions: readonly number[],
  aheadMs: number,
): Promise<(LaneSlice & { inMs: number })[]> {
  if (partitions.length === 0) return []
  const { rows } = await pool.query<LaneSlice & { inMs: number }>({
    name: 'lanes-sweep',
    text: SWEEP,
    values: [partitions, aheadMs],
  })
  return rows
}

// `offset 0` keeps the list of held ids from being split again for each row.
const REFILL = `
select a.* from (
  select p, lane, n, string_to_array(held, ',') as held
  from unnest($1::smallint[], $2::bigint[], $3::int[], $4::text[]) as x(p, lane, n, held) offset 0
) l, lateral (
  select id, at from timer t where t.p = l.p and t.lane = l.lane and t.at <= now() and t.id <> all(l.held)
  order by t.at, t.id limit l.n
) d, lateral (select ${ACTION_COLUMNS} from action a where a.id = d.id) a
order by a.p, a.lane, d.at, a.id`

/** The first due actions of each slice that are not held, at most `room` of it. */
export async function dueInLanes(
  pool: Pool,
  slices: readonly (LaneSlice & { room: number; held: readonly string[] })[],
): Promise<ActionRow[]> {
  if (slices.length === 0) return []
  const { rows } = await pool.query<RawAction>({
    name: 'lanes-refill',
    text: REFILL,
    values: [
      slices.map((s) => s.p),
      slices.map((s) => s.lane),
      slices.map((s) => s.room),
      slices.map((s) => s.held.join(',')),
    ],
  })
  return rows.map(toActionRow)
}
