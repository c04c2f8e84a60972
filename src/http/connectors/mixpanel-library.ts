import Type, { type Static } from 'typebox'
import type { Method } from '../route.ts'
import { type Incoming, type Route, route } from '../route.ts'
import { type Received, receive, unusable } from './receive.ts'

const PATHS: readonly (readonly [Method, string])[] = [
  ['GET', '/track'],
  ['POST', '/track'],
  ['GET', '/engage'],
  ['POST', '/engage'],
  ['GET', '/groups'],
  ['POST', '/groups'],
  ['GET', '/import'],
  ['POST', '/import'],
]

const Taken = Type.Union([
  Type.Literal('1'),
  Type.Object({ status: Type.Literal(1), error: Type.Null() }),
  Type.Object({ code: Type.Literal(200), status: Type.Literal('OK'), num_records_imported: Type.Integer() }),
])

/** What the libraries of Mixpanel speak to. */
export const mixpanelLibraryRoutes: readonly Route[] = PATHS.map(([method, path]) =>
  route({
    method,
    path,
    summary: `What a library of Mixpanel sends to ${path}`,
    description:
      'With the key as the token of each event or profile, as `api_key` of the query, or in Basic authentication. Answers the text `1`; with `verbose=1`, or to /import with `strict=1`, the JSON that Mixpanel answers.',
    tag: 'libraries',
    auth: 'vendor',
    openQuery: true,
    ...(method === 'POST' ? { body: Type.Unknown() } : {}),
    answers: { 200: Taken },
    errors: ['no_usable_event', 'backlog_full'],
    async handler({ incoming, deps }) {
      const received = await receive(incoming, deps, {
        source: 'mixpanel',
        keyIn: 'anywhere',
        isSigned: false,
      })
      if (received.kind === 'unusable') throw unusable(received.mistakes)
      return { status: 200, body: answerTo(incoming, path, received) }
    },
  }),
)

/** In the form that the request asks for: a library takes everything else for a failure. */
function answerTo({ query, contentType }: Incoming, path: string, received: Received): Static<typeof Taken> {
  if (query.verbose === '1') return { status: 1, error: null }
  const isStrict = query.strict === '1' || /json/i.test(contentType ?? '')
  if (path !== '/import' || !isStrict) return '1'
  return { code: 200, status: 'OK', num_records_imported: received.kind === 'taken' ? received.accepted : 0 }
}
