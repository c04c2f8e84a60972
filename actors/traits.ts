import { isDeepStrictEqual } from 'node:util'

/** A value as JSON can say it. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }
export type Traits = { readonly [name: string]: Json }

/** What is said of traits, to be applied in this order; what is left out says nothing. */
export interface TraitChange {
  set?: Traits
  /** Only where the trait has no value yet. */
  setOnce?: Traits
  /** Added to the number that is there, or to zero. */
  add?: { readonly [name: string]: number }
  /** One value each, put at the end of a list. */
  append?: Traits
  /** Values each, put at the end of a list where they are not in it. */
  union?: { readonly [name: string]: Json[] }
  /** One value each, taken out of a list wherever it stands. */
  remove?: Traits
  unset?: readonly string[]
}

/** Most traits of a person, most characters of a name, and most bytes of all as JSON. */
export const TRAITS_MAX = 500
export const TRAIT_NAME_MAX = 256
export const TRAITS_BYTES_MAX = 64 * 1024

/** Traits that are being changed, within their bounds: what does not fit is not taken, and what is there stays. */
class Draft {
  readonly values: Map<string, Json>
  refused = 0
  #bytes: number

  constructor(traits: Traits) {
    this.values = new Map(Object.entries(traits))
    this.#bytes = 2
    for (const [name, value] of this.values) this.#bytes += bytesOf(name, value)
  }

  put(name: string, value: Json): void {
    const before = this.values.get(name)
    const grows = bytesOf(name, value) - (before === undefined ? 0 : bytesOf(name, before))
    const isFull = before === undefined && this.values.size >= TRAITS_MAX
    // Not even what is too large already may grow; it may shrink.
    const isTooLarge = grows > 0 && this.#bytes + grows > TRAITS_BYTES_MAX
    if (isFull || isTooLarge || name.length > TRAIT_NAME_MAX) {
      this.refused++
      return
    }
    this.values.set(name, value)
    this.#bytes += grows
  }

  drop(name: string): void {
    const before = this.values.get(name)
    if (before === undefined) return
    this.values.delete(name)
    this.#bytes -= bytesOf(name, before)
  }
}

/** The bytes of a name, its value, a colon and a comma. */
const bytesOf = (name: string, value: Json): number =>
  Buffer.byteLength(JSON.stringify(name)) + Buffer.byteLength(JSON.stringify(value)) + 2

/** The traits after a change, and how many values of it were not taken because they would pass a bound. */
export function changeTraits(traits: Traits, change: TraitChange): { traits: Traits; refused: number } {
  const draft = new Draft(traits)
  const { values } = draft
  for (const [name, value] of entries(change.set)) draft.put(name, value)
  for (const [name, value] of entries(change.setOnce)) {
    if (isEmpty(values.get(name))) draft.put(name, value)
  }
  for (const [name, by] of entries(change.add)) add(draft, name, by)
  for (const [name, value] of entries(change.append)) draft.put(name, [...listIn(values.get(name)), value])
  for (const [name, more] of entries(change.union)) unite(draft, name, more)
  for (const [name, value] of entries(change.remove)) remove(draft, name, value)
  for (const name of listIn(change.unset as Json | undefined)) draft.drop(String(name))
  // Entries are defined and not assigned, so no name among them can reach a prototype.
  return { traits: Object.fromEntries(values), refused: draft.refused }
}

const entries = <T>(said: { readonly [name: string]: T } | undefined): [string, T][] =>
  Object.entries(said ?? {})

const isEmpty = (value: Json | undefined): boolean => value === undefined || value === null

/** What is no list counts as a list of it, so that nothing is lost. */
function listIn(value: Json | undefined): Json[] {
  if (Array.isArray(value)) return value
  return value === undefined || value === null ? [] : [value]
}

/** To what is no number, nothing can be added; it stays. */
function add(draft: Draft, name: string, by: number): void {
  const before = draft.values.get(name) ?? 0
  const sum = typeof before === 'number' ? before + Number(by) : Number.NaN
  if (Number.isFinite(sum)) draft.put(name, sum)
}

function unite(draft: Draft, name: string, more: readonly Json[]): void {
  const list = [...listIn(draft.values.get(name))]
  for (const value of listIn(more as Json))
    if (!list.some((each) => isDeepStrictEqual(each, value))) list.push(value)
  draft.put(name, list)
}

function remove(draft: Draft, name: string, value: Json): void {
  const list = draft.values.get(name)
  if (!Array.isArray(list)) return
  draft.put(
    name,
    list.filter((each) => !isDeepStrictEqual(each, value)),
  )
}
