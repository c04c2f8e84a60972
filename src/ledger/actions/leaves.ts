import type { ClientBase } from 'pg'
import type { Allowance } from '../../../actors/leave.ts'
import { laneFor, SLEEP_LANE, sleeperFor } from './timers.ts'

/** What a turn writes of leave to send; times in ms since the epoch. */
export interface LeaveWrites {
  /** The time before which the next POST of a type may not begin. */
  allowances: { type: string; nextAt: number }[]
  permits: { type: string; actionId: string; until: number }[]
  /** POSTs that are over. */
  freed: { type: string; actionId: string }[]
  /** Attempts of actions that must not be sent twice; until `nextAt` the POST may be on the wire. */
  claims: { id: string; p: number; version: number; attempt: number; nextBefore: number; nextAt: number }[]
}

/**
 * What these types use of their limits, each locked until the turn ends, so that no other worker decides meanwhile.
 * Permits of the actions in `except` do not count: they are over, or are being asked for again.
 */
export async function lockAllowances(
  client: ClientBase,
  types: readonly string[],
  except: readonly string[],
): Promise<Map<string, Allowance>> {
  if (types.length === 0) return new Map()
  // In one order everywhere: two workers wait for each other in turn, never in a circle.
  const sorted = [...types].sort()
  await client.query({
    name: 'leave-types',
    text: `insert into allowance (type) select unnest($1::text[]) order by 1 on conflict do nothing`,
    values: [sorted],
  })
  const locked = await client.query<{ type: string; nextAt: number | null }>({
    name: 'leave-lock',
    text: `select type, case when isfinite(next_at) then round(date_part('epoch', next_at) * 1000) end as "nextAt"
           from allowance where type = any($1::text[]) order by type for update`,
    values: [sorted],
  })
  // A statement of its own: it must see what was committed while this one waited for the locks.
  const counted = await client.query<{ type: string; n: number }>({
    name: 'leave-count',
    text: `select type, count(*)::int as n from permit
           where type = any($1::text[]) and until > now() and action_id <> all($2::text[]) group by type`,
    values: [sorted, except],
  })
  const inFlight = new Map(counted.rows.map(({ type, n }) => [type, n]))
  return new Map(
    locked.rows.map(({ type, nextAt }) => [
      type,
      { inFlight: inFlight.get(type) ?? 0, nextAt: nextAt ?? Number.NEGATIVE_INFINITY },
    ]),
  )
}

/** Writes what was decided about leave; gives the ids of the claims that were written, fewer where a version was not as expected. */
export async function writeLeaves(client: ClientBase, writes: LeaveWrites): Promise<string[]> {
  const { allowances, permits, freed, claims } = writes
  if (freed.length > 0) {
    await client.query({
      name: 'leave-free',
      text: `delete from permit p using unnest($1::text[], $2::text[]) as x(type, id) where p.type = x.type and p.action_id = x.id`,
      values: [freed.map((f) => f.type), freed.map((f) => f.actionId)],
    })
  }
  if (permits.length > 0) {
    await client.query({
      name: 'leave-grant',
      text: `insert into permit (type, action_id, until)
             select type, id, to_timestamp(until / 1000) from unnest($1::text[], $2::text[], $3::float8[]) as x(type, id, until)
             on conflict (type, action_id) do update set until = excluded.until`,
      values: [permits.map((p) => p.type), permits.map((p) => p.actionId), permits.map((p) => p.until)],
    })
  }
  const paced = allowances.filter(({ nextAt }) => Number.isFinite(nextAt))
  if (paced.length > 0) {
    await client.query({
      name: 'leave-pace',
      text: `update allowance a set next_at = to_timestamp(x.at / 1000)
             from unnest($1::text[], $2::float8[]) as x(type, at) where a.type = x.type`,
      values: [paced.map((a) => a.type), paced.map((a) => a.nextAt)],
    })
  }
  return claims.length === 0 ? [] : writeClaims(client, claims)
}

// Put off past its POST, so that whoever owns it next looks only when that is over.
async function writeClaims(client: ClientBase, claims: LeaveWrites['claims']): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>({
    name: 'leave-claim',
    text: `
with x as (
  select * from unnest($1::text[], $2::smallint[], $3::int[], $4::int[], $5::float8[], $6::float8[])
    as x(id, p, version, attempt, old, new)
), u as (
  update action a set claimed = x.attempt, next_at = to_timestamp(x.new / 1000)
  from x where a.id = x.id and a.p = x.p and a.version = x.version and a.next_at = to_timestamp(x.old / 1000)
  returning a.id, a.tenant, a.type, a.p, a.lane, to_timestamp(x.old / 1000) as old, a.next_at as new
), t as (
  update timer t set at = u.new, lane = ${laneFor('u.lane', 'u.new')}, sleeper = ${sleeperFor({ tenant: 'u.tenant', type: 'u.type', lane: 'u.lane', at: 'u.new' })}
  from u
  where t.p = u.p and t.lane in (u.lane, ${SLEEP_LANE}) and t.at = u.old and t.id = u.id
)
select id from u`,
    values: [
      claims.map((c) => c.id),
      claims.map((c) => c.p),
      claims.map((c) => c.version),
      claims.map((c) => c.attempt),
      claims.map((c) => c.nextBefore),
      claims.map((c) => c.nextAt),
    ],
  })
  return rows.map(({ id }) => id)
}
