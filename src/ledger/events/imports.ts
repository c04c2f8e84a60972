import type { Pool } from 'pg'
import { VolleyError } from '../../errors.ts'
import { inTransaction } from '../transaction.ts'
import { acceptEvents, type EventOrigin, type NewEvent } from './accept-events.ts'

/** What became of the lines of a file so far. */
export interface ImportCounts {
  /** Rows that were kept. */
  events: number
  traits: number
  joins: number
  deletions: number
  /** Items that had been kept before. */
  repeats: number
  /** Items of which nothing is kept. */
  skipped: number
  rejected: number
}

/** A file that is imported; `source`, mode and contents tell it from others. */
export interface ImportKey {
  origin: EventOrigin
  fingerprint: string
  file: string
}

/** How far a file was imported; `doneAt` in ms, null while it is not at its end. */
export interface ImportState {
  lines: number
  counts: ImportCounts
  startedAt: number
  doneAt: number | null
}

/** What a batch of lines adds. */
export interface ImportBatch {
  rows: readonly NewEvent[]
  lines: number
  skipped: number
  rejected: number
}

const NONE: ImportCounts = {
  ...{ events: 0, traits: 0, joins: 0, deletions: 0 },
  ...{ repeats: 0, skipped: 0, rejected: 0 },
}
const BY_KEY = 'tenant = $1 and source = $2 and test = $3 and fingerprint = $4'

const keyOf = ({ origin, fingerprint }: ImportKey) => [origin.tenant, origin.source, origin.test, fingerprint]

/** Takes a file up where it was left, or from its beginning where it is new or `isRestart`. */
export async function openImport(pool: Pool, key: ImportKey, isRestart: boolean): Promise<ImportState> {
  const { rows } = await pool.query<Omit<ImportState, 'lines'> & { lines: string }>(
    `insert into import (tenant, source, test, fingerprint, file, counts) values ($1, $2, $3, $4, $5, $6)
     on conflict (tenant, source, test, fingerprint) do update set file = excluded.file,
       lines = case when $7 then 0 else import.lines end,
       counts = case when $7 then excluded.counts else import.counts end,
       started_at = case when $7 then now() else import.started_at end,
       done_at = case when $7 then null else import.done_at end
     returning lines, counts, date_part('epoch', started_at) * 1000 as "startedAt",
       date_part('epoch', done_at) * 1000 as "doneAt"`,
    [...keyOf(key), key.file, JSON.stringify(NONE), isRestart],
  )
  return { ...rows[0]!, lines: Number(rows[0]!.lines) }
}

/**
 * Keeps what lines say and that they are done, in one transaction: whenever the import is cut off, it goes on behind the
 * last line that was kept. Throws `config_invalid` where another process has taken the same file further.
 */
export async function keepLines(
  pool: Pool,
  key: ImportKey,
  state: ImportState,
  batch: ImportBatch,
): Promise<ImportState> {
  return inTransaction(pool, async (client) => {
    const fresh = await acceptEvents(client, key.origin, batch.rows)
    const next = { ...state, lines: state.lines + batch.lines, counts: added(state.counts, batch, fresh) }
    const { rowCount } = await client.query(
      `update import set lines = $5, counts = $6, updated_at = now() where ${BY_KEY} and lines = $7 and done_at is null`,
      [...keyOf(key), next.lines, JSON.stringify(next.counts), state.lines],
    )
    if (rowCount !== 1)
      throw new VolleyError('config_invalid', `${key.file} is being imported by another process.`)
    return next
  })
}

/** Writes down that a file was imported to its end. */
export async function finishImport(pool: Pool, key: ImportKey): Promise<void> {
  await pool.query(`update import set done_at = now(), updated_at = now() where ${BY_KEY}`, keyOf(key))
}

function added(counts: ImportCounts, batch: ImportBatch, fresh: readonly NewEvent[]): ImportCounts {
  const of = (kind: NewEvent['kind']) => fresh.filter((event) => event.kind === kind).length
  return {
    events: counts.events + of('event'),
    traits: counts.traits + of('traits'),
    joins: counts.joins + of('join'),
    deletions: counts.deletions + of('delete'),
    repeats: counts.repeats + batch.rows.length - fresh.length,
    skipped: counts.skipped + batch.skipped,
    rejected: counts.rejected + batch.rejected,
  }
}

/**
 * Whether workers are behind with the events of these partitions, by `max` in one of them. False where no worker's beat
 * goes on, since to wait for none would be to wait for ever.
 */
export async function areTurnsBehind(
  pool: Pool,
  partitions: readonly number[],
  max: number,
): Promise<boolean> {
  const { rows } = await pool.query<{ isBehind: boolean }>({
    name: 'events-behind',
    text: `select exists (select from worker join beat on beat.worker = worker.id where dead_at is null and until > now()) and exists (
             select from unnest($1::smallint[]) o(p) join mark m using (p)
             where (select count(*) from (
               select from event e where e.p = o.p and (e.xid, e.seq) > (m.xid, m.seq) limit $2) unread) >= $2) as "isBehind"`,
    values: [partitions, max],
  })
  return rows[0]!.isBehind
}
