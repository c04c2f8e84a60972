import pg from 'pg'
import { newId } from '../../src/ids.ts'
import { partitionOfUser } from '../../src/ledger/placement.ts'
import type { BenchEvent } from './bodies.ts'

/** One table with the columns and the indexes that an event has; nothing else is asked of it. */
const TABLE = `create table plain_event (like event including defaults including indexes)`

const INSERT = `
insert into plain_event (id, p, tenant, user_id, type, data, time, source, test)
select id, p, $1, user_id, type, data::json, time, 'api', false
from unnest($2::text[], $3::smallint[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
  as x(id, p, user_id, type, data, time)`

/**
 * The same rows by a plain `INSERT … FROM unnest`, so many a statement and over so many connections, each its own commit;
 * `run` gives the seconds it took. The rows are made before.
 */
export async function preparePlain(
  databaseUrl: string,
  { tenant, events, each, connections }: Plain,
): Promise<{ run(): Promise<number>; end(): Promise<void> }> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: connections })
  await pool.query(TABLE)
  const batches = batchesOf(tenant, events, each)
  let next = 0
  const insert = async () => {
    while (next < batches.length) await pool.query({ name: 'plain', text: INSERT, values: batches[next++]! })
  }
  return {
    async run() {
      const startedAt = performance.now()
      await Promise.all(Array.from({ length: connections }, insert))
      return (performance.now() - startedAt) / 1_000
    },
    end: () => pool.end(),
  }
}

export interface Plain {
  tenant: string
  events: readonly BenchEvent[]
  each: number
  connections: number
}

function batchesOf(tenant: string, events: readonly BenchEvent[], each: number): unknown[][] {
  return Array.from({ length: Math.ceil(events.length / each) }, (_, i) => {
    const part = events.slice(i * each, (i + 1) * each)
    return [
      tenant,
      part.map(() => newId('ev')),
      part.map((event) => partitionOfUser(tenant, event.user_id, 64)),
      part.map((event) => event.user_id),
      part.map((event) => event.type),
      part.map((event) => JSON.stringify(event.data)),
      part.map((event) => event.timestamp),
    ]
  })
}
