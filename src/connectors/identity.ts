import type { Subject } from './canonical.ts'

/** As long as ids of users are elsewhere in the API. */
const ID_MAX = 256

/** A mistake inside an item: `where` is a JSON Pointer into it. */
export interface Mistaken {
  kind: 'mistaken'
  where: string
  reason: string
}

/** What stands where an id belongs. */
export type ReadId = { kind: 'id'; id: string } | { kind: 'absent' } | Mistaken

/** Names for nobody that broken clients send as an id; Mixpanel's list. */
const PLACEHOLDERS = new Set([
  '00000000-0000-0000-0000-000000000000',
  ...['anon', 'anonymous', 'nil', 'none', 'null', 'n/a', 'na', 'undefined', 'unknown', '0', '-1'],
  ...['true', 'false', '[]', '{}', '<nil>'],
])

/** A mistake at `where`, to be read as `where` and then `reason`. */
export function mistaken(where: string, reason: string): Mistaken {
  return { kind: 'mistaken', where, reason }
}

/** Whether the id stands for nobody in particular; to join by it would make one person of many. */
export function isPlaceholder(id: string): boolean {
  return PLACEHOLDERS.has(id.toLowerCase())
}

/** The id in `value`; a number is taken as its digits. `where` is its JSON Pointer in the item. */
export function readId(value: unknown, where: string): ReadId {
  if (value === undefined || value === null) return { kind: 'absent' }
  if (typeof value === 'number') {
    // Digits beyond 2^53 were lost when the body was parsed, and two users would become one.
    if (Number.isInteger(value) ? !Number.isSafeInteger(value) : !Number.isFinite(value))
      return mistaken(where, 'must be a text where a number of its size loses digits')
    return { kind: 'id', id: String(value) }
  }
  if (typeof value !== 'string') return mistaken(where, 'must be a text or a number')
  if (value.trim() === '') return { kind: 'absent' }
  if (value.length > ID_MAX) return mistaken(where, `must be at most ${ID_MAX} characters`)
  // U+FFFD stands for bytes that were lost: the ids of two users could look alike.
  if (!value.isWellFormed() || /[\0\ufffd]/.test(value))
    return mistaken(where, 'must not contain characters that cannot be stored')
  return { kind: 'id', id: value }
}

/** The subject that is known by its user id. */
export const user = (userId: string): Subject => ({ userId, anonymousId: null })

/** The subject that is known by an anonymous id alone. */
export const anonymous = (anonymousId: string): Subject => ({ userId: null, anonymousId })
