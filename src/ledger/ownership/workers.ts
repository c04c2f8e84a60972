import type { ClientBase, Pool } from 'pg'
import { DEATHS_COUNT, SUSPECT_PARTITION } from '../actions/suspects.ts'

/**
 * Who owns what. Every statement is its own READ COMMITTED transaction; a partition leaves a worker only by burial or
 * by its own release, so the worker's row alone fences everything it does.
 */

/** An owner that has lived with a partition for so long was not killed by it. */
const CRASHES_COUNT_FOR = '1 minute'

/** Key of the advisory lock that a worker's session keeps while its process lives. */
const LOCK = `hashtextextended('volley worker ' || $1, 0)`

/** Takes the lock before the row exists, so that no other worker ever sees the row without its lock. */
export async function register(
  client: ClientBase,
  worker: { id: string; host: string; pid: number; beatMs: number },
): Promise<void> {
  await client.query(`select pg_advisory_lock(${LOCK})`, [worker.id])
  await client.query(
    `with w as (insert into worker (id, host, pid) values ($1, $2, $3) returning id)
     insert into beat (worker, until) select id, now() + $4 * interval '1 millisecond' from w`,
    [worker.id, worker.host, worker.pid, worker.beatMs],
  )
}

/** Takes the session's lock again after its connection was lost; false: somebody holds it to bury us. */
export async function relock(client: ClientBase, worker: string): Promise<boolean> {
  const { rows } = await client.query<{ got: boolean }>(`select pg_try_advisory_lock(${LOCK}) as got`, [
    worker,
  ])
  return rows[0]?.got === true
}

/** Extends the beat; false: the worker was buried. */
export async function extendBeat(client: ClientBase, worker: string, beatMs: number): Promise<boolean> {
  const { rowCount } = await client.query({
    name: 'beat',
    text: `update beat set until = now() + $2 * interval '1 millisecond' from worker w
           where beat.worker = $1 and w.id = beat.worker and w.dead_at is null`,
    values: [worker, beatMs],
  })
  return rowCount === 1
}

/** A live worker as another one sees it: its beat may have ended, and its session may be gone. */
export interface SeenWorker {
  id: string
  isBeatOver: boolean
  isLockFree: boolean
}

/** Live workers in the order of their ids. */
export async function listWorkers(client: ClientBase): Promise<SeenWorker[]> {
  const { rows } = await client.query<SeenWorker>({
    name: 'workers',
    text: `select w.id, coalesce(b.until < now(), true) as "isBeatOver",
             not exists (select from pg_locks l, lateral (select hashtextextended('volley worker ' || w.id, 0) as key) k
               where l.locktype = 'advisory' and l.database = (select oid from pg_database where datname = current_database())
                 and l.classid = ((k.key >> 32) & 4294967295)::oid and l.objid = (k.key & 4294967295)::oid and l.objsubid = 1
             ) as "isLockFree"
           from worker w left join beat b on b.worker = w.id where w.dead_at is null order by w.id`,
  })
  return rows
}

/**
 * Declares a worker dead and frees its partitions, if its beat is over or its lock still free; true when it did. What it
 * was working on alone has one death more.
 */
export async function bury(client: ClientBase, worker: string): Promise<boolean> {
  const { rows } = await client.query<{ buried: boolean }>({
    name: 'bury',
    text: `with dead as (
             update worker set dead_at = now() where id = $1 and dead_at is null
               and (exists (select from beat where worker = $1 and until < now()) or pg_try_advisory_xact_lock(${LOCK}))
             returning id
           ), left_over as (
             -- As they are now: the worker may have committed while this waited for its row.
             select p, suspect from partition where owner in (select id from dead) for update
           ), accused as (
             insert into suspect as s (id, p, deaths) select suspect, p, 1 from left_over where suspect is not null
             on conflict (id) do update set died_at = now(), deaths = 1 +
               case when s.${DEATHS_COUNT} then s.deaths else 0 end
           ), freed as (
             update partition set owner = null, suspect = null, crashes = crashes + 1 from left_over l where partition.p = l.p
           ), gone as (
             delete from beat using dead where worker = dead.id
           )
           select exists (select from dead) as buried`,
    values: [worker],
  })
  return rows[0]?.buried === true
}

/** Takes up to `limit` free partitions; returns those taken. */
export async function claim(client: ClientBase, worker: string, limit: number): Promise<number[]> {
  const { rows } = await client.query<{ p: number }>({
    name: 'claim',
    text: `with me as (select id from worker where id = $1 and dead_at is null for share)
           update partition set owner = me.id, claimed_at = now() from me
           where p in (select p from partition where owner is null order by p limit $2 for update skip locked)
           returning p`,
    values: [worker, limit],
  })
  return rows.map((row) => row.p)
}

/** A partition as its owner finds it. */
export interface OwnedPartition {
  p: number
  /** Its owners died one soon after the other: what it has is worked on one by one. */
  isSuspect: boolean
}

/** What the worker owns. It forgets the crashes of partitions with which it has lived for a minute. */
export async function owned(client: ClientBase, worker: string): Promise<OwnedPartition[]> {
  const { rows } = await client.query<OwnedPartition>({
    name: 'owned',
    text: `with forgotten as (
             update partition set crashes = 0
             where owner = $1 and crashes > 0 and claimed_at < now() - interval '${CRASHES_COUNT_FOR}' returning p
           )
           select p, ${SUSPECT_PARTITION} and p not in (select p from forgotten) as "isSuspect"
           from partition where owner = $1 order by p`,
    values: [worker],
  })
  return rows
}

/**
 * Gives partitions away: what is on the wire is first put off past its remaining timeout, so that the next owner does
 * not send it while it is still being answered.
 */
export async function release(
  client: ClientBase,
  worker: string,
  partitions: readonly number[],
  onWire: readonly { id: string; remainingMs: number }[],
): Promise<void> {
  // One statement, so that a fault leaves either everything or nothing; no transition, so no version and no history.
  await client.query(
    `with sent as (
       select a.id, a.p, a.lane, a.next_at as old, date_trunc('milliseconds', now()) + x.ms * interval '1 millisecond' as new
       from unnest($3::text[], $4::float8[]) as x(id, ms) join action a on a.id = x.id
       where a.status in ('pending', 'retrying') and a.next_at < now() + x.ms * interval '1 millisecond'
     ), put_off as (
       update action a set next_at = sent.new from sent where a.id = sent.id
     ), moved as (
       update timer t set at = sent.new from sent
       where t.p = sent.p and t.lane = sent.lane and t.at = sent.old and t.id = sent.id)
     update partition set owner = null, suspect = null where owner = $1 and p = any($2::smallint[])`,
    [worker, partitions, onWire.map((w) => w.id), onWire.map((w) => w.remainingMs)],
  )
}

/** Ends a worker by its own will, once it has released everything it knew to be its own. */
export async function retire(client: ClientBase, worker: string): Promise<void> {
  // A claim whose answer was lost may have left it more, and nobody buries a worker twice.
  await client.query(
    `with me as (update worker set dead_at = now() where id = $1 and dead_at is null returning id)
     update partition set owner = null, suspect = null from me where owner = me.id`,
    [worker],
  )
  await client.query(`delete from beat where worker = $1`, [worker])
}

/** The owner of each partition; null where it is free. */
export async function owners(pool: Pool): Promise<Map<number, string | null>> {
  const { rows } = await pool.query<{ p: number; owner: string | null }>({
    name: 'owners',
    text: 'select p, owner from partition',
  })
  return new Map(rows.map((row) => [row.p, row.owner]))
}
