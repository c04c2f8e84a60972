import { randomFillSync } from 'node:crypto'
import { monotonicFactory } from 'ulid'

/** What an id names: action type, external action, event, decision, API key, worker, request, dead letter, erasure, webhook endpoint, replay, page that was pulled. */
export type IdPrefix = 'at' | 'ea' | 'ev' | 'de' | 'ak' | 'w' | 'rq' | 'dl' | 'er' | 'we' | 'wr' | 'wp'

// Drawn by the page: an id takes sixteen bytes, and the library asks the system for each of them.
const random = new Uint8Array(4_096)
let used = random.length

function chance(): number {
  if (used === random.length) {
    randomFillSync(random)
    used = 0
  }
  return random[used++]! / 256
}

const ulid = monotonicFactory(chance)

/** A new id `<prefix>_<ULID>`: sorts by creation time to the millisecond, and in order within one process. */
export function newId(prefix: IdPrefix): string {
  return `${prefix}_${ulid()}`
}

/** Whether `text` has the form of an id with this prefix; a cheap refusal before the ledger is asked. */
export function isId(prefix: IdPrefix, text: string): boolean {
  return (
    text.length === prefix.length + 27 &&
    text.startsWith(`${prefix}_`) &&
    /^[0-9A-HJKMNP-TV-Z]{26}$/.test(text.slice(-26))
  )
}
