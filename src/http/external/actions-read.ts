import Type from 'typebox'
import { STATUSES, type Status } from '../../../actors/action.ts'
import { type Mistake, VolleyError } from '../../errors.ts'
import { isId } from '../../ids.ts'
import { listActions, type PageEnd } from '../../ledger/actions/list-actions.ts'
import { readActionHistory } from '../../ledger/actions/read-actions.ts'
import { route } from '../route.ts'
import { ActionSchema, AttemptSchema, StepSchema, viewAction, viewAttempts, viewStep } from './action-view.ts'
import { instantMs, isLedgerTime } from './instant.ts'
import { TimeInput } from './new-action.ts'

const ListQuery = Type.Object({
  status: Type.Optional(
    Type.String({
      description: `A comma list of ${STATUSES.join(', ')}; \`delivered\` means dispatched.`,
      examples: ['dispatched'],
    }),
  ),
  provider: Type.Optional(Type.String({ maxLength: 256 })),
  user_id: Type.Optional(Type.String({ maxLength: 256 })),
  action_type: Type.Optional(Type.String({ maxLength: 128 })),
  since: Type.Optional({
    ...TimeInput,
    description: 'ISO 8601 with an offset: last change at or after this; the list then goes by last change',
  }),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 50 })),
  cursor: Type.Optional(Type.String({ maxLength: 512 })),
})

/** What was missed can be pulled: an outcome that was acknowledged already counts here. */
export const getActions = route({
  method: 'GET',
  path: '/api/external/actions',
  summary: 'List actions',
  auth: 'key',
  query: ListQuery,
  answers: {
    200: Type.Object({
      actions: Type.Array(ActionSchema),
      next_cursor: Type.Union([Type.String(), Type.Null()]),
    }),
  },
  async handler({ query, caller, deps }) {
    const since = query.since === undefined ? null : sinceOf(query.since)
    const page = await listActions(deps.ledger.pool, caller.tenant, {
      statuses: query.status === undefined ? null : statusesOf(query.status),
      provider: query.provider ?? null,
      userId: query.user_id ?? null,
      typeName: query.action_type ?? null,
      since,
      after: query.cursor === undefined ? null : parseCursor(query.cursor, since !== null),
      limit: query.limit ?? 50,
    })
    const next =
      page.end === null ? null : Buffer.from(JSON.stringify([page.end.at, page.end.id])).toString('base64url')
    return { status: 200, body: { actions: page.actions.map(viewAction), next_cursor: next } }
  },
})

export const getAction = route({
  method: 'GET',
  path: '/api/external/actions/:id',
  summary: 'One action with its attempts and its history',
  auth: 'key',
  params: Type.Object({ id: Type.String() }),
  answers: {
    200: Type.Object({
      action: ActionSchema,
      attempts: Type.Array(AttemptSchema),
      history: Type.Array(StepSchema),
    }),
  },
  errors: ['not_found'],
  async handler({ params, caller, deps }) {
    const found = isId('ea', params.id)
      ? await readActionHistory(deps.ledger.pool, caller.tenant, params.id)
      : null
    if (found === null) throw new VolleyError('not_found', `No action has the id ${params.id}.`)
    const { action, history } = found
    return {
      status: 200,
      body: { action: viewAction(action), attempts: viewAttempts(history), history: history.map(viewStep) },
    }
  },
})

function statusesOf(text: string): Status[] {
  const names = text.split(',').map((name) => (name.trim() === 'delivered' ? 'dispatched' : name.trim()))
  const unknown = names.find((name) => !(STATUSES as readonly string[]).includes(name))
  if (unknown !== undefined)
    wrong('/status', `${JSON.stringify(unknown)} must be one of ${STATUSES.join(', ')}`)
  return names as Status[]
}

function sinceOf(text: string): number {
  return instantMs(text) ?? wrong('/since', 'must be a date that exists')
}

function parseCursor(text: string, byChange: boolean): PageEnd {
  try {
    const [at, id] = JSON.parse(Buffer.from(text, 'base64url').toString()) as [unknown, unknown]
    const isTime = typeof at === 'string' && isLedgerTime(at)
    if (typeof id === 'string' && isId('ea', id) && (byChange ? isTime : at === null))
      return { at: at as string | null, id }
  } catch {
    // Not one of ours: the same answer as for one of another list.
  }
  return wrong('/cursor', 'must be the next_cursor of a list with the same filters')
}

function wrong(path: string, message: string): never {
  throw new VolleyError('invalid_query', undefined, { details: [{ path, message }] satisfies Mistake[] })
}
