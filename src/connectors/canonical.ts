/** The vendors whose bodies a connector reads; also the `source` under which what they send is kept. */
export type Source = 'segment' | 'posthog' | 'mixpanel'

/** A value that a JSON text can say and Postgres can keep as jsonb; made by `storable`. */
export type Json = null | boolean | number | string | Json[] | JsonObject
export type JsonObject = { [name: string]: Json }

/**
 * Whom an item is about; at least one of the two is given. With a user id it is that user's. An anonymous id that is
 * also somebody's user id means that user.
 */
export interface Subject {
  /** 1 to 256 characters. */
  userId: string | null
  /** 1 to 256 characters. */
  anonymousId: string | null
}

interface FromVendor extends Subject {
  source: Source
  /** When it happened, in ms since the epoch; null for when it was received. */
  at: number | null
  /** At most 200 characters, the same for a repeat; unique within its source and kind. Null where nothing tells. */
  dedupeId: string | null
}

/** Something a user did. */
export interface CanonicalEvent extends FromVendor {
  kind: 'event'
  /** 1 to 255 characters. */
  type: string
  data: JsonObject
}

/** What becomes known of a user, to be applied in the order set, setOnce, add, append, union, remove, unset. */
export interface TraitChange extends FromVendor {
  kind: 'traits'
  set: JsonObject
  /** Only where the trait has no value yet. */
  setOnce: JsonObject
  unset: readonly string[]
  /** Finite numbers, added to what is there or to zero. */
  add: { [name: string]: number }
  /** One value each, put at the end of a list, which is made where there is none. */
  append: JsonObject
  /** Values each, put at the end of a list where they are not in it. */
  union: { [name: string]: Json[] }
  /** One value each, taken from a list wherever it stands. */
  remove: JsonObject
}

/** What is kept under `previousId`, an anonymous id or an earlier user id, belongs to `userId` from now on. */
export interface IdentityJoin {
  kind: 'join'
  source: Source
  previousId: string
  userId: string
  /** When it happened, in ms since the epoch; null for when it was received. */
  at: number | null
}

/** `traits`: forget the traits and keep the person's events; `person`: erase the person. */
export interface Deletion extends Subject {
  kind: 'delete'
  source: Source
  what: 'traits' | 'person'
}

export type CanonicalItem = CanonicalEvent | TraitChange | IdentityJoin | Deletion

/** An item that cannot be used. Its neighbours are not concerned. */
export interface Rejected {
  /** Of the item in its body, from 0. */
  index: number
  /** JSON Pointer into the body; in a body of lines, the first part is the line from 0. */
  where: string
  /** What was expected there; reads on after `where`. */
  reason: string
}

/** A message of Mixpanel's cohort webhook, which wants a reply of its own: `cohortReply`. */
export interface Cohort {
  action: 'members' | 'add_members' | 'remove_members'
  id: string
  name: string | null
  description: string | null
  /** What the pages of one `members` sync share; null where it was not said. */
  sessionId: string | null
  /** From 1. */
  page: number
  pages: number
  /** Everybody whom this page names, users and anonymous ids. */
  members: readonly Subject[]
}

/** What a body says, in its order. */
export interface Normalised {
  kind: 'normalised'
  items: CanonicalItem[]
  rejected: Rejected[]
  /** Items that were understood and of which nothing is kept. */
  skipped: number
  /** The key that the body or the query carried, as the vendors' libraries send it; it is nowhere in `items`. */
  key: string | null
  /** Null for everything but Mixpanel's cohort webhook. */
  cohort: Cohort | null
}

/** A body of which nothing can be read; `code` and `message` are those of the answer. */
export interface Refused {
  kind: 'refused'
  code: 'malformed_json' | 'invalid_body' | 'body_too_large' | 'unsupported_media_type'
  message: string
}

/** What the API answers, with status 400, to a body of which `isUnusable`. */
export const MISSING_USER = 'Missing user_id / distinct_id'

/** Whether there were items and none can be used. A body without items is no mistake. */
export function isUnusable({ items, skipped, rejected }: Normalised): boolean {
  return items.length === 0 && skipped === 0 && rejected.length > 0
}

/** How many users are created or updated, each counted once; who is only known by an anonymous id is no user yet. */
export function usersUpserted(items: readonly CanonicalItem[]): number {
  const users = new Set<string>()
  for (const item of items) {
    if ((item.kind === 'traits' || item.kind === 'delete') && item.userId !== null) users.add(item.userId)
  }
  return users.size
}
