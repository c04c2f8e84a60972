import type { Pool } from 'pg'
import { laneOf, slicesOf } from '../placement.ts'

// Each slice of each lane stops at the limit, and so does the whole: the cost follows the limit, not what waits.
const COUNT = `
select count(*)::int as n from (
  select from unnest($1::smallint[], $2::bigint[]) l(p, lane), lateral (
    select from timer t where t.p = l.p and t.lane = l.lane limit $3) x
  union all
  select from (select from timer t where t.sleeper = $4 limit $3) s
  limit $3) n`

/**
 * How many actions of a tenant wait to be sent, now or later, counted up to `limit`. What was accepted for an earlier
 * address of an action type stands in that one's lane and is not counted.
 */
export async function countBacklog(
  pool: Pool,
  tenant: string,
  { partitions, limit }: { partitions: number; limit: number },
): Promise<number> {
  const slices = await slicesOfTenant(pool, tenant, partitions)
  const { rows } = await pool.query<{ n: number }>({
    name: 'backlog-count',
    text: COUNT,
    values: [slices.map(({ p }) => p), slices.map(({ lane }) => lane), limit, tenant],
  })
  return rows[0]!.n
}

async function slicesOfTenant(pool: Pool, tenant: string, partitions: number) {
  const { rows } = await pool.query<{ id: string; url: string }>({
    name: 'backlog-lanes',
    text: 'select id, delivery_webhook as url from action_type where tenant = $1',
    values: [tenant],
  })
  const slices = new Map<string, { p: number; lane: string }>()
  for (const { id, url } of rows) {
    // A limit may have been set or lifted since, so a type's actions may stand in the shared lane and in its own.
    for (const isLimited of [false, true]) {
      const lane = laneOf(tenant, url, isLimited ? id : undefined)
      for (const p of slicesOf(lane, partitions, isLimited)) slices.set(`${p} ${lane}`, { p, lane })
    }
  }
  return [...slices.values()]
}
