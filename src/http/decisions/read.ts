import Type from 'typebox'
import { type Mistake, VolleyError } from '../../errors.ts'
import { isId } from '../../ids.ts'
import { readActionHistory } from '../../ledger/actions/read-actions.ts'
import { type ReadDecision, readDecision } from '../../ledger/decisions/decisions.ts'
import { listDecisions } from '../../ledger/decisions/list-decisions.ts'
import type { Caller, WebDeps } from '../deps.ts'
import { instantMs } from '../external/instant.ts'
import { TimeInput } from '../external/new-action.ts'
import { route } from '../route.ts'
import { DecisionRow, DecisionSchema, viewDecision, viewRow } from './decision-view.ts'

export const getDecisions = route({
  method: 'GET',
  path: '/api/decisions',
  summary: 'What was decided, the newest first',
  description:
    'A page with filters may have fewer than `limit` while others follow: go on until `next_cursor` is null.',
  auth: 'key',
  query: Type.Object({
    user_id: Type.Optional(Type.String({ maxLength: 256 })),
    domain: Type.Optional(Type.String({ maxLength: 64 })),
    rule: Type.Optional(Type.String({ maxLength: 128, description: 'The rule that was picked.' })),
    since: Type.Optional({ ...TimeInput, description: 'Decided at this time or after it.' }),
    sent: Type.Optional(Type.Boolean()),
    holdout: Type.Optional(Type.Boolean()),
    test: Type.Optional(Type.Boolean()),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 50 })),
    cursor: Type.Optional(Type.String({ maxLength: 64 })),
  }),
  answers: {
    200: Type.Object({
      decisions: Type.Array(DecisionRow),
      next_cursor: Type.Union([Type.String(), Type.Null()]),
    }),
  },
  async handler({ query, caller, deps }) {
    const { decisions, next } = await listDecisions(deps.ledger.pool, caller.tenant, {
      userId: query.user_id ?? null,
      domain: query.domain ?? null,
      rule: query.rule ?? null,
      since: query.since === undefined ? null : sinceOf(query.since),
      sent: query.sent ?? null,
      holdout: query.holdout ?? null,
      test: testOf(query.test, caller),
      before: query.cursor === undefined ? null : cursorOf(query.cursor),
      limit: query.limit ?? 50,
    })
    return { status: 200, body: { decisions: decisions.map(viewRow), next_cursor: next } }
  },
})

export const getDecision = route({
  method: 'GET',
  path: '/api/decisions/:id',
  summary: 'One decision: what was considered, and what came of it',
  auth: 'key',
  params: Type.Object({ id: Type.String() }),
  answers: { 200: Type.Object({ decision: DecisionSchema }) },
  errors: ['not_found'],
  async handler({ params, caller, deps }) {
    const found = await knownDecision(params.id, caller, deps)
    // It says what is known of a live person, of whom a test key knows nothing.
    if (caller.mode === 'test' && !found.test) throw noDecision(params.id)
    const made =
      found.actionId === null
        ? null
        : await readActionHistory(deps.ledger.pool, caller.tenant, found.actionId)
    return { status: 200, body: { decision: viewDecision(found, made) } }
  },
})

/** The caller's decision with this id; throws `not_found` where there is none. */
export async function knownDecision(id: string, caller: Caller, deps: WebDeps): Promise<ReadDecision> {
  const found = isId('de', id) ? await readDecision(deps.ledger.pool, caller.tenant, id) : null
  if (found === null) throw noDecision(id)
  return found
}

const noDecision = (id: string) => new VolleyError('not_found', `No decision has the id ${id}.`)

/** A test key sees what was decided for test keys, and nothing of live people. */
function testOf(asked: boolean | undefined, { mode }: Caller): boolean | null {
  if (mode === 'live') return asked ?? null
  return asked === false ? wrong('/test', 'must be true for a test key') : true
}

/** Milliseconds of a `since`; throws `invalid_query` for one that no calendar has. */
export const sinceOf = (text: string): number =>
  instantMs(text) ?? wrong('/since', 'must be a date that exists')

const cursorOf = (text: string): string =>
  isId('de', text) ? text : wrong('/cursor', 'must be the next_cursor of a list with the same filters')

/** Refuses a query for what stands at `path`. */
export function wrong(path: string, message: string): never {
  throw new VolleyError('invalid_query', undefined, { details: [{ path, message }] satisfies Mistake[] })
}
