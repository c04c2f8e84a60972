import type { Pool } from 'pg'
import { ACTION_COLUMNS, type ActionRow, type RawAction, toActionRow } from './rows.ts'

/** One partition's part of a lane: the unit in which due work is found and held. */
export interface LaneSlice {
  p: number
  lane: string
}

// From lane to lane, not from row to row: the cost follows the number of lanes, however long their backlogs.
const SWEEP = `
with recursive l as (
  select x.* from unnest($1::smallint[]) o(p), lateral (
    select a.p, a.lane, a.next_at from action a
    where a.p = o.p and a.status in ('pending', 'retrying') and not a.test
    order by a.lane, a.next_at limit 1) x
  union all
  select x.* from l, lateral (
    select a.p, a.lane, a.next_at from action a
    where a.p = l.p and a.lane > l.lane and a.status in ('pending', 'retrying') and not a.test
    order by a.lane, a.next_at limit 1) x)
select p, lane, (extract(epoch from next_at - now()) * 1000)::float8 as "inMs" from l
where next_at <= now() + $2 * interval '1 millisecond'`

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
  select ${ACTION_COLUMNS} from action a
  where a.p = l.p and a.lane = l.lane and a.status in ('pending', 'retrying') and not a.test and a.next_at <= now()
    and a.id <> all(l.held)
  order by a.next_at limit l.n) a`

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
