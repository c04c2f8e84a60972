import type { Pool } from 'pg'
import { insertActions, insertActionsAt, type NewAction } from './insert-actions.ts'
import { type Earlier, type OnceKey, takeKey } from './once.ts'
import { inTransaction, transactionNow } from './transaction.ts'

/** `accepted`: committed now. Otherwise nothing was written, since the key had been used. */
export type Acceptance<T> = { kind: 'accepted'; answer: T } | Earlier

/**
 * Commits actions, at most once where a key is given. `answer` makes what the client is told from the time of
 * acceptance in ms, the database's; it is kept with the key and given again for a repeat.
 */
export async function acceptActions<T>(
  pool: Pool,
  rows: readonly NewAction[],
  once: OnceKey | null,
  answer: (acceptedAt: number) => T,
): Promise<Acceptance<T>> {
  if (once === null) return { kind: 'accepted', answer: answer(await insertActionsAt(pool, rows)) }
  return inTransaction<Acceptance<T>>(pool, async (client) => {
    const told = answer(await transactionNow(client))
    // The key first: whoever comes second must wait here, before it has written an action.
    const earlier = await takeKey(client, once, told)
    if (earlier !== null) return earlier
    await insertActions(client, rows)
    return { kind: 'accepted', answer: told }
  })
}
