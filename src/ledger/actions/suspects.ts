import type { Pool, PoolClient } from 'pg'
import { inTransaction } from '../transaction.ts'
import { DEADLINE_LANE } from './timers.ts'

/** One thing of a suspect partition (of somebody who is due, `id` is the `personKey`), which is worked on while nothing else of such partitions is. */
export interface Suspect {
  kind: 'action' | 'event' | 'due'
  p: number
  id: string
  /** Workers died while they had it in hand, once too often: it is put aside without being worked on. */
  isCondemned: boolean
}

/** What may be worked on next. */
export interface SuspectAsk {
  /** Suspect partitions of the asking worker. */
  partitions: readonly number[]
  /** An action that this worker knows to be next; null: the ledger is searched for one. */
  known: { p: number; id: string } | null
  /** Actions that wait for what comes of their POST, and are not looked for. */
  except: readonly string[]
}

/** SQL for whether a partition is suspect: its last two owners died, each within a minute of its claim. */
export const SUSPECT_PARTITION = 'crashes >= 2'

/** SQL for whether deaths still count: two that are further apart are no more than two accidents. */
export const DEATHS_COUNT = `died_at > now() - interval '1 hour'`

/** So many deaths of workers condemn what they had in hand. */
const DEATHS_MAX = 2

/**
 * Writes down what this worker takes in hand next, before it does: if the worker dies, its burial finds it there. Null
 * where there is nothing, or the worker owns it no longer; then nothing is written down any more.
 */
export function takeSuspect(pool: Pool, worker: string, ask: SuspectAsk): Promise<Suspect | null> {
  return inTransaction(pool, async (client) => {
    // A burial waits for this lock, and then sees what was written here.
    const fence = await client.query(`select from worker where id = $1 and dead_at is null for share`, [
      worker,
    ])
    if (fence.rowCount === 0) return null
    const found = ask.known === null ? await search(client, ask) : ({ kind: 'action', ...ask.known } as const)
    const { rows } = await client.query<{ p: number }>(
      `update partition set suspect = case when p = $2 then $3 end
       where owner = $1 and (p = $2 or suspect is not null) returning p`,
      [worker, found?.p ?? null, found?.id ?? null],
    )
    if (found === null || !rows.some(({ p }) => p === found.p)) return null
    // Its row goes with the verdict: what is retried by hand later begins without a record.
    const verdict = await client.query(
      `delete from suspect where id = $1 and deaths >= ${DEATHS_MAX} and ${DEATHS_COUNT}`,
      [found.id],
    )
    return { ...found, isCondemned: verdict.rowCount === 1 }
  })
}

/** Nothing of suspect partitions is in hand any more. */
export async function clearSuspect(pool: Pool, worker: string): Promise<void> {
  await pool.query(`update partition set suspect = null where owner = $1 and suspect is not null`, [worker])
}

// Ids alone: that something is read is enough to be done in by it.
const SEARCHES: { kind: Suspect['kind']; sql: string }[] = [
  {
    kind: 'action',
    sql: `select p, action_id as id from fact
          where p = any($1::smallint[]) and not applied and action_id <> all($2::text[]) order by seq limit 1`,
  },
  {
    kind: 'action',
    sql: `select o.p, d.id from unnest($1::smallint[]) o(p), lateral (
            select id, at from timer t where t.p = o.p and t.lane = ${DEADLINE_LANE} and t.at <= now() and id <> all($2::text[])
            order by t.at, t.id limit 1) d
          order by d.at limit 1`,
  },
  {
    kind: 'event',
    sql: `select o.p, e.id from unnest($1::smallint[]) o(p) join mark m using (p), lateral (
            select id, xid, seq from event where p = o.p and (event.xid, event.seq) > (m.xid, m.seq)
            order by event.xid, event.seq limit 1) e
          where e.xid < pg_snapshot_xmin(pg_current_snapshot()) and e.id <> all($2::text[]) order by e.xid, e.seq limit 1`,
  },
  {
    kind: 'due',
    sql: `select o.p, d.name as id from unnest($1::smallint[]) o(p), lateral (
            select concat_ws(' ', tenant, case when test then 'test' else 'live' end, id) as name, at from due
            where p = o.p and at <= now() order by due.at, tenant, test, due.id limit 1) d
          where d.name <> all($2::text[]) order by d.at limit 1`,
  },
]

async function search(
  client: PoolClient,
  { partitions, except }: SuspectAsk,
): Promise<{ kind: Suspect['kind']; p: number; id: string } | null> {
  for (const { kind, sql } of SEARCHES) {
    const { rows } = await client.query<{ p: number; id: string }>(sql, [partitions, except])
    if (rows[0] !== undefined) return { kind, ...rows[0] }
  }
  return null
}
