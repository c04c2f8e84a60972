import Type from 'typebox'
import { type Mistake, VolleyError } from '../../errors.ts'
import { isId } from '../../ids.ts'
import { listEvents } from '../../ledger/events/list-events.ts'
import { instantMs } from '../external/instant.ts'
import { TimeInput } from '../external/new-action.ts'
import { route } from '../route.ts'
import { EventSchema, FILTERS, filterOf, viewEvent } from './event-view.ts'

export const getEvents = route({
  method: 'GET',
  path: '/api/events',
  summary: 'What came in about people, the newest first',
  description:
    'Events, traits and joined identities, of whatever source. A page with filters may have fewer than `limit` while others follow: go on until `next_cursor` is null.',
  auth: 'key',
  query: Type.Object({
    ...FILTERS,
    since: Type.Optional({ ...TimeInput, description: 'Received at this time or after it.' }),
    until: Type.Optional({ ...TimeInput, description: 'Received before this time.' }),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 50 })),
    cursor: Type.Optional(Type.String({ maxLength: 64 })),
  }),
  answers: {
    200: Type.Object({
      events: Type.Array(EventSchema),
      next_cursor: Type.Union([Type.String(), Type.Null()]),
    }),
  },
  async handler({ query, caller, deps }) {
    const { events, next } = await listEvents(deps.ledger.pool, caller.tenant, {
      ...filterOf(query),
      since: timeOf(query.since, '/since'),
      until: timeOf(query.until, '/until'),
      before: query.cursor === undefined ? null : cursorOf(query.cursor),
      limit: query.limit ?? 50,
    })
    return { status: 200, body: { events: events.map(viewEvent), next_cursor: next } }
  },
})

function timeOf(text: string | undefined, path: string): number | null {
  if (text === undefined) return null
  return instantMs(text) ?? wrong(path, 'must be a date that exists')
}

const cursorOf = (text: string): string =>
  isId('ev', text) ? text : wrong('/cursor', 'must be the next_cursor of a list with the same filters')

function wrong(path: string, message: string): never {
  throw new VolleyError('invalid_query', undefined, { details: [{ path, message }] satisfies Mistake[] })
}
