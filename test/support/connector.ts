import type { CanonicalItem, Normalised, Refused, Source } from '../../src/connectors/canonical.ts'
import { connect } from '../../src/connectors/connect.ts'
import type { ConnectorBody } from '../../src/connectors/decode.ts'

/** When the bodies of these tests come, unless they say otherwise. */
export const NOW = Date.parse('2026-05-01T00:00:00Z')

/** A request with this body: bytes and texts as they are, everything else as JSON. */
export function requestOf(body: unknown, rest: Partial<ConnectorBody> = {}): ConnectorBody {
  const bytes = Buffer.isBuffer(body)
    ? body
    : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return {
    bytes,
    contentType: 'application/json',
    contentEncoding: null,
    query: {},
    limitBytes: 10_000_000,
    ...rest,
  }
}

/** What the connector says of a request, whether it reads it or not. */
export function answerTo(source: Source, body: unknown, rest?: Partial<ConnectorBody>): Normalised | Refused {
  return connect(source, requestOf(body, rest), { receivedAt: NOW, isLive: true })
}

/** What the connector reads in a body that it does not refuse. */
export function read(source: Source, body: unknown, rest?: Partial<ConnectorBody>): Normalised {
  const answer = answerTo(source, body, rest)
  if (answer.kind === 'refused') throw new Error(`refused: ${answer.message}`)
  return answer
}

/** The items without what is the same for most: the source, the id for repeats, and what is null or empty. */
export function brief(items: readonly CanonicalItem[]): object[] {
  return items.map((item) =>
    Object.fromEntries(
      Object.entries(item).filter(([name, value]) => {
        if (name === 'source' || name === 'dedupeId' || value === null) return false
        if (name === 'data' || (item.kind === 'traits' && name === 'set')) return true
        return typeof value !== 'object' || Object.keys(value).length > 0
      }),
    ),
  )
}

/** The id for repeats of the only event or change in a body. */
export function dedupeIdIn(source: Source, body: unknown): string | null {
  const [item] = read(source, body).items.filter(({ kind }) => kind === 'event' || kind === 'traits')
  return item !== undefined && 'dedupeId' in item ? item.dedupeId : null
}
