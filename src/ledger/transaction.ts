import type { Pool, PoolClient } from 'pg'

/**
 * Runs `body` in one READ COMMITTED transaction; `now` is its clock, ms since the epoch, the same that `now()` gives in
 * its SQL. A throw of the commit leaves its result unknown: only an idempotency key makes a repeat safe.
 */
export async function inTransaction<T>(
  pool: Pool,
  body: (client: PoolClient, now: number) => Promise<T>,
): Promise<T> {
  const client = await pool.connect()
  let isBroken = false
  try {
    await client.query('begin')
    const { rows } = await client.query<{ now: number }>({
      name: 'transaction-now',
      text: `select (extract(epoch from now()) * 1000)::float8 as now`,
    })
    const value = await body(client, rows[0]!.now)
    await client.query('commit')
    return value
  } catch (error) {
    isBroken = await client.query('rollback').then(
      () => false,
      () => true,
    )
    throw error
  } finally {
    client.release(isBroken)
  }
}
