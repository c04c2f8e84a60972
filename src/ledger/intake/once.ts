import type { ClientBase, Pool } from 'pg'

/** A request that must count once: `key` is the client's, `digest` 32 bytes that tell its body from another. */
export interface OnceKey {
  tenant: string
  scope: string
  key: string
  digest: Buffer
}

/** `replay`: what the same request was answered before; `conflict`: the key belongs to another request. */
export type Earlier = { kind: 'replay'; answer: unknown } | { kind: 'conflict' }

/** What became of this key before; null where it was not used. */
export async function findEarlier(client: ClientBase | Pool, once: OnceKey): Promise<Earlier | null> {
  const { rows } = await client.query<{ digest: Buffer; answer: unknown }>({
    name: 'once-find',
    text: 'select digest, answer from dedupe where tenant = $1 and scope = $2 and key = $3',
    values: [once.tenant, once.scope, once.key],
  })
  const row = rows[0]
  if (row === undefined) return null
  return row.digest.equals(once.digest) ? { kind: 'replay', answer: row.answer } : { kind: 'conflict' }
}

/**
 * Takes the key for this transaction, with the answer that a repeat will get; gives what became of it before where it
 * was taken. A transaction that took the key and has not ended yet is waited for.
 */
export async function takeKey(client: ClientBase, once: OnceKey, answer: unknown): Promise<Earlier | null> {
  for (;;) {
    const { rowCount } = await client.query({
      name: 'once-take',
      text: `insert into dedupe (tenant, scope, key, digest, answer) values ($1, $2, $3, $4, $5::json) on conflict do nothing`,
      values: [once.tenant, once.scope, once.key, once.digest, JSON.stringify(answer)],
    })
    if (rowCount === 1) return null
    const earlier = await findEarlier(client, once)
    if (earlier !== null) return earlier
    // Retention removed the earlier one between the two statements, so the key is free again.
  }
}

/** A key with the answer that its repeats will get. */
export interface AnsweredKey {
  once: OnceKey
  answer: unknown
}

/** Takes many keys for this transaction; gives those that were free. Of two that are the same, the first one takes it. */
export async function takeAnsweredKeys(
  client: ClientBase,
  keys: readonly AnsweredKey[],
): Promise<Set<OnceKey>> {
  const firsts = new Map<string, AnsweredKey>()
  for (const key of keys) if (!firsts.has(nameOf(key.once))) firsts.set(nameOf(key.once), key)
  // In one order everywhere: two transactions that share keys wait for each other in turn, never in a circle.
  const names = [...firsts.keys()].sort()
  const sorted = names.map((name) => firsts.get(name)!)
  const { rows } = await client.query<Pick<OnceKey, 'tenant' | 'scope' | 'key'>>({
    name: 'once-take-many',
    text: `insert into dedupe (tenant, scope, key, digest, answer)
           select tenant, scope, key, digest, answer::json
           from unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::text[])
             with ordinality as x(tenant, scope, key, digest, answer, ord) order by ord
           on conflict do nothing returning tenant, scope, key`,
    values: [
      sorted.map(({ once }) => once.tenant),
      sorted.map(({ once }) => once.scope),
      sorted.map(({ once }) => once.key),
      sorted.map(({ once }) => once.digest),
      sorted.map(({ answer }) => JSON.stringify(answer)),
    ],
  })
  return new Set(rows.map((row) => firsts.get(nameOf(row))!.once))
}

/** A scope has no space in it, and a key of it has its whole rest. */
const nameOf = ({ tenant, scope, key }: Pick<OnceKey, 'tenant' | 'scope' | 'key'>) =>
  `${tenant} ${scope} ${key}`
