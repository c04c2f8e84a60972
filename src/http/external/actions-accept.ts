import { createHash } from 'node:crypto'
import Type, { type Static } from 'typebox'
import { type Mistake, VolleyError } from '../../errors.ts'
import { isId } from '../../ids.ts'
import type { Acceptance } from '../../ledger/actions/accept-actions.ts'
import type { NewAction } from '../../ledger/actions/insert-actions.ts'
import { type Earlier, findEarlier, type OnceKey } from '../../ledger/intake/once.ts'
import type { RegisteredType } from '../../ledger/tenants/type-registry.ts'
import type { Nudge } from '../../mailbox/nudge.ts'
import type { Caller, WebDeps } from '../deps.ts'
import { ErrorAnswer, mistakesOf } from '../mistakes.ts'
import { route } from '../route.ts'
import { ActionSchema, viewAction } from './action-view.ts'
import { acceptCarrying, carryingOf, carryingRow, withOffered } from './carried-action.ts'
import { NewActionBody, newAction, readBack } from './new-action.ts'

const IdempotencyHeader = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      pattern: '^[\\x21-\\x7e]{1,255}$',
      description: 'For 7 days, the same key and body get the same answer once more.',
    }),
  ),
})

const Created = Type.Object({ action: ActionSchema })

/** Accepted means committed; the answer is given after that, and the sending follows from the ledger. */
export const postAction = route({
  method: 'POST',
  path: '/api/external/actions',
  summary: 'Accept one action for sending',
  auth: 'key',
  headers: IdempotencyHeader,
  body: NewActionBody,
  answers: { 201: Created },
  errors: [
    'action_type_unknown',
    'invalid_parameters',
    'invalid_schedule',
    'idempotency_conflict',
    'backlog_full',
    'not_found',
    'invalid_transition',
    'live_key_needed',
  ],
  example: {
    action_type: 'grant_points',
    user_id: 'user-123',
    parameters: { amount: 500 },
    confidence: 0.82,
  },
  async handler({ body, headers, caller, deps }) {
    const once = onceKey(headers['idempotency-key'], caller, 'POST /api/external/actions', body)
    const earlier = await earlierOf(once, deps)
    if (earlier !== null)
      return { status: 201, body: replayed(earlier) as Static<typeof Created>, headers: REPLAYED }
    const type = (await typesOf(deps, caller, [body.action_type])).get(body.action_type)
    const { decision_id = null, user_id } = body
    const carrying =
      decision_id === null || type === undefined
        ? null
        : await carryingOf({ decision_id, user_id }, type, caller, deps)
    const judged = newAction(withOffered(body, carrying), type, {
      caller,
      sending: deps.tenants.sendingOf(caller.tenant),
      now: Date.now(),
    })
    const row = carrying === null ? judged : carryingRow(judged, carrying)
    const answer = (at: number) => ({ action: viewAction(readBack(row, type!, at)) })
    const told =
      carrying === null
        ? await accept(deps, caller, [row], once, answer)
        : await deps.backlog.pass(caller.tenant, toSend([row]), () =>
            acceptCarrying({ row, type: type!, once, answer }, carrying, deps),
          )
    if (told.kind === 'accepted') {
      deps.nudger.nudge(laneNudges([row]))
      return { status: 201, body: told.answer }
    }
    return { status: 201, body: replayed(told) as Static<typeof Created>, headers: REPLAYED }
  },
})

const BatchResult = Type.Object({
  index: Type.Integer(),
  action: Type.Optional(ActionSchema),
  error: Type.Optional(ErrorAnswer),
})
const BatchAnswer = Type.Object({ results: Type.Array(BatchResult) })

export const postBatch = route({
  method: 'POST',
  path: '/api/external/actions/batch',
  summary: 'Accept up to 1,000 actions; a bad one does not reject the others',
  auth: 'key',
  headers: IdempotencyHeader,
  body: Type.Object({ actions: Type.Array(Type.Unknown(), { minItems: 1, maxItems: 1_000 }) }),
  answers: { 200: BatchAnswer },
  errors: ['idempotency_conflict', 'backlog_full'],
  async handler({ body, headers, caller, deps }) {
    const once = onceKey(headers['idempotency-key'], caller, 'POST /api/external/actions/batch', body)
    const earlier = await earlierOf(once, deps)
    if (earlier !== null)
      return { status: 200, body: replayed(earlier) as Static<typeof BatchAnswer>, headers: REPLAYED }
    const items = await judge(body.actions, caller, deps)
    const good = items.flatMap((item) => (item.kind === 'good' ? [item] : []))
    const told = await accept(
      deps,
      caller,
      good.map(({ row }) => row),
      once,
      (at): Static<typeof BatchAnswer> => ({
        results: items.map((item, index) =>
          item.kind === 'good'
            ? { index, action: viewAction(readBack(item.row, item.type, at)) }
            : { index, error: item.error },
        ),
      }),
    )
    if (told.kind === 'accepted') {
      deps.nudger.nudge(laneNudges(good.map(({ row }) => row)))
      return { status: 200, body: told.answer }
    }
    return { status: 200, body: replayed(told) as Static<typeof BatchAnswer>, headers: REPLAYED }
  },
})

const REPLAYED = { 'Idempotent-Replayed': 'true' }

/** Nothing is written where the tenant's backlog is full; what is never sent is no part of it. */
function accept<T>(
  deps: WebDeps,
  caller: Caller,
  rows: readonly NewAction[],
  once: OnceKey | null,
  answer: (acceptedAt: number) => T,
): Promise<Acceptance<T>> {
  return deps.backlog.pass(caller.tenant, toSend(rows), () => deps.intake.actions(rows, once, answer))
}

const toSend = (rows: readonly NewAction[]): number =>
  rows.filter(({ test, shadow }) => !test && !shadow).length

type Judged =
  | { kind: 'good'; row: NewAction; type: RegisteredType }
  | { kind: 'bad'; error: Static<typeof ErrorAnswer> }

const ALONE: Mistake[] = [
  { path: '/decision_id', message: 'is taken only by POST /api/external/actions, one action at a time' },
]

/** Judges each item of a batch by itself; types are asked for once a name. */
async function judge(actions: readonly unknown[], caller: Caller, deps: WebDeps): Promise<Judged[]> {
  const now = Date.now()
  const sending = deps.tenants.sendingOf(caller.tenant)
  const checked = actions.map((item) => ({ item, mistakes: mistakesOf(NewActionBody, item) }))
  const bodies = checked.flatMap(({ item, mistakes }) =>
    mistakes.length === 0 ? [item as NewActionBody] : [],
  )
  const types = await typesOf(
    deps,
    caller,
    bodies.map((body) => body.action_type),
  )
  return checked.map(({ item, mistakes }): Judged => {
    try {
      if (mistakes.length > 0) throw new VolleyError('invalid_body', undefined, { details: mistakes })
      const { action_type, decision_id = null } = item as NewActionBody
      if (decision_id !== null) throw new VolleyError('invalid_body', undefined, { details: ALONE })
      const type = types.get(action_type)
      return {
        kind: 'good',
        row: newAction(item as NewActionBody, type, { caller, sending, now }),
        type: type!,
      }
    } catch (error) {
      if (!(error instanceof VolleyError)) throw error
      return {
        kind: 'bad',
        error: { error: error.message, code: error.code, details: error.details as Mistake[] },
      }
    }
  })
}

/** Active types of the caller by what the client called them: a name or an id. */
async function typesOf(
  deps: WebDeps,
  caller: Caller,
  asked: readonly string[],
): Promise<Map<string, RegisteredType>> {
  // By the whole form of an id, since a name may begin like one.
  const isTypeId = (text: string) => isId('at', text)
  const ids = asked.filter(isTypeId)
  const found = new Map(
    await deps.registry.byNames(
      caller.tenant,
      asked.filter((text) => !isTypeId(text)),
    ),
  )
  for (const [id, type] of await deps.registry.byIds(ids)) {
    if (type.tenant === caller.tenant && type.active) found.set(id, type)
  }
  return found
}

function onceKey(key: string | undefined, caller: Caller, call: string, body: unknown): OnceKey | null {
  if (key === undefined) return null
  const digest = createHash('sha256')
    .update(`${call}\n${canonical(body)}`)
    .digest()
  // A test key must never replay what a live key did.
  return { tenant: caller.tenant, scope: `call:${caller.mode}`, key, digest }
}

/** JSON with sorted keys: the same value has the same text, however it was written. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
}

/** A repeat is answered before anything is judged: what was fine then, a type or a time, may be refused by now. */
async function earlierOf(once: OnceKey | null, deps: WebDeps): Promise<Earlier | null> {
  return once === null ? null : findEarlier(deps.ledger.pool, once)
}

function replayed(told: Earlier): unknown {
  if (told.kind === 'conflict') throw new VolleyError('idempotency_conflict')
  return told.answer
}

/** What is due now is told to its owners, each lane once; the rest is found by their sweeps. */
function laneNudges(rows: readonly NewAction[]): Nudge[] {
  const nudges = new Map<string, Nudge>()
  for (const { p, lane, test, shadow, scheduledAt } of rows) {
    if (!test && !shadow && scheduledAt === null) nudges.set(`${p} ${lane}`, { kind: 'lane', p, lane })
  }
  return [...nudges.values()]
}
