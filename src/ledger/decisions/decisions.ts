import type { ClientBase, Pool } from 'pg'
import { type StoredDecision, textOf } from '../../decisions/kept.ts'
import type { Report } from '../actions/accept-facts.ts'

/** A decision to be kept; `body` says why, the rest is what decisions are found by. */
export interface NewDecision {
  id: string
  tenant: string
  userId: string
  domain: string
  /** The event that asked for it; null where a client did, or something else was due. */
  eventId: string | null
  /** Name of the rule that was picked; null: none offered anything. */
  rule: string | null
  /** It became an action, or was answered to whoever asked. */
  sent: boolean
  holdout: boolean
  body: StoredDecision
  actionId: string | null
  /** Decided for a test key: what would have been done. */
  test: boolean
}

/** A decision as it was kept; `at` in ms. */
export interface ReadDecision extends Omit<NewDecision, 'body'> {
  /** Null: its user was erased. */
  body: StoredDecision | null
  at: number
  /** What a client made of it itself: an action, or an outcome that it told; null: nothing that is known. */
  carried: { actionId: string | null; outcome: Report | null; at: number } | null
}

// The bodies are one list in JSON: as a list of texts each of their quotes would be escaped here and read again there.
const INSERT = `
insert into decision (id, tenant, user_id, domain, event_id, action_id, test, rule, sent, holdout, body)
select x.* from rows from (
  unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bool[], $8::text[], $9::bool[],
         $10::bool[]),
  json_array_elements($11::json))
  as x(id, tenant, user_id, domain, event_id, action_id, test, rule, sent, holdout, body)`

export async function insertDecisions(
  client: ClientBase | Pool,
  decisions: readonly NewDecision[],
): Promise<void> {
  if (decisions.length === 0) return
  await client.query({
    name: 'insert-decisions',
    text: INSERT,
    values: [
      decisions.map((d) => d.id),
      decisions.map((d) => d.tenant),
      decisions.map((d) => d.userId),
      decisions.map((d) => d.domain),
      decisions.map((d) => d.eventId),
      decisions.map((d) => d.actionId),
      decisions.map((d) => d.test),
      decisions.map((d) => d.rule),
      decisions.map((d) => d.sent),
      decisions.map((d) => d.holdout),
      `[${decisions.map((d) => textOf(d.body)).join(',')}]`,
    ],
  })
}

/** The columns of a ReadDecision; `d` is the decision, and `c` what was carried out of it. */
export const DECISION_COLUMNS = `d.id, d.tenant, d.user_id as "userId", d.domain, d.event_id as "eventId", d.rule, d.sent, d.holdout,
  coalesce(d.action_id, c.action_id) as "actionId", d.test, (date_part('epoch', d.at) * 1000)::float8 as at,
  case when c.decision_id is not null then json_build_object('actionId', c.action_id, 'outcome', c.outcome,
    'at', date_part('epoch', c.at) * 1000) end as carried`

/** SQL for the body of `d`, null where its user was erased. */
export const DECISION_BODY = `case when d.body::text <> '{}' then d.body end as body`

/** A tenant's decision; null where it has none with this id. */
export async function readDecision(pool: Pool, tenant: string, id: string): Promise<ReadDecision | null> {
  const { rows } = await pool.query<ReadDecision>({
    name: 'read-decision',
    text: `select ${DECISION_COLUMNS}, ${DECISION_BODY} from decision d left join carried c on c.decision_id = d.id
           where d.id = $1 and d.tenant = $2`,
    values: [id, tenant],
  })
  return rows[0] ?? null
}
