import type { ClientBase, Pool } from 'pg'

/** A decision to be kept, as JSON in `body`. */
export interface NewDecision {
  id: string
  tenant: string
  userId: string
  domain: string
  /** The event that asked for it; null where a client did. */
  eventId: string | null
  body: unknown
  actionId: string | null
  /** Decided for a test key: what would have been done. */
  test: boolean
}

/** A decision as it was kept; `at` in ms. */
export interface ReadDecision extends NewDecision {
  at: number
}

export async function insertDecisions(
  client: ClientBase | Pool,
  decisions: readonly NewDecision[],
): Promise<void> {
  if (decisions.length === 0) return
  await client.query({
    name: 'insert-decisions',
    text: `insert into decision (id, tenant, user_id, domain, event_id, body, action_id, test)
           select id, tenant, user_id, domain, event_id, body::json, action_id, test
           from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                       $8::bool[])
             as x(id, tenant, user_id, domain, event_id, body, action_id, test)`,
    values: [
      decisions.map((d) => d.id),
      decisions.map((d) => d.tenant),
      decisions.map((d) => d.userId),
      decisions.map((d) => d.domain),
      decisions.map((d) => d.eventId),
      decisions.map((d) => JSON.stringify(d.body)),
      decisions.map((d) => d.actionId),
      decisions.map((d) => d.test),
    ],
  })
}

/** A tenant's decision; null where it has none with this id. */
export async function readDecision(pool: Pool, tenant: string, id: string): Promise<ReadDecision | null> {
  const { rows } = await pool.query<ReadDecision>({
    name: 'read-decision',
    text: `select id, tenant, user_id as "userId", domain, event_id as "eventId", body, action_id as "actionId", test,
             (date_part('epoch', at) * 1000)::float8 as at
           from decision where id = $1 and tenant = $2`,
    values: [id, tenant],
  })
  return rows[0] ?? null
}
