import type { Pool } from 'pg'

/** Some of a tenant's people, in an order that says nothing of them and is the same each time, and how many there are. */
export interface PeopleSample {
  ids: string[]
  total: number
  /** The total is an estimate. */
  isEstimate: boolean
}

export interface SampleBounds {
  /** Most ids that are given. */
  limit: number
  /** So many people are read to pick among all of them; where there are more, pages of the table stand for the rest. */
  countedMax?: number
  /** Most pages of the table that are read. */
  pagesMax?: number
}

const WHO = 'o.tenant = $1 and not o.test and o.merged_into is null'
const PICK = `select (select count(*)::int from found) as many,
  array(select id from found order by hashtextextended(id, 0), id limit $2) as ids`

interface Found {
  many: number
  ids: string[]
}

/** Live people who live under their own id. */
export async function samplePeople(
  pool: Pool,
  tenant: string,
  { limit, countedMax = 10_000, pagesMax = 2_000 }: SampleBounds,
): Promise<PeopleSample> {
  const counted = await pool.query<Found>({
    name: 'people-sample-all',
    text: `with found as materialized (select o.id from person o where ${WHO} limit $3 + 1) ${PICK}`,
    values: [tenant, limit, countedMax],
  })
  const first = counted.rows[0]!
  if (first.many <= countedMax) return { ids: first.ids, total: first.many, isEstimate: false }
  const share = await shareOfPages(pool, pagesMax)
  // The same pages each time, whoever of the tenant is on them: the first people by id would be the oldest.
  const sampled = await pool.query<Found>({
    name: 'people-sample-pages',
    text: `with found as materialized (
             select o.id from person o tablesample system ($3::float8 * 100) repeatable (1) where ${WHO}) ${PICK}`,
    values: [tenant, limit, share],
  })
  const { many, ids } = sampled.rows[0]!
  const total = Math.max(countedMax + 1, Math.round(many / share))
  // Where a tenant is a very small part of all, too few of its people are on those pages.
  return { ids: ids.length < Math.min(limit, 100) ? first.ids : ids, total, isEstimate: true }
}

async function shareOfPages(pool: Pool, pagesMax: number): Promise<number> {
  const { rows } = await pool.query<{ pages: number }>(
    `select (pg_relation_size('person') / current_setting('block_size')::int)::float8 as pages`,
  )
  return Math.min(1, pagesMax / Math.max(1, rows[0]!.pages))
}
