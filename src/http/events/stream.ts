import Type from 'typebox'
import { VolleyError } from '../../errors.ts'
import type { Position } from '../../ledger/events/follow-events.ts'
import { route } from '../route.ts'
import { FILTERS, filterOf } from './event-view.ts'
import { followAsText } from './follow.ts'

const XID_MAX = 2n ** 64n - 1n
const SEQ_MAX = 2n ** 63n - 1n

export const getEventStream = route({
  method: 'GET',
  path: '/api/events/stream',
  summary: 'What comes in about people, as it comes',
  description:
    'Server-sent events: `data` is an event as in the list, `id` its place in the order of commits. A client that comes back with `Last-Event-ID`, as browsers do by themselves, misses none; without it, the stream begins now. It ends after ten minutes, or when a client does not read, and a client simply comes back.',
  auth: 'key',
  query: Type.Object(FILTERS),
  headers: Type.Object({
    'last-event-id': Type.Optional(Type.String({ maxLength: 41, description: 'The `id` seen last.' })),
  }),
  answers: { 200: Type.String({ description: 'text/event-stream' }) },
  errors: ['too_many_streams'],
  async handler({ query, headers, caller, deps }) {
    const last = headers['last-event-id']
    const after = last === undefined ? null : positionOf(last)
    const stream = await followAsText(deps, { tenant: caller.tenant, filter: filterOf(query), after })
    return {
      status: 200,
      headers: {
        'Content-Type': 'text/event-stream; charset=utf-8',
        'Cache-Control': 'no-store',
        // Or the end of the process would wait for a connection that is idle.
        Connection: 'close',
        // A proxy that gathers an answer before it passes it on would pass on nothing.
        'X-Accel-Buffering': 'no',
      },
      body: '',
      stream,
    }
  },
})

function positionOf(text: string): Position {
  const [, xid, seq] = /^(\d{1,20})\.(\d{1,19})$/.exec(text) ?? []
  if (xid !== undefined && BigInt(xid) <= XID_MAX && BigInt(seq!) <= SEQ_MAX) return { xid, seq: seq! }
  throw new VolleyError('invalid_header', undefined, {
    details: [{ path: '/last-event-id', message: 'must be an id of this stream' }],
  })
}
