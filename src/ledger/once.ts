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

/** A key whose repeats get no answer of their own; a scope has no space in it. */
export type UntoldKey = Pick<OnceKey, 'scope' | 'key'>

/** Takes many keys that carry no answer; gives those that were not taken before, each as its scope, a space and its key. */
export async function takeKeys(
  client: ClientBase,
  tenant: string,
  keys: readonly UntoldKey[],
): Promise<Set<string>> {
  if (keys.length === 0) return new Set()
  // In one order everywhere: two requests that share keys wait for each other in turn, never in a circle.
  const sorted = [...keys].sort((one, other) =>
    one.scope === other.scope ? compare(one.key, other.key) : compare(one.scope, other.scope),
  )
  const { rows } = await client.query<UntoldKey>({
    name: 'once-take-many',
    text: `insert into dedupe (tenant, scope, key)
           select $1, scope, key from unnest($2::text[], $3::text[]) with ordinality as x(scope, key, ord) order by ord
           on conflict do nothing returning scope, key`,
    values: [tenant, sorted.map(({ scope }) => scope), sorted.map(({ key }) => key)],
  })
  return new Set(rows.map(({ scope, key }) => `${scope} ${key}`))
}

const compare = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0)
