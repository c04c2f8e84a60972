import Type, { type Static } from 'typebox'
import { OUTCOME_STATUSES, STATUSES } from '../../../actors/action.ts'
import type { ReadAction, ReadStep } from '../../ledger/actions/read-actions.ts'

const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const Time = Type.String({ description: 'ISO 8601, UTC', examples: ['2026-04-26T10:30:00.000Z'] })
const StatusSchema = Type.Enum([...STATUSES])

/** An action as the API shows it. */
export const ActionSchema = Type.Object({
  id: Type.String({ examples: ['ea_01KAJX0M6Q8V2Y3R5T7W9ZBCDE'] }),
  action_type: Type.String(),
  action_type_id: Type.String(),
  provider: Type.String(),
  user_id: Type.String(),
  parameters: Type.Record(Type.String(), Type.Unknown()),
  reasoning: Nullable(Type.String()),
  confidence: Nullable(Type.Number()),
  status: StatusSchema,
  test: Type.Boolean({ description: 'Made with a test key: never sent.' }),
  shadow: Type.Boolean({ description: 'Accepted while sending was in shadow: recorded, never sent.' }),
  origin: Type.String({ description: '`api`, or the rule that asked for it.' }),
  attempts: Type.Integer({ description: 'Recorded attempts.' }),
  next_attempt_at: Nullable(Time),
  scheduled_at: Nullable(Time),
  expires_at: Nullable(Time),
  outcome: Nullable(
    Type.Object({
      status: Type.Enum([...OUTCOME_STATUSES]),
      result: Type.Unknown(),
      reported_at: Time,
    }),
  ),
  outcome_status: Nullable(Type.String()),
  failure_reason: Nullable(Type.String()),
  late: Type.Boolean({ description: 'The outcome came after the action had ended without one.' }),
  requested: Type.Optional(
    Type.String({ description: '`cancel` or `retry`, while it waits to be decided on.' }),
  ),
  created_at: Time,
  updated_at: Time,
})
export type ActionView = Static<typeof ActionSchema>

export const AttemptSchema = Type.Object({
  attempt: Type.Integer(),
  at: Time,
  status_after: StatusSchema,
  http_status: Nullable(Type.Integer()),
  latency_ms: Nullable(Type.Number()),
  error: Nullable(
    Type.String({ description: 'null for a delivered attempt; `http_status`, `timeout`, `connection` …' }),
  ),
  message: Nullable(Type.String()),
  response_excerpt: Nullable(Type.String({ description: 'At most 4 KiB of the answer.' })),
})

export const StepSchema = Type.Object({
  version: Type.Integer(),
  at: Time,
  kind: Type.String(),
  from: StatusSchema,
  to: StatusSchema,
  attempt: Type.Integer(),
  detail: Type.Unknown(),
})

const iso = (ms: number): string => new Date(ms).toISOString()
const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms))

/** An action as it is, an acknowledged outcome included although its owner may not have applied it yet. */
export function viewAction(action: ReadAction): ActionView {
  const { state, saidOutcome } = action
  const outcome = state.outcome ?? saidOutcome
  const isSaid = state.outcome === null && saidOutcome !== null
  const isOver = state.status === 'failed' || state.status === 'expired'
  const saidStatus = saidOutcome?.status === 'rejected' ? 'failed' : 'completed'
  const saidReason = saidOutcome?.status === 'rejected' ? 'rejected' : null
  return {
    id: action.id,
    action_type: action.typeName,
    action_type_id: action.type,
    provider: action.provider,
    user_id: action.userId,
    parameters: JSON.parse(action.parameters) as Record<string, unknown>,
    reasoning: action.reasoning,
    confidence: action.confidence,
    status: isSaid ? saidStatus : state.status,
    test: action.test,
    shadow: action.shadow,
    origin: action.origin,
    attempts: state.attempt,
    next_attempt_at: isSaid ? null : isoOrNull(state.nextAt),
    scheduled_at: isoOrNull(action.scheduledAt),
    expires_at: isSaid ? null : isoOrNull(state.deadline),
    outcome:
      outcome === null
        ? null
        : { status: outcome.status, result: outcome.result, reported_at: iso(outcome.at) },
    outcome_status: outcome?.status ?? null,
    failure_reason: isSaid ? saidReason : state.failureReason,
    late: state.late || (isSaid && isOver),
    ...(action.requested === null ? {} : { requested: action.requested }),
    created_at: iso(action.createdAt),
    updated_at: iso(isSaid ? Math.max(action.updatedAt, saidOutcome.at) : action.updatedAt),
  }
}

export function viewStep(step: ReadStep): Static<typeof StepSchema> {
  return { ...step, at: iso(step.at), detail: step.detail }
}

/** The attempts among the steps of a history. */
export function viewAttempts(history: readonly ReadStep[]): Static<typeof AttemptSchema>[] {
  return history
    .filter((step) => step.kind === 'result')
    .map((step) => {
      const detail = (step.detail ?? {}) as Partial<Static<typeof AttemptSchema>>
      return {
        attempt: step.attempt,
        at: iso(step.at),
        status_after: step.to,
        http_status: detail.http_status ?? null,
        latency_ms: detail.latency_ms ?? null,
        error: detail.error ?? null,
        message: detail.message ?? null,
        response_excerpt: detail.response_excerpt ?? null,
      }
    })
}
