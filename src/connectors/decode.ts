import { jsonMistakeAt, placeIn } from '../json-mistake.ts'
import type { Refused } from './canonical.ts'
import { inflate, isGzip, refused } from './inflate.ts'

/** Items that one body may have; what the vendors send is at most 4,000. */
export const ITEMS_MAX = 10_000
/** Where a text is looked at for lines of JSON. */
const LINES_TRIED = 100

/** A request to a connector, as it came. */
export interface ConnectorBody {
  /** Empty for a GET, whose items are in `query.data`. */
  bytes: Buffer
  contentType: string | null
  contentEncoding: string | null
  /** The first value of each name. */
  query: { readonly [name: string]: string | undefined }
  /** Bytes that the body may have once it is inflated. */
  limitBytes: number
}

/** A line of a body, or what is wrong with it. */
export type Line = { kind: 'line'; value: unknown } | { kind: 'not-json'; reason: string }

/** `json`: the one value of the body; `lines`: one value a line, empty lines left out. */
export type Document = { kind: 'json'; value: unknown } | { kind: 'lines'; lines: Line[] }

/** What a body says: JSON, JSON by lines, or a form whose field `data` is one of these or base64 of it. */
export function decode(body: ConnectorBody): Document | Refused {
  const bytes = inflate(body.bytes, body.contentEncoding, body.limitBytes)
  if (!Buffer.isBuffer(bytes)) return bytes
  const text = textOf(bytes)
  const field = fieldOf(text, body)
  if (field !== null) return decodeField(field, body.limitBytes)
  if (text.trim() === '') return refused('malformed_json', 'The body is empty; JSON was expected.')
  return documentOf(text, /ndjson|jsonl|json-seq|json-lines/i.test(body.contentType ?? ''))
}

// Bytes that are no UTF-8 become U+FFFD: they spoil the text they stand in, not the items beside it.
function textOf(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}

/** The field `data` of a form or of the query; null where the body itself is the document. */
function fieldOf(text: string, { contentType, query }: ConnectorBody): string | null {
  if (text.trim() === '') return query.data ?? null
  // curl calls everything a form, so a text that begins as JSON is JSON.
  const isForm = /x-www-form-urlencoded/i.test(contentType ?? '') || text.startsWith('data=')
  if (!isForm || /^\s*[[{]/.test(text)) return null
  return new URLSearchParams(text).get('data') ?? ''
}

function decodeField(field: string, limitBytes: number): Document | Refused {
  const text = field.trim()
  if (text === '')
    return refused('malformed_json', 'The field data is missing or empty; JSON or base64 of it was expected.')
  if (/^[[{]/.test(text)) return documentOf(text, false)
  // A + that was not escaped came as a space.
  const packed = Buffer.from(text.replaceAll(' ', '+'), 'base64')
  const bytes = isGzip(packed) ? inflate(packed, null, limitBytes) : packed
  if (!Buffer.isBuffer(bytes)) return bytes
  const plain = textOf(bytes)
  if (!/^\s*[[{]/.test(plain))
    return refused('malformed_json', 'The field data is neither JSON nor base64 of JSON.')
  return documentOf(plain, false)
}

/** The refusal of a body with this many items; null where they are not too many. */
export function tooMany(items: number): Refused | null {
  if (items <= ITEMS_MAX) return null
  return refused('invalid_body', `The body has ${items} items; at most ${ITEMS_MAX} are taken at a time.`)
}

function documentOf(text: string, isLines: boolean): Document | Refused {
  if (isLines) return linesOf(text)
  const whole = parsed(text)
  if (whole !== undefined) return { kind: 'json', value: whole }
  if (looksLikeLines(text)) return linesOf(text)
  return refused('malformed_json', `The body is not valid JSON: ${mistakeIn(text)}.`)
}

/** Lines that nothing announced: one begins as an object and is one. A list that was cut off has such lines too. */
function looksLikeLines(text: string): boolean {
  if (text.trimStart().startsWith('[')) return false
  return text.split('\n', LINES_TRIED).some((line) => line.startsWith('{') && parsed(line) !== undefined)
}

function linesOf(text: string): Document | Refused {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  // Counted first: to say of a million lines what is wrong with each takes seconds.
  return tooMany(lines.length) ?? { kind: 'lines', lines: lines.map(readLine) }
}

/** A line of JSON, or what is wrong with it and where. */
export function readLine(text: string): Line {
  const value = parsed(text)
  if (value !== undefined) return { kind: 'line', value }
  return { kind: 'not-json', reason: `is not valid JSON: ${mistakeIn(text)}` }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function mistakeIn(text: string): string {
  const at = jsonMistakeAt(text)
  return at >= text.length ? 'it ends too early' : `the mistake is at ${placeIn(text, at)}`
}
