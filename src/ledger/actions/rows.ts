import type { ActionState, FailureReason, Outcome, OutcomeStatus, Status } from '../../../actors/action.ts'

/** An action as its owner holds it: what is fixed, and the state as it was last read or written. */
export interface ActionRow {
  id: string
  tenant: string
  /** Id of its action type. */
  type: string
  userId: string
  /** JSON text. */
  parameters: string
  reasoning: string | null
  confidence: number | null
  /** Who asked for it: `api`, or `rule:<domain>/<name>`. */
  origin: string
  test: boolean
  lane: string
  p: number
  /** Of a test key, or accepted in shadow: recorded, never sent, and told to nobody. */
  isMute: boolean
  /** The attempt whose POST its owner said it would begin; null where the type does not ask for it. */
  claimed: number | null
  state: ActionState
}

/**
 * The columns that make an ActionRow; times as ms since the epoch. Due times and deadlines are whole ms in the ledger too,
 * so that they come back as they were read, and timers are found by them.
 */
export const ACTION_COLUMNS = `a.id, a.tenant, a.type, a.user_id, a.parameters::text as parameters, a.reasoning,
  a.confidence, a.origin, a.test, a.lane, a.p, a.status, a.version, a.attempt, a.budget_from,
  round(date_part('epoch', a.next_at) * 1000) as next_at, round(date_part('epoch', a.deadline) * 1000) as deadline,
  a.outcome, a.failure_reason, a.late, a.claimed, a.test or a.shadow as is_mute`

/** A row as the driver gives it for ACTION_COLUMNS. */
export interface RawAction {
  id: string
  tenant: string
  type: string
  user_id: string
  parameters: string
  reasoning: string | null
  confidence: number | null
  origin: string
  test: boolean
  lane: string
  p: number
  status: Status
  version: number
  attempt: number
  budget_from: number
  next_at: number | null
  deadline: number | null
  outcome: { status: OutcomeStatus; result: unknown; at: number } | null
  failure_reason: FailureReason | null
  late: boolean
  claimed: number | null
  is_mute: boolean
}

export function toActionRow(raw: RawAction): ActionRow {
  return {
    id: raw.id,
    tenant: raw.tenant,
    type: raw.type,
    userId: raw.user_id,
    parameters: raw.parameters,
    reasoning: raw.reasoning,
    confidence: raw.confidence,
    origin: raw.origin,
    test: raw.test,
    lane: raw.lane,
    p: raw.p,
    isMute: raw.is_mute,
    claimed: raw.claimed,
    state: {
      status: raw.status,
      version: raw.version,
      attempt: raw.attempt,
      budgetFrom: raw.budget_from,
      nextAt: raw.next_at,
      deadline: raw.deadline,
      outcome: raw.outcome satisfies Outcome | null,
      failureReason: raw.failure_reason,
      late: raw.late,
    },
  }
}
