import { Client } from 'pg'

/** A connection of its own, outside the pool: for what must not wait behind anything and what lives with a session. */
export type Session = Client

/** Opens a session that gives up on a lock after `lockTimeoutMs` and on a statement after twice that. */
export async function openSession(
  databaseUrl: string,
  lockTimeoutMs: number,
  onLost: (error: Error) => void,
): Promise<Session> {
  const client = new Client({
    connectionString: databaseUrl,
    application_name: 'volley beat',
    lock_timeout: lockTimeoutMs,
    statement_timeout: 2 * lockTimeoutMs,
    query_timeout: 3 * lockTimeoutMs,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  })
  client.on('error', onLost)
  await client.connect()
  return client
}
