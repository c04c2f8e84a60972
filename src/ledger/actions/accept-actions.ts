import type { Pool, PoolClient } from 'pg'
import { type Earlier, type OnceKey, takeAnsweredKeys, takeKey } from '../intake/once.ts'
import { inTransaction, transactionNow } from '../transaction.ts'
import { insertActions, insertActionsAt, type NewAction } from './insert-actions.ts'

/** `accepted`: committed now. Otherwise nothing was written, since the key had been used. */
export type Acceptance<T> = { kind: 'accepted'; answer: T } | Earlier

/**
 * The actions of one request, at most once where a key is given. `answer` makes what the client is told from the time of
 * acceptance in ms, the database's; it is kept with the key and given again for a repeat.
 */
export interface ActionRequest<T> {
  rows: readonly NewAction[]
  once: OnceKey | null
  answer(acceptedAt: number): T
}

/** Commits one request. */
export async function acceptActions<T>(
  pool: Pool,
  rows: readonly NewAction[],
  once: OnceKey | null,
  answer: (acceptedAt: number) => T,
): Promise<Acceptance<T>> {
  const [acceptance] = await commitActions(pool, [{ rows, once, answer }])
  return acceptance!
}

/** Commits the actions of several requests, all or none, and gives what became of each. */
export async function commitActions<T>(
  pool: Pool,
  requests: readonly ActionRequest<T>[],
): Promise<Acceptance<T>[]> {
  if (requests.every(({ once }) => once === null)) {
    const at = await insertActionsAt(
      pool,
      requests.flatMap(({ rows }) => rows),
    )
    return requests.map(({ answer }) => ({ kind: 'accepted', answer: answer(at) }))
  }
  return inTransaction(pool, async (client) => {
    const at = await transactionNow(client)
    const answers = requests.map(({ answer }) => answer(at))
    // The keys first: whoever comes second must wait here, before it has written an action.
    const fates = await takeOnce(client, requests, answers)
    const rows = requests.flatMap((request, i) => (fates[i]!.kind === 'accepted' ? request.rows : []))
    await insertActions(client, rows)
    return fates
  })
}

/** Takes the keys of these requests; gives for each what it is told, or what became of its key before. */
async function takeOnce<T>(
  client: PoolClient,
  requests: readonly ActionRequest<T>[],
  answers: readonly T[],
): Promise<Acceptance<T>[]> {
  const taken = await takeAnsweredKeys(
    client,
    requests.flatMap(({ once }, i) => (once === null ? [] : [{ once, answer: answers[i] }])),
  )
  const fates: Acceptance<T>[] = []
  for (const [i, { once }] of requests.entries()) {
    const told: Acceptance<T> = { kind: 'accepted', answer: answers[i]! }
    if (once === null || taken.has(once)) fates.push(told)
    // Used before, perhaps by another request of this group, whose key this transaction sees too.
    else fates.push((await takeKey(client, once, answers[i])) ?? told)
  }
  return fates
}
