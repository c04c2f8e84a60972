import type { ClientBase } from 'pg'
import type { PersonKey } from './person-key.ts'

/** That somebody is to be looked at; `at` in ms. The person says by when exactly, so that a row too many does no harm. */
export interface DueRow extends PersonKey {
  p: number
  at: number
}

const ROW = `p, round(date_part('epoch', at) * 1000) as at, tenant, test, id`

/** Who is due, the earliest first, at most `limit` a partition; where there are more, tenant by tenant. */
export async function readDue(
  client: ClientBase,
  partitions: readonly number[],
  limit: number,
): Promise<DueRow[]> {
  if (partitions.length === 0) return []
  const { rows } = await client.query<DueRow>({
    name: 'due-read',
    text: `select d.* from unnest($1::smallint[]) o(p), lateral (
             select ${ROW} from due d where d.p = o.p and d.at <= now() order by d.at, d.tenant, d.test, d.id limit $2) d`,
    values: [partitions, limit],
  })
  const full = [...Map.groupBy(rows, ({ p }) => p)].flatMap(([p, own]) => (own.length >= limit ? [p] : []))
  if (full.length === 0 || limit === 1) return rows
  const fair = await readFairly(client, full, limit)
  return [...rows.filter(({ p }) => !full.includes(p)), ...fair]
}

// From tenant to tenant by the index, and of each no more than all of a page; the second ones come after all the first.
const FAIRLY = `
with recursive t as (
  select x.* from unnest($1::smallint[]) o(p), lateral (
    select d.p, d.tenant, d.at from due d where d.p = o.p order by d.tenant, d.at limit 1) x
  union all
  select x.* from t, lateral (
    select d.p, d.tenant, d.at from due d where d.p = t.p and d.tenant > t.tenant order by d.tenant, d.at limit 1) x)
select ${ROW} from (
  select d.*, row_number() over (partition by d.p order by d.nth, d.at, d.tenant) as place from t, lateral (
    select d.*, row_number() over (order by d.at) as nth from (
      select * from due d where d.p = t.p and d.tenant = t.tenant and d.at <= now() order by d.at limit $2) d) d
  where t.at <= now()) d
where place <= $2 order by place`

async function readFairly(
  client: ClientBase,
  partitions: readonly number[],
  limit: number,
): Promise<DueRow[]> {
  const { rows } = await client.query<DueRow>({
    name: 'due-fairly',
    text: FAIRLY,
    values: [partitions, limit],
  })
  return rows
}

/** Takes away rows that were looked at. */
export async function deleteDue(client: ClientBase, rows: readonly DueRow[]): Promise<void> {
  if (rows.length === 0) return
  await client.query({
    name: 'due-delete',
    text: `delete from due d using unnest($1::smallint[], $2::float8[], $3::uuid[], $4::bool[], $5::text[]) as x(p, at, tenant, test, id)
           where d.p = x.p and d.at = to_timestamp(x.at / 1000) and d.tenant = x.tenant and d.test = x.test and d.id = x.id`,
    values: [
      rows.map(({ p }) => p),
      rows.map(({ at }) => at),
      rows.map(({ tenant }) => tenant),
      rows.map(({ test }) => test),
      rows.map(({ id }) => id),
    ],
  })
}

/** Has nobody look at a person again by itself, though nothing of the person can be written. */
export async function stopDue(client: ClientBase, { p, at: _, ...key }: DueRow): Promise<void> {
  await forgetDue(client, [{ p, ...key }])
  await client.query('update person set due_at = null where tenant = $1 and test = $2 and id = $3', [
    key.tenant,
    key.test,
    key.id,
  ])
}

/** Takes away every row of people who are no more. */
export async function forgetDue(
  client: ClientBase,
  people: readonly (PersonKey & { p: number })[],
): Promise<void> {
  for (const { p, tenant, test, id } of people)
    await client.query({
      name: 'due-forget',
      text: 'delete from due where p = $1 and tenant = $2 and test = $3 and id = $4',
      values: [p, tenant, test, id],
    })
}
