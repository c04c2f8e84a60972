import type { Pool, PoolClient } from 'pg'
import { idsFrom } from './months.ts'

/** How long what is partitioned by month is kept, in ms from the end of its month; null: for ever. */
export interface KeepMonths {
  /** Events as they came in. */
  eventsMs: number | null
  /** Actions with all that became of them, and decisions. */
  actionsMs: number | null
}

/** `dropped`: it is gone; `kept`: its time has come, but something of it is not over. */
export interface MonthFate {
  kind: 'dropped' | 'kept'
  /** As in `2026_01`. */
  month: string
  tables: readonly string[]
}

/** Tables whose months go together; the one that the others belong to goes first. */
interface Family {
  tables: readonly string[]
  keep: keyof KeepMonths
  /** SQL for whether anything is needed still; `$1` and `$2` are the ids from which and before which. */
  isNeeded: string
  /** Of the ids that `isNeeded` looks at. */
  prefix: string
}

const FAMILIES: readonly Family[] = [
  {
    tables: ['event'],
    keep: 'eventsMs',
    prefix: 'ev',
    // Whatever lies past the mark of its partition was not read; there is an index in that order.
    isNeeded: `exists (select from mark m where exists (
      select from event e where e.p = m.p and (e.xid, e.seq) > (m.xid, m.seq) and e.id >= $1 and e.id < $2))`,
  },
  {
    tables: ['action', 'fact', 'history', 'decision', 'carried'],
    keep: 'actionsMs',
    prefix: 'ea',
    // What has not ended has its deadline among the timers, unless it waits for an operator.
    isNeeded: `exists (select from timer where id >= $1 and id < $2)
      or exists (select from dead_letter where resolved_at is null and action_id >= $1 and action_id < $2)
      or exists (select from fact where not applied and action_id >= $1 and action_id < $2)`,
  },
]

/** So long is waited for others that use a table; then it is tried again an hour later. */
const LOCK_WAIT = '5s'
/** The timers of all that sleeps have no index on ids. */
const LOOK_MS_MAX = 120_000

interface Month {
  name: string
  /** Those tables that have it still. */
  tables: string[]
  /** Whether it takes everything that is older, too. */
  isFirst: boolean
}

/**
 * Drops the months that ended longer ago than they are kept, whole tables at once and beside transactions that go on; the
 * present month and the one before always stay. Throws where somebody uses a table for too long; what was begun then is
 * finished by the next call.
 */
export async function dropMonths(pool: Pool, keep: KeepMonths): Promise<MonthFate[]> {
  const client = await pool.connect()
  try {
    await client.query(`set lock_timeout = '${LOCK_WAIT}'`)
    await finishOlder(client)
    const fates: MonthFate[] = []
    for (const family of FAMILIES) {
      const keepMs = keep[family.keep]
      if (keepMs === null) continue
      for (const month of await monthsOver(client, family.tables, keepMs))
        fates.push(await dropUnlessNeeded(client, family, month))
    }
    return fates
  } finally {
    // With its settings.
    client.release(true)
  }
}

async function monthsOver(client: PoolClient, tables: readonly string[], keepMs: number): Promise<Month[]> {
  const { rows } = await client.query<Month>(
    `with part as (
       select i.inhparent::regclass::text as parent, substring(c.relname from '[0-9]{4}_[0-9]{2}$') as name,
              pg_get_expr(c.relpartbound, c.oid) like '%MINVALUE%' as is_first
       from pg_inherits i join pg_class c on c.oid = i.inhrelid
       where i.inhparent = any($1::regclass[]) and c.relname ~ '_[0-9]{4}_[0-9]{2}$')
     select name, array_agg(parent) as tables, bool_or(is_first) as "isFirst" from part,
       lateral (select to_timestamp(name || '+00', 'YYYY_MMTZH') as began) b,
       lateral (select date_trunc('month', now(), 'UTC') as present) n
     where began + interval '1 month' <= now() - $2 * interval '1 millisecond'
       and began < present - interval '1 month'
     group by name order by name`,
    [tables, keepMs],
  )
  return rows
}

async function dropUnlessNeeded(client: PoolClient, family: Family, month: Month): Promise<MonthFate> {
  const { name } = month
  const began = new Date(`${name.replace('_', '-')}-01T00:00:00Z`)
  const ended = new Date(began)
  ended.setUTCMonth(ended.getUTCMonth() + 1)
  const { prefix, isNeeded } = family
  const look = {
    text: `select ${isNeeded} as "isNeeded"`,
    values: [month.isFirst ? '' : idsFrom(prefix, began), idsFrom(prefix, ended)],
    query_timeout: LOOK_MS_MAX,
  }
  const { rows } = await client.query<{ isNeeded: boolean }>(look)
  const tables = family.tables.filter((table) => month.tables.includes(table))
  if (rows[0]!.isNeeded) return { kind: 'kept', month: name, tables }
  for (const table of tables) {
    // Waits for those who use the table now, and lets others go on meanwhile.
    await client.query(`alter table ${table} detach partition ${table}_${name} concurrently`)
    await client.query(`drop table ${table}_${name}`)
  }
  return { kind: 'dropped', month: name, tables }
}

/** A process that ended, or waited too long, left a month half detached, or detached and not dropped. */
async function finishOlder(client: PoolClient): Promise<void> {
  const tables = FAMILIES.flatMap((family) => family.tables)
  const pending = await client.query<{ name: string; parent: string }>(
    `select inhrelid::regclass::text as name, inhparent::regclass::text as parent from pg_inherits
     where inhdetachpending and inhparent = any($1::regclass[])`,
    [tables],
  )
  for (const { name, parent } of pending.rows)
    await client.query(`alter table ${parent} detach partition ${name} finalize`)
  const detached = await client.query<{ name: string }>(
    `select oid::regclass::text as name from pg_class
     where relkind = 'r' and not relispartition and relnamespace = current_schema()::regnamespace and relname ~ $1`,
    [`^(${tables.join('|')})_[0-9]{4}_[0-9]{2}$`],
  )
  for (const { name } of detached.rows) await client.query(`drop table ${name}`)
}
