import type { Normalised, Refused, Source } from './canonical.ts'
import { type ConnectorBody, type Document, decode } from './decode.ts'
import { fromMixpanel } from './mixpanel.ts'
import { fromPosthog } from './posthog.ts'
import { fromSegment } from './segment.ts'
import type { Arrival } from './times.ts'

/**
 * What a request to a connector says; never throws, whatever the body. `reshape` puts into a document what an address
 * alone says about it.
 */
export function connect(
  source: Source,
  body: ConnectorBody,
  arrival: Arrival,
  reshape: (document: Document) => Document = (document) => document,
): Normalised | Refused {
  const document = decode(body)
  if (document.kind === 'refused') return document
  const result = normalise(source, reshape(document), { query: body.query, arrival })
  if (result.kind === 'refused' || result.key !== null) return result
  return { ...result, key: body.query.api_key || body.query.token || null }
}

/** What a document of a vendor says; for those who have read it from a file. */
export function normalise(
  source: Source,
  document: Document,
  { query, arrival }: { query: ConnectorBody['query']; arrival: Arrival },
): Normalised | Refused {
  switch (source) {
    case 'segment':
      return fromSegment(document, arrival)
    case 'posthog':
      return fromPosthog(document, query, arrival)
    case 'mixpanel':
      return fromMixpanel(document, arrival)
    default:
      return source satisfies never
  }
}
