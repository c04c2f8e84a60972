import type { Fields } from './collect.ts'
import { isObject } from './storable.ts'

/** A value and its JSON Pointer in the item. */
export interface Place {
  value: unknown
  where: string
}

/** An event of PostHog, whichever of its shapes it came in; nothing in it was checked. */
export interface PosthogShape {
  name: Place
  distinctId: Place
  properties: Place
  timestamp: unknown
  /** Ms between the event and its sending, from libraries that send no timestamp. */
  offset: unknown
  sentAt: unknown
  uuid: unknown
  /** Traits beside the properties, as posthog-js sends them. */
  set: Place
  setOnce: Place
  /** What PostHog knows of the person. */
  person: Place
}

const ABSENT: Place = { value: undefined, where: '' }

/** The event in an item: PostHog's webhook, its older action hook, or a captured event. */
export function posthogShape(item: Fields): PosthogShape {
  if (isObject(item.event)) return webhook(item, item.event)
  if (isObject(item.data) && item.event === undefined) return actionHook(item.data)
  return captured(item)
}

/** `{"event": {…}, "person": {…}}`; early versions called the name of the event `name`. */
function webhook({ person }: Fields, event: Fields): PosthogShape {
  return {
    ...captured(event, '/event'),
    name: place(event, event.event === undefined ? 'name' : 'event', '/event'),
    person: isObject(person) ? place(person, 'properties', '/person') : ABSENT,
  }
}

/** `{"hook": {…}, "data": {…}}`, in camel case. */
function actionHook(data: Fields): PosthogShape {
  return {
    name: place(data, 'event', '/data'),
    distinctId: place(data, 'distinctId', '/data'),
    properties: place(data, 'properties', '/data'),
    timestamp: data.timestamp,
    offset: undefined,
    sentAt: undefined,
    uuid: data.eventUuid,
    set: ABSENT,
    setOnce: ABSENT,
    person: isObject(data.person) ? place(data.person, 'properties', '/data/person') : ABSENT,
  }
}

/** What libraries send, and what the page of the API shows; `root` is where it stands in the item. */
function captured(event: Fields, root = ''): PosthogShape {
  return {
    name: place(event, 'event', root),
    distinctId: distinctIdOf(event, root),
    properties: place(event, 'properties', root),
    timestamp: event.timestamp,
    offset: event.offset,
    sentAt: event.sent_at,
    uuid: event.uuid,
    set: place(event, '$set', root),
    setOnce: place(event, '$set_once', root),
    person: ABSENT,
  }
}

/** posthog-js puts the id among the properties. */
function distinctIdOf(event: Fields, root: string): Place {
  if (event.distinct_id === undefined && isObject(event.properties)) {
    const inside = place(event.properties, 'distinct_id', `${root}/properties`)
    if (inside.value !== undefined) return inside
  }
  return place(event, 'distinct_id', root)
}

const place = (fields: Fields, name: string, where: string): Place => ({
  value: fields[name],
  where: `${where}/${name}`,
})
