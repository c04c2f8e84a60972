import type { CanonicalItem, JsonObject, Normalised, Refused, Subject } from './canonical.ts'
import { batchOf, collect, type Fields, type Reading, readData, readName, SKIPPED } from './collect.ts'
import type { Document } from './decode.ts'
import { digestOf, vendorId } from './dedupe-id.ts'
import { isPlaceholder, type Mistaken, mistaken, readId } from './identity.ts'
import { isObject, storableText } from './storable.ts'
import { type Arrival, believed, vendorTime, withoutSkew } from './times.ts'
import { traitChange } from './traits.ts'

/** What the items of a body share. */
interface Around {
  outer: Fields | null
  arrival: Arrival
}

/** What Segment's webhooks and libraries send: calls, alone or in lists. */
export function fromSegment(document: Document, arrival: Arrival): Normalised | Refused {
  const batch = batchOf(document)
  if (batch.kind === 'refused') return batch
  const around = { outer: batch.outer, arrival }
  return collect(batch, { read: (item) => readCall(item, around), keyOf: ({ writeKey }) => writeKey })
}

function readCall(item: Fields, around: Around): Reading {
  switch (typeOf(item)) {
    case 'track':
      return track(item, around)
    case 'page':
      return page(item, around)
    case 'identify':
      return identify(item, around)
    case 'alias':
      return alias(item, around)
    case 'delete':
      return erasure(item)
    case null:
      return mistaken('/type', 'is missing; track, page or identify was expected')
    default:
      // screen, group, and whatever Segment invents next: an error would only make it try again.
      return SKIPPED
  }
}

/** The type of a call; mapped webhooks may leave it out, and then its own field tells. Null for no call at all. */
function typeOf({ type, event, previousId, groupId, traits }: Fields): string | null {
  if (typeof type === 'string' && type !== '') return type.toLowerCase()
  if (typeof event === 'string') return 'track'
  if (previousId !== undefined) return 'alias'
  if (groupId !== undefined) return 'group'
  return isObject(traits) ? 'identify' : null
}

function track(item: Fields, around: Around): Reading {
  const name = readName(item.event, '/event')
  if (name.kind === 'mistaken') return name
  const properties = readData(item.properties, '/properties')
  return properties.kind === 'mistaken' ? properties : event(item, name.name, properties.data, around)
}

function page(item: Fields, around: Around): Reading {
  const properties = readData(item.properties, '/properties')
  if (properties.kind === 'mistaken') return properties
  const data: JsonObject = { ...properties.data }
  if (data.category === undefined && typeof item.category === 'string')
    data.category = storableText(item.category)
  const url = pageUrl(item) ?? pageUrl(around.outer)
  if (data.url === undefined && url !== null) data.url = url
  if (typeof item.name === 'string') data.name = storableText(item.name)
  return event(item, 'page_viewed', data, around)
}

/** Where the page was, from the context that libraries add. */
function pageUrl(item: Fields | null): string | null {
  const context = item?.context
  const page = isObject(context) ? context.page : null
  return isObject(page) && typeof page.url === 'string' ? storableText(page.url) : null
}

function event(item: Fields, type: string, data: JsonObject, around: Around): Reading {
  const by = subjectOf(item)
  if (by.kind === 'mistaken') return by
  const at = timeOf(item, around)
  const dedupeId = dedupeIdOf(item, at, ['event', type, by.subject, data])
  return {
    kind: 'items',
    items: [{ kind: 'event', source: 'segment', type, ...by.subject, data, at, dedupeId }],
  }
}

function identify(item: Fields, around: Around): Reading {
  const by = subjectOf(item)
  if (by.kind === 'mistaken') return by
  const traits = readData(item.traits, '/traits')
  if (traits.kind === 'mistaken') return traits
  const { userId, anonymousId } = by.subject
  const at = timeOf(item, around)
  const dedupeId = dedupeIdOf(item, at, ['traits', by.subject, traits.data])
  const change = traitChange({ source: 'segment', ...by.subject, at, dedupeId }, { set: traits.data })
  // First, so that what is said now wins over what the anonymous visitor had.
  const join = userId === null || anonymousId === null ? [] : joined(anonymousId, userId, at)
  return { kind: 'items', items: [...join, change] }
}

function alias(item: Fields, around: Around): Reading {
  const userId = readId(item.userId, '/userId')
  if (userId.kind === 'mistaken') return userId
  const previous = readId(item.previousId, '/previousId')
  if (previous.kind === 'mistaken') return previous
  if (userId.kind === 'absent') return mistaken('/userId', 'is missing')
  if (previous.kind === 'absent') return mistaken('/previousId', 'is missing')
  const items = joined(previous.id, userId.id, timeOf(item, around))
  return items.length === 0 ? SKIPPED : { kind: 'items', items }
}

function joined(previousId: string, userId: string, at: number | null): CanonicalItem[] {
  if (previousId === userId || isPlaceholder(previousId) || isPlaceholder(userId)) return []
  return [{ kind: 'join', source: 'segment', previousId, userId, at }]
}

/** A request of a person to be forgotten, which Segment forwards. */
function erasure(item: Fields): Reading {
  const userId = readId(item.userId, '/userId')
  if (userId.kind === 'mistaken') return userId
  if (userId.kind === 'absent') return mistaken('/userId', 'is missing')
  return {
    kind: 'items',
    items: [{ kind: 'delete', source: 'segment', userId: userId.id, anonymousId: null, what: 'person' }],
  }
}

function subjectOf(item: Fields): { kind: 'subject'; subject: Subject } | Mistaken {
  const userId = readId(item.userId, '/userId')
  if (userId.kind === 'mistaken') return userId
  const anonymousId = readId(item.anonymousId, '/anonymousId')
  if (userId.kind === 'id') {
    // A user is known without the other one, so a mistake in that loses nothing.
    const other = anonymousId.kind === 'id' ? anonymousId.id : null
    return { kind: 'subject', subject: { userId: userId.id, anonymousId: other } }
  }
  if (anonymousId.kind === 'mistaken') return anonymousId
  if (anonymousId.kind === 'absent') return mistaken('/userId', 'is missing, and so is anonymousId')
  return { kind: 'subject', subject: { userId: null, anonymousId: anonymousId.id } }
}

/** `timestamp` is by Segment's clock once Segment has seen the call, and by the sender's in what a library sends. */
function timeOf(item: Fields, { outer, arrival }: Around): number | null {
  const at = vendorTime(item.timestamp) ?? vendorTime(item.originalTimestamp) ?? vendorTime(item.receivedAt)
  if (at === null) return null
  const wasCorrected = item.receivedAt !== undefined || item.originalTimestamp !== undefined
  const sentAt = wasCorrected ? null : (vendorTime(item.sentAt) ?? vendorTime(outer?.sentAt))
  return believed(withoutSkew(at, sentAt, arrival), arrival)
}

/** Segment's id of the call, or one of its contents where it says when it was. */
function dedupeIdOf(item: Fields, at: number | null, contents: readonly unknown[]): string | null {
  const id = vendorId(item.messageId)
  if (id !== null) return id
  return at === null ? null : digestOf([vendorTime(item.timestamp ?? item.originalTimestamp), ...contents])
}
