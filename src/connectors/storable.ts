import type { Json, JsonObject } from './canonical.ts'

/** Levels of objects and lists in the data of one item. */
export const DEPTH_MAX = 64

type Verdict = 'clean' | 'dirty' | 'deep'

/**
 * The parsed JSON as Postgres can keep it: the value itself where that is so already, which is nearly always. NUL and
 * halves of surrogate pairs become U+FFFD, numbers beyond a double null, and `__proto__` is left out, since a vendor
 * never sends the same again without them. Undefined where it is nested deeper than 64 levels.
 */
export function storable(value: unknown): Json | undefined {
  const verdict = judge(value, DEPTH_MAX)
  if (verdict === 'deep') return undefined
  return verdict === 'clean' ? (value as Json) : repaired(value)
}

/** The text without what Postgres cannot keep, each such character replaced by U+FFFD. */
export function storableText(text: string): string {
  return isClean(text) ? text : text.toWellFormed().replaceAll('\0', '\ufffd')
}

/** Whether a parsed JSON value is an object and not a list. */
export function isObject(value: unknown): value is { [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const isClean = (text: string) => text.isWellFormed() && !text.includes('\0')

function judge(value: unknown, levels: number): Verdict {
  if (typeof value === 'string') return isClean(value) ? 'clean' : 'dirty'
  if (typeof value === 'number') return Number.isFinite(value) ? 'clean' : 'dirty'
  if (typeof value !== 'object' || value === null) return 'clean'
  if (levels === 0) return 'deep'
  let worst: Verdict = 'clean'
  const names = Array.isArray(value) ? null : Object.keys(value)
  for (const name of names ?? []) if (name === '__proto__' || !isClean(name)) worst = 'dirty'
  for (const inside of names === null ? (value as unknown[]) : Object.values(value)) {
    const verdict = judge(inside, levels - 1)
    if (verdict === 'deep') return 'deep'
    if (verdict === 'dirty') worst = 'dirty'
  }
  return worst
}

function repaired(value: unknown): Json {
  if (typeof value === 'string') return storableText(value)
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (Array.isArray(value)) return value.map(repaired)
  if (!isObject(value)) return value as Json
  // fromEntries defines its properties, so no name among them can reach a prototype.
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== '__proto__')
      .map(([name, inside]) => [storableText(name), repaired(inside)]),
  ) satisfies JsonObject
}
