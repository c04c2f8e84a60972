import Type, { type Static } from 'typebox'
import { VolleyError } from '../../errors.ts'
import {
  dropLetter,
  type Letter,
  listLetters,
  readLetter,
  retryLetter,
} from '../../ledger/actions/resolve-letters.ts'
import type { Operator } from '../deps.ts'
import { route } from '../route.ts'

const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const LetterView = Type.Object({
  id: Type.String(),
  at: Type.String(),
  reason: Type.String({
    description:
      '`internal`: deciding threw. `poison`: Postgres refused what was decided. `crash`: workers died of it.',
  }),
  error: Type.String(),
  action_id: Nullable(Type.String()),
  tenant: Nullable(Type.String({ description: 'Its slug.' })),
  body: Type.Unknown({ description: 'What it was about, where the action does not say it all.' }),
  resolution: Nullable(Type.Enum(['retried', 'dropped'])),
  resolved_at: Nullable(Type.String()),
  resolved_by: Nullable(Type.String()),
})
const OneLetter = Type.Object({ dead_letter: LetterView })
const Params = Type.Object({ id: Type.String() })
const PATH = '/api/operators/dead-letters'

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())

const view = (letter: Letter): Static<typeof LetterView> => ({
  id: letter.id,
  at: new Date(letter.at).toISOString(),
  reason: letter.reason,
  error: letter.error,
  action_id: letter.actionId,
  tenant: letter.tenant,
  body: letter.body,
  resolution: letter.resolution,
  resolved_at: iso(letter.resolvedAt),
  resolved_by: letter.resolvedBy,
})

const nameOf = ({ keyId, label }: Operator): string => (label === null ? keyId : `${keyId} (${label})`)

export const getDeadLetters = route({
  method: 'GET',
  path: PATH,
  summary: 'List dead letters, newest first',
  description: 'Open ones, unless `resolved=true` asks for those that were resolved too.',
  auth: 'operator',
  query: Type.Object({
    reason: Type.Optional(Type.Enum(['internal', 'poison', 'crash'])),
    tenant: Type.Optional(Type.String({ maxLength: 63, description: 'Slug of a tenant.' })),
    resolved: Type.Optional(Type.Boolean({ default: false })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 50 })),
    cursor: Type.Optional(Type.String({ maxLength: 64 })),
  }),
  answers: {
    200: Type.Object({ dead_letters: Type.Array(LetterView), next_cursor: Nullable(Type.String()) }),
  },
  errors: ['not_found'],
  async handler({ query, deps }) {
    const limit = query.limit ?? 50
    const letters = await listLetters(deps.ledger.pool, {
      reason: query.reason ?? null,
      tenant: query.tenant ?? null,
      before: query.cursor ?? null,
      all: query.resolved === true,
      limit: limit + 1,
    })
    const page = letters.slice(0, limit)
    const next = letters.length > limit ? page.at(-1)!.id : null
    return { status: 200, body: { dead_letters: page.map(view), next_cursor: next } }
  },
})

export const getDeadLetter = route({
  method: 'GET',
  path: `${PATH}/:id`,
  summary: 'One dead letter',
  auth: 'operator',
  params: Params,
  answers: { 200: OneLetter },
  errors: ['not_found'],
  async handler({ params, deps }) {
    const letter = await readLetter(deps.ledger.pool, params.id)
    if (letter === null) throw new VolleyError('not_found', `No dead letter has the id ${params.id}.`)
    return { status: 200, body: { dead_letter: view(letter) } }
  },
})

export const postRetryDeadLetter = route({
  method: 'POST',
  path: `${PATH}/:id/retry`,
  summary: 'Look at it again: force a retry of the action, or repeat the event',
  auth: 'operator',
  params: Params,
  answers: { 200: OneLetter },
  errors: ['not_found', 'letter_resolved', 'invalid_transition'],
  async handler({ params, caller, deps }) {
    const lookAt = await retryLetter(deps.ledger.pool, params.id, nameOf(caller))
    if (lookAt !== null) deps.nudger.nudge([lookAt])
    return { status: 200, body: { dead_letter: view((await readLetter(deps.ledger.pool, params.id))!) } }
  },
})

export const deleteDeadLetter = route({
  method: 'DELETE',
  path: `${PATH}/:id`,
  summary: 'Put a dead letter aside for good; it stays in the list of resolved ones',
  auth: 'operator',
  params: Params,
  answers: { 200: OneLetter },
  errors: ['not_found', 'letter_resolved'],
  async handler({ params, caller, deps }) {
    await dropLetter(deps.ledger.pool, params.id, nameOf(caller))
    return { status: 200, body: { dead_letter: view((await readLetter(deps.ledger.pool, params.id))!) } }
  },
})
