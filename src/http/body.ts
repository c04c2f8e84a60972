import type { IncomingMessage } from 'node:http'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import getRawBody from 'raw-body'
import { type Mistake, VolleyError } from '../errors.ts'
import { jsonMistakeAt, placeIn, repeatedName } from '../json-mistake.ts'

/** Deeper documents are refused before they are parsed: nothing behind this edge has to fear for its stack. */
const DEPTH_MAX = 64

/**
 * The JSON of a request. Throws 400, 413 or 415 with where the mistake is; `limitBytes` counts what is inflated. With
 * `namesOnce`, an object that has the same name twice is a mistake too.
 */
export async function readJson(
  request: IncomingMessage,
  limitBytes: number,
  { namesOnce = false } = {},
): Promise<unknown> {
  requireJson(request.headers['content-type'])
  const bytes = await readBytes(request, limitBytes)
  const text = decodeUtf8(bytes)
  if (text.trim() === '') throw new VolleyError('malformed_json', 'The body is empty; JSON was expected.')
  refuseDepth(text)
  const value = parse(text)
  if (namesOnce) refuseRepeated(text)
  const mistakes = MAYBE_UNSTORABLE.test(text) ? unstorable(value) : []
  if (mistakes.length > 0) throw new VolleyError('invalid_body', undefined, { details: mistakes })
  return value
}

function requireJson(type: string | undefined): void {
  if (type === undefined) return
  const [media, ...parameters] = type
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  const charset = parameters
    .find((part) => part.startsWith('charset='))
    ?.slice(8)
    .replaceAll('"', '')
  const isJson = media === 'application/json' || /^application\/[\w.+-]+\+json$/.test(media ?? '')
  if (!isJson || (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8')) {
    throw new VolleyError(
      'unsupported_media_type',
      `The body must be application/json in UTF-8, not ${type.slice(0, 100)}.`,
    )
  }
}

/** The body of a request as it came, not inflated. Throws 413 beyond `limitBytes`, 400 where it is cut off. */
export async function readRaw(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const length = request.headers['content-length']
  if (length !== undefined && Number(length) > limitBytes) tooLarge(limitBytes)
  try {
    return await getRawBody(request, { limit: limitBytes, length })
  } catch (error) {
    if ((error as { type?: string }).type === 'entity.too.large') tooLarge(limitBytes)
    throw new VolleyError('malformed_json', 'The body ended before it was complete.', { cause: error })
  }
}

async function readBytes(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const coding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
  const length = request.headers['content-length']
  if (coding === 'identity' && length !== undefined && Number(length) > limitBytes) tooLarge(limitBytes)
  try {
    if (coding === 'identity') return await getRawBody(request, { limit: limitBytes, length })
    return await inflated(request, coding, limitBytes)
  } catch (error) {
    if (error instanceof VolleyError) throw error
    const { type, code } = error as { type?: string; code?: string }
    if (type === 'entity.too.large') tooLarge(limitBytes)
    if (code?.startsWith('Z_') || code?.startsWith('ERR_BROTLI') || code?.startsWith('ERR__ERROR')) {
      throw new VolleyError('malformed_json', `The body is not valid ${coding}.`)
    }
    throw new VolleyError('malformed_json', 'The body ended before it was complete.', { cause: error })
  }
}

/** A client that goes away, or a document that inflates past the limit, ends the inflating too. */
async function inflated(request: IncomingMessage, coding: string, limitBytes: number): Promise<Buffer> {
  const stream = inflater(coding)
  const gone = () => {
    if (!request.complete) stream.destroy(new Error('The client went away'))
  }
  request.once('close', gone)
  try {
    return await getRawBody(request.pipe(stream), { limit: limitBytes })
  } finally {
    request.off('close', gone)
    request.unpipe(stream)
    stream.destroy()
  }
}

function inflater(coding: string) {
  if (coding === 'gzip' || coding === 'x-gzip') return createGunzip()
  if (coding === 'deflate') return createInflate()
  if (coding === 'br') return createBrotliDecompress()
  throw new VolleyError(
    'unsupported_media_type',
    `Content-Encoding ${coding.slice(0, 40)} is not known; use gzip, deflate or br.`,
  )
}

function tooLarge(limitBytes: number): never {
  throw new VolleyError('body_too_large', `The body is larger than ${limitBytes} bytes.`)
}

function decodeUtf8(bytes: Buffer): string {
  try {
    // A byte order mark is taken off by the decoder itself.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new VolleyError('malformed_json', 'The body is not valid UTF-8.')
  }
}

// By the text, before parsing, and without recursion.
function refuseDepth(text: string): void {
  let depth = 0
  let isInString = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (isInString) {
      if (code === 0x5c) i++
      else if (code === 0x22) isInString = false
    } else if (code === 0x22) isInString = true
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > DEPTH_MAX)
        throw new VolleyError(
          'malformed_json',
          `The body is nested deeper than ${DEPTH_MAX} levels, at ${placeIn(text, i)}.`,
        )
    } else if (code === 0x7d || code === 0x5d) depth--
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    const at = jsonMistakeAt(text)
    const where = at >= text.length ? 'it ends too early' : `the mistake is at ${placeIn(text, at)}`
    throw new VolleyError('malformed_json', `The body is not valid JSON: ${where}.`)
  }
}

// The parser takes the last of them without a word.
function refuseRepeated(text: string): void {
  const repeated = repeatedName(text)
  if (repeated === null) return
  const message = `the name ${JSON.stringify(repeated.name.slice(0, 100))} stands twice in one object, at ${placeIn(text, repeated.at)}`
  throw new VolleyError('invalid_body', `The body has a mistake: ${message}.`, {
    details: [{ path: '', message }] satisfies Mistake[],
  })
}

/** Without an escape, a name of that kind, an exponent or very many digits there is nothing to look for. */
const MAYBE_UNSTORABLE = /\\u|__proto__|\d[eE]|\d{300}/

/** What JSON can say and a ledger cannot keep: NUL, half a surrogate pair, a number without end, a poisoned name. */
function unstorable(value: unknown, path = '', found: Mistake[] = []): Mistake[] {
  if (found.length >= 10) return found
  if (typeof value === 'string') {
    if (value.includes('\0')) found.push({ path, message: 'must not contain the NUL character' })
    else if (!value.isWellFormed()) found.push({ path, message: 'must not contain half of a surrogate pair' })
  } else if (typeof value === 'number') {
    if (!Number.isFinite(value)) found.push({ path, message: 'must be a number that a double can hold' })
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) unstorable(item, `${path}/${index}`, found)
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      const here = `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
      if (name === '__proto__') found.push({ path: here, message: 'is a name that is not allowed' })
      else if (name.includes('\0') || !name.isWellFormed())
        found.push({ path, message: 'has a name with characters that cannot be stored' })
      else unstorable(item, here, found)
    }
  }
  return found
}
