import Type, { type Static } from 'typebox'
import { OUTCOME_STATUSES } from '../../../actors/action.ts'
import { pickOf, sayingsOf } from '../../decisions/kept.ts'
import type { ReadAction, ReadStep } from '../../ledger/actions/read-actions.ts'
import type { ReadDecision } from '../../ledger/decisions/decisions.ts'
import type { ListedDecision } from '../../ledger/decisions/list-decisions.ts'
import { ActionSchema, AttemptSchema, viewAction, viewAttempts } from '../external/action-view.ts'
import { MistakesAnswer } from '../mistakes.ts'
import { Nullable } from '../sending-terms.ts'

const Time = Type.String({ description: 'ISO 8601, UTC', examples: ['2026-04-26T10:30:00.000Z'] })

export const OutcomeSchema = Type.Object({
  status: Type.Enum([...OUTCOME_STATUSES]),
  result: Type.Unknown(),
  reported_at: Time,
})

/** A decision as a list shows it. */
export const DecisionRow = Type.Object({
  id: Type.String(),
  user_id: Type.String(),
  domain: Type.String(),
  rule: Nullable(Type.String({ description: 'The rule that was picked; null: none offered anything.' })),
  event_id: Nullable(Type.String()),
  action_id: Nullable(Type.String({ description: 'The action that came of it.' })),
  sent: Type.Boolean({ description: 'It became an action, or was answered to whoever asked.' }),
  holdout: Type.Boolean({ description: 'Decided for a user for whom nothing is sent, to see what it adds.' }),
  test: Type.Boolean(),
  at: Time,
})

const CandidateSchema = Type.Object({
  rule: Type.String(),
  action: Type.String(),
  parameters: Type.Record(Type.String(), Type.Unknown()),
  reasoning: Type.String(),
  prior: Type.Number({ description: "The author's confidence." }),
  confidence: Type.Number({ description: 'What was believed then.' }),
  propensity: Type.Number({ description: 'How likely it was to be picked.' }),
})

/** A decision with all that it went by, and what came of it. */
export const DecisionSchema = Type.Object({
  ...DecisionRow.properties,
  is_erased: Type.Boolean({ description: 'Its user was erased, and with it what was decided by.' }),
  document: Nullable(
    Type.Object({ file: Type.String(), digest: Type.String(), version: Nullable(Type.Integer()) }),
  ),
  inputs: Nullable(
    Type.Object({
      digest: Type.String({ description: 'SHA-256 of what the rules saw, hex.' }),
      data: Type.Unknown(),
      cut: Type.Array(Type.String(), { description: 'Parts of the data that were too large to keep.' }),
    }),
  ),
  user_context: Type.Unknown(),
  event: Nullable(Type.Object({ id: Type.String(), type: Type.String() })),
  trigger: Nullable(Type.Record(Type.String(), Type.Unknown())),
  segment: Nullable(Type.String()),
  strategy: Nullable(Type.String()),
  pick: Nullable(Type.String()),
  candidates: Type.Array(CandidateSchema, { description: 'The pick first.' }),
  rules: Type.Array(
    Type.Object({
      rule: Type.String(),
      said: Type.String(),
      error: Nullable(Type.String()),
      mistakes: MistakesAnswer,
    }),
    { description: 'What every rule said that was asked.' },
  ),
  reason: Nullable(Type.String({ description: 'Why nothing was sent.' })),
  would_send: Nullable(
    Type.Boolean({ description: 'For what is only recorded: whether it would have been sent.' }),
  ),
  action: Nullable(Type.Object({ ...ActionSchema.properties, attempts_made: Type.Array(AttemptSchema) })),
  outcome: Nullable(OutcomeSchema),
})

const iso = (ms: number): string => new Date(ms).toISOString()

export function viewRow(decision: ListedDecision): Static<typeof DecisionRow> {
  const { id, userId, domain, rule, eventId, actionId, sent, holdout, test, at } = decision
  return {
    id,
    user_id: userId,
    domain,
    rule,
    event_id: eventId,
    action_id: actionId,
    sent,
    holdout,
    test,
    at: iso(at),
  }
}

/** `made` is the action that came of it; null where none did. */
export function viewDecision(
  decision: ReadDecision,
  made: { action: ReadAction; history: ReadStep[] } | null,
): Static<typeof DecisionSchema> {
  const action = made === null ? null : viewAction(made.action)
  return {
    ...viewRow(decision),
    is_erased: decision.body === null,
    ...viewReasons(decision.body),
    action: action === null ? null : { ...action, attempts_made: viewAttempts(made!.history) },
    outcome: action?.outcome ?? viewOutcome(decision),
  }
}

/** What was decided and why; nothing of an erased user's is left. */
function viewReasons(body: ReadDecision['body']) {
  return {
    document: body?.document ?? null,
    inputs:
      body === null
        ? null
        : { digest: body.inputs.digest, data: body.inputs.data, cut: body.inputs.cut ?? [] },
    user_context: body?.user_context ?? null,
    event: body?.event ?? null,
    trigger: body?.trigger ?? null,
    segment: body?.segment ?? null,
    strategy: body?.strategy ?? null,
    pick: body === null ? null : pickOf(body),
    candidates: (body?.candidates ?? []).map((candidate) => ({
      ...candidate,
      prior: candidate.prior ?? candidate.confidence,
      propensity: body!.propensities[candidate.rule] ?? 0,
    })),
    rules: body === null ? [] : sayingsOf(body),
    reason: body?.reason ?? null,
    would_send: body?.would_send ?? null,
  }
}

function viewOutcome({ carried }: ReadDecision): Static<typeof OutcomeSchema> | null {
  if (carried === null || carried.outcome === null) return null
  const { status, result } = carried.outcome
  return { status, result, reported_at: iso(carried.at) }
}
