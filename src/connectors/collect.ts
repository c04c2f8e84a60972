import type { CanonicalItem, JsonObject, Normalised, Refused } from './canonical.ts'
import { type Document, type Line, tooMany } from './decode.ts'
import { type Mistaken, mistaken } from './identity.ts'
import { DEPTH_MAX, isObject, storable, storableText } from './storable.ts'

/** Mixpanel's own limit, the longest of the three. */
const NAME_MAX = 255

const NONE: ReadonlyMap<number, string> = new Map()

/** An object of the body, not looked into yet. */
export type Fields = { readonly [name: string]: unknown }

/** What one item says. */
export type Reading = { kind: 'items'; items: CanonicalItem[] } | { kind: 'skipped' } | Mistaken

/** The list of a body, and what stands around it. */
export interface Batch {
  kind: 'batch'
  /** The object that has the list under `batch`; null where the body is the list, the lines, or the only item. */
  outer: Fields | null
  items: readonly unknown[]
  /** What is wrong with the items that are not JSON, by their index. */
  broken: ReadonlyMap<number, string>
  /** JSON Pointer of an item. */
  where(index: number): string
}

/** The reading of an item that was understood and of which nothing is kept. */
export const SKIPPED: Reading = { kind: 'skipped' }

/** The items of a document: of a list, of lines, of `{"batch": […]}`, or the document itself. */
export function batchOf(document: Document): Batch | Refused {
  const batch = listIn(document)
  return tooMany(batch.items.length) ?? batch
}

function listIn(document: Document): Batch {
  const list = { kind: 'batch', outer: null, broken: NONE, where: (index: number) => `/${index}` } as const
  if (document.kind === 'lines') return { ...list, ...linesIn(document.lines) }
  const { value } = document
  if (Array.isArray(value)) return { ...list, items: value }
  if (isObject(value) && Array.isArray(value.batch))
    return { ...list, outer: value, items: value.batch, where: (index) => `/batch/${index}` }
  return { ...list, items: [value], where: () => '' }
}

function linesIn(lines: readonly Line[]): Pick<Batch, 'items' | 'broken'> {
  const broken = new Map<number, string>()
  const items = lines.map((line, index) => {
    if (line.kind === 'line') return line.value
    broken.set(index, line.reason)
    return null
  })
  return { items, broken }
}

/** Reads item after item; `keyOf` says which key an object of the body carries, and the first one counts. */
export function collect(
  batch: Batch,
  { read, keyOf }: { read(item: Fields): Reading; keyOf(item: Fields): unknown },
): Normalised {
  const result: Normalised = {
    kind: 'normalised',
    items: [],
    rejected: [],
    skipped: 0,
    key: null,
    cohort: null,
  }
  const noteKey = (fields: Fields) => {
    const key = result.key ?? keyOf(fields)
    result.key = typeof key === 'string' && key !== '' ? key : null
  }
  if (batch.outer !== null) noteKey(batch.outer)
  for (const [index, item] of batch.items.entries()) {
    if (isObject(item)) noteKey(item)
    const reading = isObject(item) ? read(item) : mistaken('', batch.broken.get(index) ?? 'must be an object')
    if (reading.kind === 'items') for (const each of reading.items) result.items.push(each)
    else if (reading.kind === 'skipped') result.skipped++
    else result.rejected.push({ index, where: batch.where(index) + reading.where, reason: reading.reason })
  }
  return result
}

/** The name of an event in `value`, without characters that cannot be stored. */
export function readName(value: unknown, where: string): { kind: 'name'; name: string } | Mistaken {
  if (value === undefined || value === null || value === '')
    return mistaken(where, 'is missing; the name of the event was expected')
  if (typeof value !== 'string') return mistaken(where, 'must be a text')
  if (value.length > NAME_MAX) return mistaken(where, `must be at most ${NAME_MAX} characters`)
  return { kind: 'name', name: storableText(value) }
}

/** The object in `value` as it can be stored; empty where there is none. */
export function readData(value: unknown, where: string): { kind: 'data'; data: JsonObject } | Mistaken {
  if (value === undefined || value === null) return { kind: 'data', data: {} }
  if (!isObject(value)) return mistaken(where, 'must be an object')
  const data = storable(value)
  if (data === undefined) return mistaken(where, `must not be nested deeper than ${DEPTH_MAX} levels`)
  return { kind: 'data', data: data as JsonObject }
}
