import pg from 'pg'
import { VolleyError } from '../errors.ts'

async function withClient<T>(
  url: string,
  timeoutMs: number,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: timeoutMs })
  // A server that goes away while the answer is read rejects the query; the event would end the process.
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** Returns once the server has answered one query; throws what the driver throws where it does not. */
export async function pingDatabase(url: string, timeoutMs: number): Promise<void> {
  await withClient(url, timeoutMs, (client) => client.query('select 1'))
}

/** Throws `unavailable` with the server, the database and the reason, without the password, where it cannot be used. */
export async function requireDatabase(url: string): Promise<void> {
  try {
    await pingDatabase(url, 10_000)
  } catch (cause) {
    const { host, pathname } = new URL(url)
    const why = cause instanceof Error ? cause.message || (cause as { code?: string }).code : String(cause)
    const message = `The database ${decodeURIComponent(pathname.slice(1))} at ${host} cannot be used: ${why}`
    throw new VolleyError('unavailable', message, { cause })
  }
}

/** Creates a database unless it is there, optionally as a copy of `template`, to which nobody may be connected. */
export async function createDatabase(url: string, name: string, template?: string): Promise<void> {
  await withClient(url, 10_000, async (client) => {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name])
    if (rowCount !== 0) return
    const source = template === undefined ? '' : ` template ${client.escapeIdentifier(template)}`
    await client.query(`create database ${client.escapeIdentifier(name)}${source}`)
  })
}

/** Drops a database with whoever is still connected to it; one that is not there is no error. */
export async function dropDatabase(url: string, name: string): Promise<void> {
  await withClient(url, 10_000, (client) =>
    client.query(`drop database if exists ${client.escapeIdentifier(name)} with (force)`),
  )
}
