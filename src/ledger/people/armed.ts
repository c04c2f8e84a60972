import type { ClientBase, Pool } from 'pg'
import { inTransaction } from '../transaction.ts'

/** What has to be looked at for what is new; as in src/decisions/arming.ts. */
export interface ArmingBound {
  inactiveMs: number | null
  traits: string[]
  everybody: boolean
}

/** What a tenant's people are armed for by now, by name. */
export interface ArmedTenant {
  tenant: string
  done: string[]
}

/** Every tenant, and what its people are armed for: page by page behind `after`, by id. */
export async function readArmed(pool: Pool, after: string | null, limit: number): Promise<ArmedTenant[]> {
  const { rows } = await pool.query<ArmedTenant>(
    `select t.id as tenant, coalesce(a.done, '{}') as done from tenant t left join armed a on a.tenant = t.id
     where $1::uuid is null or t.id > $1 order by t.id limit $2`,
    [after, limit],
  )
  return rows
}

/** Changes whenever documents of some tenant come into force or go out of it. */
export async function documentsStamp(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ stamp: string }>(
    `select coalesce(max(changed_at), 'epoch')::text || ' ' || count(*) as stamp from rule_document`,
  )
  return rows[0]!.stamp
}

/** For which documents everybody is armed, whoever did it last; null: for none. */
export async function armedFor(pool: Pool): Promise<string | null> {
  const { rows } = await pool.query<{ value: string }>(`select value from setting where name = 'armed_for'`)
  return rows[0]?.value ?? null
}

/** Writes down for which documents everybody is armed. */
export async function setArmedFor(pool: Pool, documents: string): Promise<void> {
  await pool.query(
    `insert into setting values ('armed_for', $1) on conflict (name) do update set value = excluded.value`,
    [documents],
  )
}

/** Whether so many people are due by now: whoever is armed as well would stand behind them. */
export async function isBacklog(pool: Pool, many: number): Promise<boolean> {
  const { rows } = await pool.query<{ is: boolean }>(
    `select count(*) >= $1 as is from partition p, lateral (
       select from due d where d.p = p.p and d.at <= now() limit $1) d`,
    [many],
  )
  return rows[0]!.is
}

interface Progress {
  done: string[]
  wanted: string[]
  after_test: boolean | null
  after_id: string | null
}

/** All that is wanted of a tenant's people, and the bound for those wants that are new. */
export interface ArmingAsk {
  wants: readonly string[]
  boundFor(fresh: readonly string[]): ArmingBound
}

/**
 * Arms the next `limit` people of a tenant for what is new; `elsewhere`: another process has it in hand. A crash goes on
 * from the last page.
 */
export async function armSome(
  pool: Pool,
  tenant: string,
  { wants, boundFor }: ArmingAsk,
  limit: number,
): Promise<'more' | 'done' | 'elsewhere'> {
  return inTransaction(pool, async (client) => {
    const before = await take(client, tenant)
    if (before === null) return 'elsewhere'
    const fresh = wants.filter((name) => !before.done.includes(name))
    const isSame =
      before.wanted.length === fresh.length && fresh.every((name) => before.wanted.includes(name))
    const after = isSame ? before : { after_test: null, after_id: null }
    const last =
      fresh.length === 0 ? null : await armPage(client, { tenant, after, bound: boundFor(fresh), limit })
    const isDone = last === null
    await client.query(
      `update armed set done = $2, wanted = $3, after_test = $4, after_id = $5, changed_at = now() where tenant = $1`,
      [
        tenant,
        isDone ? wants : before.done.filter((name) => wants.includes(name)),
        isDone ? [] : fresh,
        last?.test ?? null,
        last?.id ?? null,
      ],
    )
    return isDone ? 'done' : 'more'
  })
}

async function take(client: ClientBase, tenant: string): Promise<Progress | null> {
  await client.query(
    `insert into armed (tenant, wanted, done) values ($1, '{}', '{}') on conflict do nothing`,
    [tenant],
  )
  const { rows } = await client.query<Progress>(
    'select done, wanted, after_test, after_id from armed where tenant = $1 for update skip locked',
    [tenant],
  )
  return rows[0] ?? null
}

// Rows of `due` alone: people belong to the turns, and whoever is due too early is looked at and armed again.
const PAGE = `
with page as materialized (
  select p, test, id, last_seen, traits, due_at, merged_into from person
  where tenant = $1 and ($2::bool is null or (test, id) > ($2, $3)) order by test, id limit $4
), bound as (
  select p, test, id, due_at, date_trunc('milliseconds', case
      when $7 or traits ?| $6::text[] then now()
      -- Who was never seen is never silent; the greatest of nothing and now would be now.
      when last_seen + $5::float8 * interval '1 ms' is not null then greatest(now(), last_seen + $5::float8 * interval '1 ms')
    end) as at
  from page where merged_into is null
), armed as (
  insert into due (p, at, tenant, test, id)
  select p, at, $1, test, id from bound where at is not null and (due_at is null or due_at > at)
  on conflict do nothing
)
select test, id, (select count(*) from page)::int as n from page order by test desc, id desc limit 1`

/** Gives the last one of a page; null: there are no more behind it. */
async function armPage(
  client: ClientBase,
  {
    tenant,
    after,
    bound,
    limit,
  }: {
    tenant: string
    after: Pick<Progress, 'after_test' | 'after_id'>
    bound: ArmingBound
    limit: number
  },
): Promise<{ test: boolean; id: string } | null> {
  const { rows } = await client.query<{ test: boolean; id: string; n: number }>({
    name: 'armed-page',
    text: PAGE,
    values: [
      tenant,
      after.after_test,
      after.after_id,
      limit,
      bound.inactiveMs,
      bound.traits,
      bound.everybody,
    ],
  })
  const [last] = rows
  return last === undefined || last.n < limit ? null : last
}
