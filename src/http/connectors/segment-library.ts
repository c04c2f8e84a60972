import Type from 'typebox'
import type { Document } from '../../connectors/decode.ts'
import { isObject } from '../../connectors/storable.ts'
import { type Route, route } from '../route.ts'
import { receive, unusable } from './receive.ts'

/** The addresses of Segment's own API, and what a body without a type is there; null: each item says it itself. */
const CALLS: Readonly<Record<string, string | null>> = {
  batch: null,
  import: null,
  track: 'track',
  page: 'page',
  screen: 'screen',
  identify: 'identify',
  group: 'group',
  alias: 'alias',
}

/** What the libraries of Segment speak to. */
export const segmentLibraryRoutes: readonly Route[] = Object.entries(CALLS).map(([call, type]) =>
  route({
    method: 'POST',
    path: `/v1/${call}`,
    summary: `What a library of Segment sends to /v1/${call}`,
    description: 'With the key as user of Basic authentication, or as `writeKey` of the body.',
    tag: 'libraries',
    auth: 'vendor',
    openQuery: true,
    body: Type.Unknown(),
    answers: { 200: Type.Object({ success: Type.Literal(true) }) },
    errors: ['no_usable_event', 'backlog_full'],
    async handler({ incoming, deps }) {
      const received = await receive(incoming, deps, {
        source: 'segment',
        keyIn: 'anywhere',
        isSigned: false,
        reshape: (document) => withType(document, type),
      })
      if (received.kind === 'unusable') throw unusable(received.mistakes)
      return { status: 200, body: { success: true as const } }
    },
  }),
)

function withType(document: Document, type: string | null): Document {
  if (type === null || document.kind !== 'json' || !isObject(document.value)) return document
  return { kind: 'json', value: { type, ...document.value } }
}
