import type { Pool } from 'pg'
import type { Outcome, OutcomeStatus, Status } from '../../../actors/action.ts'
import { isErased, isErasedUser } from '../people/redact.ts'
import { isAction } from './timers.ts'

/** What a client says came of an action; `result` is JSON, null where it said nothing more. */
export interface Report {
  status: OutcomeStatus
  result: unknown
}

/**
 * `recorded`: `outcome` is now the first one of the action; `exists`: it is the earlier one, and nothing was written. Where
 * the user `isErased`, no result of it is kept.
 */
export type OutcomeAcceptance =
  | { kind: 'recorded'; p: number }
  | { kind: 'exists'; p: number; outcome: Report; isErased: boolean }
  | { kind: 'unknown' }

interface Asked {
  p: number
  isNew: boolean
  outcome: Outcome | null
  userId: string
}

const INSERT_OUTCOME = `
with a as (select id, p, version, outcome, user_id from action where id = $1 and tenant = $2 and ${isAction('type')}),
i as (
  insert into fact (p, action_id, kind, n, seen_version, body)
  -- Whoever was sent the action may still tell of a user who was erased since; that it ended is all that is kept.
  select p, id, 'outcome', 0, version, case when ${isErased('user_id')} then $4::json else $3::json end
  from a where outcome is null
  on conflict (action_id, kind, n) do nothing returning 1
)
select a.p, exists (select from i) as "isNew", a.outcome, a.user_id as "userId" from a`

/** Commits what came of an action as a fact for its owner; the first outcome of an action is its only one. */
export async function acceptOutcome(
  pool: Pool,
  tenant: string,
  id: string,
  report: Report,
): Promise<OutcomeAcceptance> {
  const { rows } = await pool.query<Asked>({
    name: 'fact-outcome',
    text: INSERT_OUTCOME,
    values: [id, tenant, JSON.stringify(report), JSON.stringify({ ...report, result: null })],
  })
  const asked = rows[0]
  if (asked === undefined) return { kind: 'unknown' }
  if (asked.isNew) return { kind: 'recorded', p: asked.p }
  const { p, outcome } = asked
  const isErased = isErasedUser(asked.userId)
  if (outcome !== null) return { kind: 'exists', p, outcome, isErased }
  // A statement of its own: the one that won may have committed only while this insert waited for it.
  const winner = await pool.query<{ body: Report }>({
    name: 'fact-outcome-winner',
    text: `select body from fact where action_id = $1 and kind = 'outcome' and n = 0`,
    values: [id],
  })
  return { kind: 'exists', p, outcome: winner.rows[0]!.body, isErased }
}

/** What a client may ask of an action that its owner decides on. */
export type Request = 'cancel' | 'retry'

/** Commits a request seen at a version of its action; the same request at the same version is one fact. */
export async function acceptRequest(
  pool: Pool,
  action: { id: string; p: number; version: number },
  request: Request,
): Promise<void> {
  await pool.query({
    name: 'fact-request',
    text: `insert into fact (p, action_id, kind, n, seen_version) values ($1, $2, $3, $4, $4)
           on conflict (action_id, kind, n) do nothing`,
    values: [action.p, action.id, request, action.version],
  })
}

/**
 * What the owner made of a request: `waiting` until it was applied; `granted` when history shows its step; `refused`
 * when the action had moved on, with the status it has now.
 */
export type RequestFate = { kind: 'waiting' } | { kind: 'granted' } | { kind: 'refused'; status: Status }

export async function fateOfRequest(
  pool: Pool,
  action: { id: string; version: number },
  request: Request,
): Promise<RequestFate> {
  const { rows } = await pool.query<{ applied: boolean; isGranted: boolean; status: Status }>({
    name: 'fact-fate',
    text: `select f.applied, a.status,
                  exists (select from history h where h.action_id = f.action_id and h.kind = f.kind and h.version > f.n) as "isGranted"
           from fact f join action a on a.id = f.action_id
           where f.action_id = $1 and f.kind = $2 and f.n = $3`,
    values: [action.id, request, action.version],
  })
  const row = rows[0]
  if (row === undefined || !row.applied) return { kind: 'waiting' }
  return row.isGranted ? { kind: 'granted' } : { kind: 'refused', status: row.status }
}
