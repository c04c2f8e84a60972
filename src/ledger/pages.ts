import { encodeTime } from 'ulid'

/** So many rows are looked at for one page: what is rare is found in several pages, and none takes long. */
const LOOKED_AT = 10_000

/** Ids begin with the time at which a process made them, by its own clock. */
const CLOCKS_APART_MS = 600_000

/** The first id that a process may have made at a time, in ms, whatever its clock said. */
export const idSince = (prefix: string, ms: number): string => idAt(prefix, ms - CLOCKS_APART_MS)

/** Ids from this one on were made after a time, in ms, whatever the clock of their process said. */
export const idAfter = (prefix: string, ms: number): string => idAt(prefix, ms + CLOCKS_APART_MS)

const idAt = (prefix: string, ms: number): string => `${prefix}_${encodeTime(Math.max(0, ms), 10)}`

/**
 * SQL for the id at which a page ends whose rows an index finds (`range`) and conditions sort out: one index has them in
 * order, and is followed for so long and no longer. Null where all match: then a page ends by itself.
 */
export const pageEnd = (table: string, range: readonly string[], conditions: readonly string[]): string =>
  conditions.length === 0
    ? 'null'
    : `(select id from ${table} where ${range.join(' and ')} order by id desc offset ${LOOKED_AT - 1} limit 1)`
