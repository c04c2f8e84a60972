import type { Pool } from 'pg'
import { IS_SHOWN, LISTED, type ListedEvent } from './list-events.ts'

/** A place in the order in which events were committed: everything before it was read. */
export interface Position {
  /** Inserting transaction, a decimal of 64 bits. */
  xid: string
  /** Sequence inside it; 0 is before its first event. */
  seq: string
}

/** An event and its place. */
export interface FollowedEvent extends ListedEvent {
  tenant: string
  xid: string
  seq: string
}

/** What is to be read: the events of these tenants behind `after`, up to and with `until`, null for all there are. */
export interface Following {
  tenants: readonly string[]
  /** The partitions in which these tenants' events lie. */
  partitions: readonly number[]
  after: Position
  until: Position | null
  limit: number
}

// A transaction that still runs may have taken an earlier place than one that is over, so reading ends before it.
const READ = `
with past as (select pg_snapshot_xmin(pg_current_snapshot()) as xmin)
select past.xmin::text as xmin, found.* from past left join lateral (
  select each.* from unnest($1::smallint[]) o(p), lateral (
    select ${LISTED}, tenant, xid, seq from event
    where event.p = o.p and (xid, seq) > ($3::xid8, $4::bigint) and xid < past.xmin
      and ($5::xid8 is null or (xid, seq) <= ($5::xid8, $6::bigint)) and tenant = any($2::uuid[])
      and ${IS_SHOWN}
    order by xid, seq limit $7) each
  order by each.xid, each.seq limit $7) found on true`

/** The next events in the order of their commits, and the place behind them, or behind all where there are no more. */
export async function followEvents(
  pool: Pool,
  { tenants, partitions, after, until, limit }: Following,
): Promise<{ events: FollowedEvent[]; reached: Position; isMore: boolean }> {
  const { rows } = await pool.query<FollowedEvent & { xmin: string }>({
    name: 'events-follow',
    text: READ,
    values: [partitions, tenants, after.xid, after.seq, until?.xid ?? null, until?.seq ?? null, limit],
  })
  const events = rows.filter(({ id }) => id !== null)
  if (events.length < limit) return { events, reached: { xid: rows[0]!.xmin, seq: '0' }, isMore: false }
  const { xid, seq } = events.at(-1)!
  return { events, reached: { xid, seq }, isMore: true }
}

/** The place behind everything that is over: what is committed from now on comes after it. */
export async function presentPosition(pool: Pool): Promise<Position> {
  const { rows } = await pool.query<{ xid: string }>(
    'select pg_snapshot_xmin(pg_current_snapshot())::text as xid',
  )
  return { xid: rows[0]!.xid, seq: '0' }
}

/** Negative where `one` comes before `other`. */
export function comparePositions(one: Position, other: Position): number {
  const difference = BigInt(one.xid) - BigInt(other.xid) || BigInt(one.seq) - BigInt(other.seq)
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}
