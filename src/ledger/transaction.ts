import type { Pool, PoolClient } from 'pg'

/** A connection inside a transaction, for those who only hand it on. */
export type Transaction = PoolClient

/**
 * Runs `body` in one READ COMMITTED transaction. A throw of the commit leaves its result unknown: the caller needs
 * something that tells, an idempotency key or a version.
 */
export async function inTransaction<T>(pool: Pool, body: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let isBroken = false
  try {
    await client.query('begin')
    const value = await body(client)
    await client.query('commit')
    return value
  } catch (error) {
    isBroken = isUnanswered(error) || (await cannotRollBack(client))
    throw error
  } finally {
    client.release(isBroken)
  }
}

/** Whatever is asked after it on the same connection would wait behind it; giving the connection up ends the transaction. */
const isUnanswered = (error: unknown) => error instanceof Error && error.message === 'Query read timeout'

const cannotRollBack = (client: PoolClient): Promise<boolean> =>
  client.query('rollback').then(
    () => false,
    () => true,
  )

/** The clock of a transaction in ms since the epoch: what `now()` gives in all of its SQL. */
export async function transactionNow(client: PoolClient): Promise<number> {
  const { rows } = await client.query<{ now: number }>({
    name: 'transaction-now',
    text: `select (date_part('epoch', now()) * 1000)::float8 as now`,
  })
  return rows[0]!.now
}

/**
 * Whether Postgres refused what a row says (SQLSTATE 22 and 23) or how long a part of it is (54), which the same row will
 * meet again. A missing month's partition is a 23514 too, without a constraint, and that is nobody's row.
 */
export function isBadData(error: unknown): error is Error {
  const { code, constraint } = error as { code?: unknown; constraint?: unknown }
  if (typeof code !== 'string' || !/^(2[23]|54)/.test(code)) return false
  return code !== '23514' || constraint !== undefined
}
