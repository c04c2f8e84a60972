import { VolleyError } from '../../errors.ts'
import type { UserChange } from './change.ts'

/** What a cell says, or why it says nothing that can be used. */
type Cell = { kind: 'value'; value: unknown } | { kind: 'mistake'; expected: string }

const TYPES: Readonly<Record<string, (text: string) => Cell>> = {
  text: (text) => ({ kind: 'value', value: text }),
  number: (text) => {
    const value = Number(text)
    const isNumber = text.trim() !== '' && Number.isFinite(value)
    return isNumber ? { kind: 'value', value } : { kind: 'mistake', expected: 'must be a number' }
  },
  boolean: (text) => {
    const said = text.trim().toLowerCase()
    if (said === 'true' || said === 'false') return { kind: 'value', value: said === 'true' }
    return { kind: 'mistake', expected: 'must be true or false' }
  },
  json: (text) => {
    try {
      return { kind: 'value', value: JSON.parse(text) }
    } catch {
      return { kind: 'mistake', expected: 'must be JSON' }
    }
  },
}

/** A suppression is true, false or a time, which is judged with the change as a whole. */
const untilOf = (text: string): Cell => {
  const said = TYPES.boolean!(text)
  return said.kind === 'value' ? said : { kind: 'value', value: text.trim() }
}

/** Where the value of a column goes in a change, and how its cells are read. */
interface Column {
  name: string
  path: readonly string[]
  read(text: string): Cell
}

/** What the header of a file says of its columns; `user` is the index of the one with the user's id. */
export interface Columns {
  user: number
  others: readonly (Column | null)[]
}

const HEADER_EXPECTED = 'the first line must name the columns, one of them user_id'

/** Reads the header; throws `invalid_body` where a column has no name, is there twice, or has a type that is none. */
export function readHeader(names: readonly string[]): Columns {
  const user = names.findIndex((name) => name.trim() === 'user_id')
  if (user < 0) refuse(0, HEADER_EXPECTED)
  const others = names.map((name, i) => (i === user ? null : columnOf(name.trim(), i)))
  const seen = new Set<string>()
  for (const [i, column] of others.entries()) {
    const place = column === null || column.name === 'user_id' ? 'user_id' : column.path.join('\0')
    if (seen.has(place)) refuse(i, `is there twice: ${names[i]}`)
    seen.add(place)
  }
  return { user, others }
}

const PLACED = /^(consent|suppression)\.(channels|actions)\.(.+)$/

function columnOf(name: string, i: number): Column {
  if (name === '') refuse(i, 'has no name')
  if (name === 'timezone' || name === 'locale') return { name, path: [name], read: TYPES.text! }
  const placed = PLACED.exec(name)
  if (placed !== null)
    return { name, path: placed.slice(1), read: placed[1] === 'consent' ? TYPES.boolean! : untilOf }
  const colon = name.lastIndexOf(':')
  const type = colon < 0 ? 'text' : name.slice(colon + 1)
  const read = Object.hasOwn(TYPES, type) ? TYPES[type] : undefined
  if (read === undefined) refuse(i, `has the type ${type}; known are ${Object.keys(TYPES).join(', ')}`)
  return { name, path: ['traits', colon < 0 ? name : name.slice(0, colon)], read }
}

function refuse(index: number, message: string): never {
  throw new VolleyError('invalid_body', `Column ${index + 1} ${message}.`, {
    details: [{ path: `/header/${index}`, message }],
  })
}

/** The user of a row and what it says; an empty cell says nothing. */
export type Row = { kind: 'row'; id: string; change: UserChange } | { kind: 'mistake'; message: string }

export function readRow({ user, others }: Columns, cells: readonly string[]): Row {
  if (cells.length !== others.length)
    return { kind: 'mistake', message: `has ${cells.length} cells; ${others.length} were expected` }
  const id = cells[user]!.trim()
  if (id === '' || id.length > 256)
    return { kind: 'mistake', message: 'user_id must have 1 to 256 characters' }
  if (cells.some((cell) => cell.includes('\0'))) return { kind: 'mistake', message: 'must not contain NUL' }
  const change: Record<string, unknown> = {}
  for (const [i, column] of others.entries()) {
    if (column === null || cells[i] === '') continue
    const cell = column.read(cells[i]!)
    if (cell.kind === 'mistake') return { kind: 'mistake', message: `${column.name} ${cell.expected}` }
    put(change, column.path, cell.value)
  }
  return { kind: 'row', id, change: change as UserChange }
}

/** Defines, so that no name among the columns can reach a prototype. */
function put(into: Record<string, unknown>, [name, ...rest]: readonly string[], value: unknown): void {
  const inside = rest.length === 0 ? value : Object.hasOwn(into, name!) ? into[name!] : {}
  Object.defineProperty(into, name!, { value: inside, enumerable: true, configurable: true, writable: true })
  if (rest.length > 0) put(inside as Record<string, unknown>, rest, value)
}
