import type { ClientBase, Pool, QueryResult, QueryResultRow } from 'pg'
import { inTransaction } from '../transaction.ts'

/**
 * Has the rest of this transaction find actions and decisions of a user by the filters `action_user` and `decision_user`.
 * Nothing tells the planner how few runs of pages they leave, so it would rather read the whole table.
 */
export async function preferFilters(client: ClientBase): Promise<void> {
  await client.query('set local enable_seqscan = off')
}

/** One question about a user's actions or decisions. */
export function askByUser<T extends QueryResultRow>(
  pool: Pool,
  text: string,
  values: unknown[],
): Promise<QueryResult<T>> {
  return inTransaction(pool, async (client) => {
    await preferFilters(client)
    return client.query<T>(text, values)
  })
}
