import type { Json, JsonObject } from './canonical.ts'
import { type Fields, type Reading, readData } from './collect.ts'
import { type Mistaken, mistaken } from './identity.ts'
import { firstSubject } from './mixpanel-identity.ts'
import { type Operations, traitChange } from './traits.ts'

const OPERATIONS = ['$set', '$set_once', '$add', '$append', '$union', '$remove', '$unset', '$delete']

/** Mixpanel's own names of traits that everybody has. */
const PLAIN = new Map([
  ['$email', 'email'],
  ['$first_name', 'first_name'],
  ['$last_name', 'last_name'],
  ['$name', 'name'],
  ['$phone', 'phone'],
  ['$created', 'created'],
])

/** Whether an item changes a profile and is no event. */
export function isProfile(item: Fields): boolean {
  return (
    item.event === undefined && (item.$distinct_id !== undefined || OPERATIONS.some((name) => name in item))
  )
}

/** What an item of `/engage` says. */
export function readProfile(item: Fields): Reading {
  const by = firstSubject(['$distinct_id', 'distinct_id'], [item.$distinct_id, item.distinct_id], '')
  if (by.kind === 'mistaken') return by
  if (item.$delete !== undefined)
    return { kind: 'items', items: [{ kind: 'delete', source: 'mixpanel', ...by.subject, what: 'traits' }] }
  const read = operationsOf(item)
  if (read.kind === 'mistaken') return read
  const origin = { source: 'mixpanel', ...by.subject, at: null, dedupeId: null } as const
  return { kind: 'items', items: [traitChange(origin, read.operations)] }
}

type ReadOperations = { kind: 'operations'; operations: Operations } | Mistaken

function operationsOf(item: Fields): ReadOperations {
  const operations: Operations = {}
  let isAny = false
  for (const name of OPERATIONS) {
    if (item[name] === undefined) continue
    isAny = true
    const mistake = addOperation(operations, name, item[name])
    if (mistake !== null) return mistake
  }
  return isAny
    ? { kind: 'operations', operations }
    : mistaken('', `must have one of ${OPERATIONS.join(', ')}`)
}

/** Puts an operation beside the others; gives what is wrong with it, or null. */
function addOperation(operations: Operations, name: string, value: unknown): Mistaken | null {
  const where = `/${name}`
  if (name === '$unset') return addUnset(operations, value, where)
  const read = readData(value, where)
  if (read.kind === 'mistaken') return read
  const data = withPlainNames(read.data)
  if (name === '$set') operations.set = data
  else if (name === '$set_once') operations.setOnce = data
  else if (name === '$append') operations.append = data
  else if (name === '$remove') operations.remove = data
  else if (name === '$add') {
    if (!isOf(data, (each) => typeof each === 'number')) return mistaken(where, 'must have numbers only')
    operations.add = data
  } else if (name === '$union') {
    if (!isOf(data, (each) => Array.isArray(each))) return mistaken(where, 'must have lists only')
    operations.union = data
  }
  return null
}

function addUnset(operations: Operations, value: unknown, where: string): Mistaken | null {
  const read = readData({ names: value }, where)
  if (read.kind === 'mistaken') return read
  const { names } = read.data
  const isNames = Array.isArray(names) && names.every((name) => typeof name === 'string')
  if (!isNames) return mistaken(where, 'must be a list of names')
  operations.unset = names.map((name) => PLAIN.get(name as string) ?? (name as string))
  return null
}

function isOf<T extends Json>(
  data: JsonObject,
  isOne: (value: Json) => value is T,
): data is { [name: string]: T } {
  return Object.values(data).every(isOne)
}

/** Mixpanel's own names as everybody writes them; where both stand there, the plain one is what counts. */
function withPlainNames(data: JsonObject): JsonObject {
  const entries = Object.entries(data)
  const own = entries.flatMap(([name, value]) => {
    const plain = PLAIN.get(name)
    return plain === undefined ? [] : [[plain, value] as const]
  })
  if (own.length === 0) return data
  return { ...Object.fromEntries(own), ...Object.fromEntries(entries.filter(([name]) => !PLAIN.has(name))) }
}
