import type { Pool } from 'pg'

/** Rows of a table that are removed once they are old, by whole rows and in small batches. */
export interface Removal {
  table: string
  /** How long they are kept, as an interval of Postgres. */
  keep: string
  /** SQL for the time from which that is counted; null: it is not over yet, and they stay. */
  since: string
  /** SQL for what else must hold. */
  where?: string
}

/** What grows for ever if nobody removes it, and has no month that could be dropped. docs/operations.md has the same table. */
export const REMOVALS: readonly Removal[] = [
  { table: 'dedupe', keep: '7 days', since: 'at' },
  { table: 'event_key', keep: '7 days', since: 'at' },
  {
    table: 'worker',
    keep: '1 day',
    since: 'dead_at',
    where: 'not exists (select from partition where owner = worker.id)',
  },
  { table: 'spending', keep: '367 days', since: 'day' },
  { table: 'permit', keep: '1 hour', since: 'until' },
  { table: 'suspect', keep: '1 day', since: 'died_at' },
  { table: 'rules_in_use', keep: '1 day', since: 'seen_at' },
  { table: 'breaker', keep: '30 days', since: `case when state = 'closed' then closed_at end` },
  { table: 'breaker_change', keep: '90 days', since: 'at' },
  { table: 'dead_letter', keep: '90 days', since: 'resolved_at' },
  { table: 'past_notice', keep: '90 days', since: 'at' },
  { table: 'pull_page', keep: '7 days', since: 'at' },
  {
    table: 'endpoint',
    keep: '90 days',
    since: 'deleted_at',
    where: `not exists (select from action where type = endpoint.id and status in ('pending', 'retrying'))`,
  },
  {
    table: 'endpoint_health',
    keep: '1 day',
    since: `coalesce(greatest(last_success_at, last_failure_at), '-infinity')`,
    where: 'not exists (select from endpoint where id = endpoint_health.endpoint)',
  },
  { table: 'replay', keep: '30 days', since: 'ended_at' },
]

/** Every other table: why nothing of it is removed row by row. */
export const KEPT: Readonly<Record<string, string>> = {
  action: 'partitioned by month',
  fact: 'partitioned by month',
  history: 'partitioned by month',
  event: 'partitioned by month',
  decision: 'partitioned by month',
  carried: 'partitioned by month',
  person: 'goes by erasure',
  due: 'one row a person who is waited for',
  armed: 'one row a tenant with rules that wait for something',
  lesson: 'one row a rule, segment and partition',
  refusal: 'goes with the person, or what it says',
  erasure: 'says that somebody was erased, and no more',
  import: 'one row a file',
  timer: 'goes with the transition that ends it',
  beat: 'goes with its worker',
  partition: 'one row a partition',
  mark: 'one row a partition',
  allowance: 'one row a limited action type',
  action_type: 'what people set up',
  notice: 'goes with the turn that tells of it',
  rule_document: 'a hundred versions of each',
  tenant: 'what people set up',
  api_key: 'what people set up',
  setting: 'a few names',
  migration: 'one row a migration',
}

/** So much of a table is looked at in one statement: 2 MB. */
const PAGES_A_BATCH = 256
/** The run of a day; a process that starts does not begin another one. */
const EVERY = '1 day'

/** Takes the run that is due for this process; false: it was begun less than a day ago, here or elsewhere. */
export async function takeRun(pool: Pool): Promise<boolean> {
  const { rowCount } = await pool.query(
    `insert into setting values ('removal_began', extract(epoch from now())::bigint::text)
     on conflict (name) do update set value = excluded.value
     where setting.value::bigint <= excluded.value::bigint - extract(epoch from interval '${EVERY}')`,
  )
  return rowCount === 1
}

/** The tables with rows behind a name: its partitions, or itself. */
async function leavesOf(pool: Pool, table: string): Promise<{ name: string; pages: number }[]> {
  const { rows } = await pool.query<{ name: string; pages: number }>(
    `select oid::regclass::text as name, (pg_relation_size(oid) / current_setting('block_size')::int)::int as pages
     from pg_class where relkind = 'r'
       and (oid = $1::regclass or oid in (select relid from pg_partition_tree($1::regclass))) order by 1`,
    [table],
  )
  return rows
}

/**
 * Removes what is old from one table, piece by piece in the order in which it is stored, so that no index on the time is
 * needed; yields how many rows went after each piece. Every piece is a transaction of its own that waits for no lock.
 */
export async function* removeOld(pool: Pool, { table, keep, since, where }: Removal): AsyncGenerator<number> {
  for (const { name, pages } of await leavesOf(pool, table)) {
    for (let page = 0; page < pages; page += PAGES_A_BATCH) {
      const { rowCount } = await pool.query(
        `delete from ${name} where ctid = any(array(
           select ctid from ${name} as ${table}
           where ctid >= $1::tid and ctid < $2::tid and ${since} < now() - interval '${keep}' and ${where ?? 'true'}
           for update skip locked))`,
        [`(${page},0)`, `(${page + PAGES_A_BATCH},0)`],
      )
      yield rowCount ?? 0
    }
  }
}
