import type { ClientBase, Pool } from 'pg'

/** A fact that waits for its action's owner: what a client or a former owner said. `body` depends on `kind`. */
export interface DueFact {
  seq: string
  p: number
  actionId: string
  kind: 'outcome' | 'cancel' | 'retry' | 'pulled' | 'result'
  n: number
  body: unknown
}

interface RawFact {
  seq: string
  p: number
  action_id: string
  kind: DueFact['kind']
  n: number
  body: unknown
}

const toFact = (raw: RawFact): DueFact => ({
  seq: raw.seq,
  p: raw.p,
  actionId: raw.action_id,
  kind: raw.kind,
  n: raw.n,
  body: raw.body,
})

/** Facts not yet applied of these partitions, oldest first; not those of the actions in `except`, which must wait. */
export async function factsWaiting(
  client: ClientBase,
  partitions: readonly number[],
  except: readonly string[],
  limit: number,
): Promise<DueFact[]> {
  const { rows } = await client.query<RawFact>({
    name: 'facts-waiting',
    text: `select seq, p, action_id, kind, n, body from fact
           where p = any($1::smallint[]) and not applied and action_id <> all($2::text[])
           order by seq limit $3`,
    values: [partitions, except, limit],
  })
  return rows.map(toFact)
}

/** All facts not yet applied of these actions, oldest first: none may end before it was read. */
export async function factsOf(client: ClientBase, ids: readonly string[]): Promise<DueFact[]> {
  if (ids.length === 0) return []
  const { rows } = await client.query<RawFact>({
    name: 'facts-of',
    text: `select seq, p, action_id, kind, n, body from fact where action_id = any($1::text[]) and not applied order by seq`,
    values: [ids],
  })
  return rows.map(toFact)
}

export async function markApplied(client: ClientBase, facts: readonly DueFact[]): Promise<void> {
  if (facts.length === 0) return
  await client.query({
    name: 'facts-applied',
    text: `update fact f set applied = true from unnest($1::text[], $2::text[], $3::int[]) as x(action_id, kind, n)
           where f.action_id = x.action_id and f.kind = x.kind and f.n = x.n`,
    values: [facts.map((f) => f.actionId), facts.map((f) => f.kind), facts.map((f) => f.n)],
  })
}

/** What came of a POST, as a former owner tells the new one. */
export interface ResultFact {
  p: number
  actionId: string
  attempt: number
  body: unknown
}

/** What came of POSTs whose partition was lost meanwhile; the new owner reads it as a fact. The first report stays. */
export async function insertResultFacts(pool: Pool, results: readonly ResultFact[]): Promise<void> {
  if (results.length === 0) return
  await pool.query({
    name: 'facts-results',
    text: `insert into fact (p, action_id, kind, n, body)
           select p, id, 'result', n, body::json from unnest($1::smallint[], $2::text[], $3::int[], $4::text[]) as x(p, id, n, body)
           on conflict do nothing`,
    values: [
      results.map((r) => r.p),
      results.map((r) => r.actionId),
      results.map((r) => r.attempt),
      results.map((r) => JSON.stringify(r.body)),
    ],
  })
}
