import Type, { type Static } from 'typebox'
import { accepted } from '../../../actors/action.ts'
import { type Mistake, VolleyError } from '../../errors.ts'
import { newId } from '../../ids.ts'
import type { NewAction } from '../../ledger/actions/insert-actions.ts'
import type { ReadAction } from '../../ledger/actions/read-actions.ts'
import { sliceOf } from '../../ledger/placement.ts'
import type { Sending } from '../../ledger/tenants/sending.ts'
import type { RegisteredType } from '../../ledger/tenants/type-registry.ts'
import type { Caller } from '../deps.ts'
import { instantMs } from './instant.ts'

const YEAR_MS = 366 * 86_400_000
/** ISO 8601 with an offset, so that nobody has to guess a time zone. */
const TIME = '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,9})?)?(Z|[+-]\\d{2}:?\\d{2})$'

export const TimeInput = Type.String({
  pattern: TIME,
  description: 'ISO 8601 with an offset, such as 2026-04-25T00:00:00Z',
})
export const UserId = Type.String({ minLength: 1, maxLength: 256 })

export const NewActionBody = Type.Object({
  action_type: Type.String({
    minLength: 1,
    maxLength: 128,
    description: 'Name or id of an active action type.',
  }),
  user_id: UserId,
  parameters: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  reasoning: Type.Optional(Type.Union([Type.String({ maxLength: 4_000 }), Type.Null()])),
  confidence: Type.Optional(
    Type.Union([
      Type.Number({ minimum: 0, maximum: 1 }),
      Type.String({ pattern: '^(0(\\.\\d{1,16})?|1(\\.0{1,16})?)$' }),
      Type.Null(),
    ]),
  ),
  scheduled_at: Type.Optional(Type.Union([TimeInput, Type.Null()])),
  expires_at: Type.Optional(Type.Union([TimeInput, Type.Null()])),
  decision_id: Type.Optional(
    Type.Union([
      Type.String({ maxLength: 64, description: 'The decision that recommended it, which it carries out.' }),
      Type.Null(),
    ]),
  ),
})
export type NewActionBody = Static<typeof NewActionBody>

/**
 * The row of an accepted action. Throws `action_type_unknown`, `invalid_parameters` or `invalid_schedule` with where
 * the mistake is; `now` is this process's clock in ms, which only judges times that are far off.
 */
export function newAction(
  body: NewActionBody,
  type: RegisteredType | undefined,
  { caller, sending, now }: { caller: Caller; sending: Sending; now: number },
): NewAction {
  if (type === undefined) {
    throw new VolleyError(
      'action_type_unknown',
      `No active action type is called ${JSON.stringify(body.action_type)}.`,
      {
        details: [
          { path: '/action_type', message: 'must be the name of an active action type' },
        ] satisfies Mistake[],
      },
    )
  }
  const parameters = body.parameters ?? {}
  const mistakes = type.validate(parameters)
  if (mistakes.length > 0) {
    throw new VolleyError('invalid_parameters', undefined, {
      details: mistakes.map(({ path, message }) => ({ path: `/parameters${path}`, message })),
    })
  }
  const id = newId('ea')
  return {
    id,
    tenant: caller.tenant,
    type: type.id,
    userId: body.user_id,
    parameters: JSON.stringify(parameters),
    reasoning: body.reasoning ?? null,
    confidence: body.confidence === undefined || body.confidence === null ? null : Number(body.confidence),
    origin: 'api',
    test: caller.mode === 'test',
    shadow: sending === 'shadow',
    lane: type.lane,
    p: type.slices[sliceOf(id, type.slices.length)]!,
    ...schedule(body, now),
    expiresAfterMs: type.terms.expiresAfterMs,
  }
}

function schedule(
  body: NewActionBody,
  now: number,
): { scheduledAt: number | null; expiresAt: number | null } {
  const scheduled = timeOf(body.scheduled_at, '/scheduled_at')
  const expiresAt = timeOf(body.expires_at, '/expires_at')
  // What was due in the past is due now.
  const scheduledAt = scheduled !== null && scheduled > now ? scheduled : null
  if (scheduledAt !== null && scheduledAt > now + YEAR_MS)
    wrong('/scheduled_at', 'must be at most a year ahead')
  if (expiresAt !== null && expiresAt <= (scheduledAt ?? now)) {
    wrong('/expires_at', scheduledAt === null ? 'must be in the future' : 'must be later than scheduled_at')
  }
  if (expiresAt !== null && expiresAt > now + 2 * YEAR_MS)
    wrong('/expires_at', 'must be at most two years ahead')
  return { scheduledAt, expiresAt }
}

function timeOf(text: string | null | undefined, path: string): number | null {
  if (text === undefined || text === null) return null
  return instantMs(text) ?? wrong(path, 'must be a date that exists')
}

function wrong(path: string, message: string): never {
  throw new VolleyError('invalid_schedule', undefined, { details: [{ path, message }] satisfies Mistake[] })
}

/** What a row is once it was inserted at `acceptedAt`, without asking the ledger again. */
export function readBack(row: NewAction, type: RegisteredType, acceptedAt: number): ReadAction {
  const due = row.scheduledAt ?? acceptedAt
  return {
    id: row.id,
    tenant: row.tenant,
    type: row.type,
    userId: row.userId,
    parameters: row.parameters,
    reasoning: row.reasoning,
    confidence: row.confidence,
    lane: row.lane,
    p: row.p,
    isMute: row.test || row.shadow,
    claimed: null,
    state: accepted(due, row.expiresAt ?? due + row.expiresAfterMs),
    typeName: type.name,
    provider: type.provider,
    origin: row.origin,
    test: row.test,
    shadow: row.shadow,
    scheduledAt: row.scheduledAt,
    createdAt: acceptedAt,
    updatedAt: acceptedAt,
    saidOutcome: null,
    requested: null,
  }
}
