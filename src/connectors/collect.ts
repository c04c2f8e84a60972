import type { CanonicalItem, Cohort, JsonObject, Normalised, Refused } from './canonical.ts'
import { type Document, tooMany } from './decode.ts'
import { type Mistaken, mistaken } from './identity.ts'
import { DEPTH_MAX, isObject, storable, storableText } from './storable.ts'

/** Mixpanel's own limit, the longest of the three. */
const NAME_MAX = 255

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
  /** JSON Pointer of an item. */
  where(index: number): string
}

/** A line that is not JSON stands in the list as what is wrong with it. */
class BadLine {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }
}

export const SKIPPED: Reading = { kind: 'skipped' }

/** The items of a document: of a list, of lines, of `{"batch": […]}`, or the document itself. */
export function batchOf(document: Document): Batch | Refused {
  const batch = listIn(document)
  return tooMany(batch.items.length) ?? batch
}

function listIn(document: Document): Batch {
  const inList = (index: number) => `/${index}`
  if (document.kind === 'lines') {
    const items = document.lines.map((line) => (line.kind === 'line' ? line.value : new BadLine(line.reason)))
    return { kind: 'batch', outer: null, items, where: inList }
  }
  const { value } = document
  if (Array.isArray(value)) return { kind: 'batch', outer: null, items: value, where: inList }
  if (isObject(value) && Array.isArray(value.batch))
    return { kind: 'batch', outer: value, items: value.batch, where: (index) => `/batch/${index}` }
  return { kind: 'batch', outer: null, items: [value], where: () => '' }
}

/** Reads item after item; `keyOf` says which key an object of the body carries, and the first one counts. */
export function collect(
  batch: Batch,
  {
    read,
    keyOf,
    cohort = null,
  }: { read(item: Fields): Reading; keyOf(item: Fields): unknown; cohort?: Cohort | null },
): Normalised {
  const result: Normalised = { kind: 'normalised', items: [], rejected: [], skipped: 0, key: null, cohort }
  const noteKey = (fields: Fields) => {
    const key = result.key ?? keyOf(fields)
    result.key = typeof key === 'string' && key !== '' ? key : null
  }
  if (batch.outer !== null) noteKey(batch.outer)
  for (const [index, item] of batch.items.entries()) {
    if (isObject(item)) noteKey(item)
    const reading = readOne(item, read)
    if (reading.kind === 'items') for (const each of reading.items) result.items.push(each)
    else if (reading.kind === 'skipped') result.skipped++
    else result.rejected.push({ index, where: batch.where(index) + reading.where, reason: reading.reason })
  }
  return result
}

function readOne(item: unknown, read: (item: Fields) => Reading): Reading {
  if (item instanceof BadLine) return mistaken('', item.reason)
  return isObject(item) ? read(item) : mistaken('', 'must be an object')
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
