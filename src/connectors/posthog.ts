import type { CanonicalItem, JsonObject, Normalised, Refused } from './canonical.ts'
import { batchOf, collect, type Fields, type Reading, readData, readName, SKIPPED } from './collect.ts'
import type { ConnectorBody, Document } from './decode.ts'
import { digestOf, vendorId } from './dedupe-id.ts'
import { anonymous, isPlaceholder, type Mistaken, mistaken, readId, user } from './identity.ts'
import { type Place, type PosthogShape, posthogShape } from './posthog-shape.ts'
import { isObject } from './storable.ts'
import { type Arrival, believed, vendorTime, withoutSkew } from './times.ts'
import { type Operations, traitChange } from './traits.ts'

/** What the items of a body share. */
interface Around {
  /** By the sender's clock; null where it was not said. */
  sentAt: number | null
  arrival: Arrival
}

/** What PostHog's webhooks and libraries send: events, alone or in lists. */
export function fromPosthog(
  document: Document,
  query: ConnectorBody['query'],
  arrival: Arrival,
): Normalised | Refused {
  const batch = batchOf(document)
  if (batch.kind === 'refused') return batch
  // Browsers put the time of sending into the query.
  const around = { sentAt: vendorTime(batch.outer?.sent_at ?? query._), arrival }
  return collect(batch, { read: (item) => readEvent(posthogShape(item), around), keyOf })
}

function keyOf({ api_key, token, properties }: Fields): unknown {
  return api_key ?? token ?? (isObject(properties) ? (properties.token ?? properties.api_key) : undefined)
}

function readEvent(shape: PosthogShape, around: Around): Reading {
  const name = readName(shape.name.value, shape.name.where)
  if (name.kind === 'mistaken') return name
  const id = readId(shape.distinctId.value, shape.distinctId.where)
  if (id.kind === 'mistaken') return id
  if (id.kind === 'absent') return mistaken(shape.distinctId.where, 'is missing')
  const properties = readData(shape.properties.value, shape.properties.where)
  if (properties.kind === 'mistaken') return properties
  const traits = readTraits(shape, properties.data)
  if (traits.kind === 'mistaken') return traits
  return readingOf({
    name: name.name,
    id: id.id,
    properties: properties.data,
    traits: traits.operations,
    at: timeOf(shape, properties.data, around),
    shape,
  })
}

/** An event of which everything was read. */
interface ReadEvent {
  name: string
  id: string
  properties: JsonObject
  traits: Operations | null
  at: number | null
  shape: PosthogShape
}

function readingOf(read: ReadEvent): Reading {
  const { name, id, properties, at } = read
  // PostHog makes no person of such an event: its id is a visitor's and not a user's.
  const isPersonless = properties.$process_person_profile === false && name !== '$identify'
  const by = isPersonless ? anonymous(id) : user(id)
  const type = name === '$pageview' ? 'page_viewed' : name.startsWith('$') ? null : name
  const data = dataOf(properties)
  const dedupeId = dedupeIdOf(read, data)
  const items: CanonicalItem[] = joinOf(read)
  if (!isPersonless && (read.traits !== null || name === '$identify'))
    items.push(traitChange({ source: 'posthog', ...by, at, dedupeId }, read.traits ?? {}))
  if (type !== null) items.push({ kind: 'event', source: 'posthog', type, ...by, data, at, dedupeId })
  return items.length === 0 ? SKIPPED : { kind: 'items', items }
}

/** What is kept of the properties: what became traits, the id and the key are not. */
function dataOf(properties: JsonObject): JsonObject {
  const { $set, $set_once, $unset, distinct_id, token, api_key, ...data } = properties
  return data
}

/** The traits that an event carries, or else those of the person whom PostHog sent along; null for none. */
function readTraits(
  { set, setOnce, person, properties: { where } }: PosthogShape,
  properties: JsonObject,
): { kind: 'traits'; operations: Operations | null } | Mistaken {
  const sets = merged(set, { value: properties.$set, where: `${where}/$set` })
  if (sets.kind === 'mistaken') return sets
  const setOnces = merged(setOnce, { value: properties.$set_once, where: `${where}/$set_once` })
  if (setOnces.kind === 'mistaken') return setOnces
  const unset = properties.$unset ?? []
  if (!Array.isArray(unset) || !unset.every((name) => typeof name === 'string'))
    return mistaken(`${where}/$unset`, 'must be a list of names')
  const operations = { set: sets.data, setOnce: setOnces.data, unset }
  if (!isEmpty(sets.data) || !isEmpty(setOnces.data) || unset.length > 0)
    return { kind: 'traits', operations }
  const known = readData(person.value, person.where)
  if (known.kind === 'mistaken') return known
  return { kind: 'traits', operations: isEmpty(known.data) ? null : { set: known.data } }
}

/** Two objects as one; what the second says wins. */
function merged(first: Place, second: Place): { kind: 'data'; data: JsonObject } | Mistaken {
  const one = readData(first.value, first.where)
  if (one.kind === 'mistaken') return one
  const other = readData(second.value, second.where)
  if (other.kind === 'mistaken' || isEmpty(one.data)) return other
  return { kind: 'data', data: { ...one.data, ...other.data } }
}

function isEmpty(data: JsonObject): boolean {
  for (const _ in data) return false
  return true
}

/** `$identify` names the visitor whom the user was, `$create_alias` another id of the same user. */
function joinOf({ name, id, properties, at }: ReadEvent): CanonicalItem[] {
  const other =
    name === '$identify'
      ? properties.$anon_distinct_id
      : name === '$create_alias' || name === '$merge_dangerously'
        ? properties.alias
        : null
  const previous = readId(other, '')
  if (previous.kind !== 'id' || previous.id === id) return []
  if (isPlaceholder(previous.id) || isPlaceholder(id)) return []
  return [{ kind: 'join', source: 'posthog', previousId: previous.id, userId: id, at }]
}

function timeOf(
  { timestamp, offset, sentAt }: PosthogShape,
  { $ignore_sent_at }: JsonObject,
  around: Around,
): number | null {
  const at = vendorTime(timestamp)
  if (at !== null) {
    const sent = $ignore_sent_at === true ? null : (vendorTime(sentAt) ?? around.sentAt)
    return believed(withoutSkew(at, sent, around.arrival), around.arrival)
  }
  if (typeof offset !== 'number' || !around.arrival.isLive) return null
  return believed(Math.round(around.arrival.receivedAt - offset), around.arrival)
}

/** PostHog's id of the event, or one of its contents where it says when it was. */
function dedupeIdOf({ shape, name, id, at, traits }: ReadEvent, data: JsonObject): string | null {
  const own = vendorId(shape.uuid)
  if (own !== null) return own
  const said = vendorTime(shape.timestamp)
  return at === null || said === null ? null : digestOf([said, name, id, data, traits])
}
