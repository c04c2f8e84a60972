import type { ClientBase } from 'pg'
import { encodeTime } from 'ulid'

/** Tables partitioned by month of creation, with the prefix of the ids they are partitioned by. */
const MONTHLY = [
  // Room for a second version of each row on its page: an action changes at least once.
  { table: 'action', prefix: 'ea', storage: ' with (fillfactor = 45)' },
  { table: 'fact', prefix: 'ea', storage: '' },
  { table: 'history', prefix: 'ea', storage: '' },
  { table: 'event', prefix: 'ev', storage: '' },
  { table: 'decision', prefix: 'de', storage: '' },
  { table: 'carried', prefix: 'de', storage: '' },
] as const

/** Months ahead that always exist, so that a month of failing upkeep loses nothing. */
const AHEAD = 3

/** The first of the ids that are made from then on, as a bound. */
export const idsFrom = (prefix: string, at: Date): string => `${prefix}_${encodeTime(at.getTime(), 10)}`

const monthStart = (now: Date, offset: number) =>
  new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + offset, 1))

/**
 * Creates the month partitions from the one before `now` to three ahead that are not there yet. The earliest one of a
 * new table begins at MINVALUE, so that a clock that is behind never finds no partition.
 */
export async function ensureMonths(client: ClientBase, now: Date): Promise<void> {
  for (const { table, prefix, storage } of MONTHLY) {
    const { rows } = await client.query<{ n: number }>(
      `select count(*)::int as n from pg_inherits where inhparent = $1::regclass`,
      [table],
    )
    const isNew = rows[0]?.n === 0
    for (let offset = -1; offset <= AHEAD; offset++) {
      const start = monthStart(now, offset)
      const name = `${table}_${start.toISOString().slice(0, 7).replace('-', '_')}`
      const from = isNew && offset === -1 ? 'minvalue' : `'${idsFrom(prefix, start)}'`
      const to = `'${idsFrom(prefix, monthStart(now, offset + 1))}'`
      await client.query(
        `create table if not exists ${name} partition of ${table} for values from (${from}) to (${to})${storage}`,
      )
    }
  }
}
