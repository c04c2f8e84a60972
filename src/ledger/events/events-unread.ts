import type { ClientBase, Pool } from 'pg'
import type { EventKind } from './accept-events.ts'

/** An event as its partition's owner reads it; times in ms since the epoch. */
export interface StoredEvent {
  id: string
  /** Inserting transaction and sequence: the order of reading, and where the mark moves. */
  xid: string
  seq: string
  p: number
  tenant: string
  kind: EventKind
  userId: string
  /** Whether `userId` is the id of a visitor who is no user yet. */
  isAnonymous: boolean
  type: string
  data: Record<string, unknown>
  time: number
  receivedAt: number
  source: string
  test: boolean
  /** False: no rule is asked. */
  decides: boolean
  /** False while an older transaction still runs, which may yet insert an event that comes before this one. */
  isReady: boolean
}

/** How far a partition's events were read. */
export interface Mark {
  p: number
  xid: string
  seq: string
}

// Rows whose transaction is not older than every running one come back too, marked, so that the caller knows to
// look again soon; they end the partition's page, since the order is by transaction.
const READ = `
select e.* from unnest($1::smallint[]) o(p) join mark m using (p), lateral (
  select id, xid::text as xid, seq, p, tenant, kind, user_id as "userId", is_anonymous as "isAnonymous", type, data,
         (date_part('epoch', time) * 1000)::float8 as time,
         (date_part('epoch', received_at) * 1000)::float8 as "receivedAt", source, test, decides,
         xid < pg_snapshot_xmin(pg_current_snapshot()) as "isReady"
  from event where p = o.p and (event.xid, event.seq) > (m.xid, m.seq)
  order by event.xid, event.seq limit $2) e`

/** Events of these partitions that were not decided on yet, each partition's in order, at most `limit` a partition. */
export async function readEvents(
  client: ClientBase,
  partitions: readonly number[],
  limit: number,
): Promise<StoredEvent[]> {
  const { rows } = await client.query<StoredEvent>({
    name: 'events-unread',
    text: READ,
    values: [partitions, limit],
  })
  return rows
}

export async function moveMarks(client: ClientBase, marks: readonly Mark[]): Promise<void> {
  if (marks.length === 0) return
  await client.query({
    name: 'events-mark',
    text: `update mark set xid = x.xid::xid8, seq = x.seq from unnest($1::smallint[], $2::text[], $3::bigint[]) as x(p, xid, seq)
           where mark.p = x.p`,
    values: [marks.map((m) => m.p), marks.map((m) => m.xid), marks.map((m) => m.seq)],
  })
}

/** Whether the mark of its partition has passed this event: whatever follows from it is committed. */
export async function isRead(pool: Pool, id: string): Promise<boolean> {
  const { rows } = await pool.query<{ isRead: boolean }>({
    name: 'event-is-read',
    text: `select (m.xid, m.seq) >= (e.xid, e.seq) as "isRead" from event e join mark m using (p) where e.id = $1`,
    values: [id],
  })
  return rows[0]?.isRead ?? false
}
