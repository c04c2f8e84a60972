import { hash } from 'node:crypto'
import { isObject } from './storable.ts'

/** A vendor's id that is one text of printable ASCII is kept as it is, for whoever looks for it. */
const PLAIN = /^[\x21-\x7e]{1,200}$/

/** The id under which an item counts once, from the vendor's own; null where that is no text, or empty. */
export function vendorId(value: unknown): string | null {
  if (typeof value !== 'string' || value === '') return null
  return PLAIN.test(value) ? value : digestOf([value])
}

/** One id of several parts, all of which must be the same for a repeat; the order of names in them is not looked at. */
export function digestOf(parts: readonly unknown[]): string {
  return `sha256:${hash('sha256', JSON.stringify(parts, sorted), 'base64url')}`
}

function sorted(_: string, value: unknown): unknown {
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
}
