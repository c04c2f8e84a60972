import { hash } from 'node:crypto'
import type { ClientBase, Pool } from 'pg'

/** What a row of `event` says of a person; see canonical-events.ts. `merge` and `pass` come from a turn alone. */
export type EventKind = 'event' | 'traits' | 'join' | 'delete' | 'merge' | 'pass'

/** An event as it is accepted. `time` is ms since the epoch, null for now by the database's clock. */
export interface NewEvent {
  id: string
  /** The partition whose owner reads it. */
  p: number
  kind: EventKind
  userId: string
  /** Whether `userId` is the id of a visitor who is no user yet. */
  isAnonymous: boolean
  type: string
  /** JSON text. */
  data: string
  time: number | null
  /** The client's own id, under which it counts once within its source, kind and mode; null where it has none. */
  onceId: string | null
}

/** Who sends events: they share a tenant, a source and a mode. */
export interface EventOrigin {
  tenant: string
  /** A vendor's name, `api`, or whatever else tells where they come from. */
  source: string
  test: boolean
  /** False for a history that is imported: it becomes known, and no rule is asked. */
  decides: boolean
}

/** The events of one request, in the order in which they were sent. */
export interface EventRequest {
  origin: EventOrigin
  events: readonly NewEvent[]
}

const ROWS = `
unnest($5::text[], $6::smallint[], $7::text[], $8::text[], $9::bool[], $10::text[], $11::text[], $12::float8[],
       $13::text[], $14::smallint[], $15::uuid[])
  with ordinality as x(id, p, kind, user_id, is_anonymous, type, data, time, dedupe_id, o, digest, ord)`

// The default of seq is drawn row by row in this order, so a user's events keep the order in which they were sent. What
// the rows of a request share is looked up by its number.
const insertFrom = (source: string) => `
insert into event (id, p, tenant, kind, user_id, is_anonymous, type, data, time, dedupe_id, source, test, decides)
select id, p, ($1::uuid[])[o], kind, user_id, is_anonymous, type, data::json, coalesce(to_timestamp(time / 1000), now()),
       dedupe_id, ($2::text[])[o], ($3::bool[])[o], ($4::bool[])[o]
from ${source} order by ord`

const INSERT = insertFrom(ROWS)

// One statement, so that a process that stands still holds no key while it does. The keys are taken in one order
// everywhere: two that share some wait for each other in turn, never in a circle. They are compared in a list, since a
// join of parameters is planned for ten rows.
const INSERT_ONCE = `
with x as materialized (select * from ${ROWS}), taken as (
  insert into event_key (digest) select digest from x where digest is not null order by digest
  on conflict do nothing returning digest)
${insertFrom('x where digest is null or digest in (select digest from taken)')} returning id`

/** An event with the digest under which it counts once, as text of a uuid; null where it has no id. */
interface KeyedEvent {
  event: NewEvent
  digest: string | null
}

/** Commits one request; gives its events that were new: an id seen before, or twice here, counts once. */
export async function acceptEvents(
  pool: Pool | ClientBase,
  origin: EventOrigin,
  events: readonly NewEvent[],
): Promise<readonly NewEvent[]> {
  const [fresh] = await commitEvents(pool, [{ origin, events }])
  return fresh!
}

/** Commits the events of several requests in their order, all or none; gives those of each that were new. */
export async function commitEvents(
  pool: Pool | ClientBase,
  requests: readonly EventRequest[],
): Promise<(readonly NewEvent[])[]> {
  const firsts = firstOfEachId(requests)
  const rows = firsts.flat()
  if (rows.length === 0) return requests.map(() => [])
  const values = valuesOf(requests, firsts)
  const all = firsts.map((keyed) => keyed.map(({ event }) => event))
  if (rows.every(({ digest }) => digest === null)) {
    await pool.query({ name: 'insert-events', text: INSERT, values })
    return all
  }
  const inserted = await pool.query<{ id: string }>({
    name: 'insert-events-once',
    text: INSERT_ONCE,
    values,
  })
  if (inserted.rows.length === rows.length) return all
  const fresh = new Set(inserted.rows.map(({ id }) => id))
  return all.map((events) => events.filter(({ id }) => fresh.has(id)))
}

function valuesOf(requests: readonly EventRequest[], firsts: readonly (readonly KeyedEvent[])[]): unknown[] {
  const rows = firsts.flat()
  const { origins, numbers } = numbered(requests)
  return [
    origins.map(({ tenant }) => tenant),
    origins.map(({ source }) => source),
    origins.map(({ test }) => test),
    origins.map(({ decides }) => decides),
    rows.map(({ event }) => event.id),
    rows.map(({ event }) => event.p),
    rows.map(({ event }) => event.kind),
    rows.map(({ event }) => event.userId),
    rows.map(({ event }) => event.isAnonymous),
    rows.map(({ event }) => event.type),
    rows.map(({ event }) => event.data),
    rows.map(({ event }) => event.time),
    rows.map(({ event }) => event.onceId),
    firsts.flatMap((keyed, i) => keyed.map(() => numbers[i])),
    rows.map(({ digest }) => digest),
  ]
}

/** The origins of these requests, each once, and the number of each request's, from 1. */
function numbered(requests: readonly EventRequest[]): { origins: EventOrigin[]; numbers: number[] } {
  const known = new Map<string, { number: number; origin: EventOrigin }>()
  const numbers = requests.map(({ origin }) => {
    const key = `${origin.tenant} ${origin.source} ${origin.test} ${origin.decides}`
    const entry = known.get(key) ?? { number: known.size + 1, origin }
    known.set(key, entry)
    return entry.number
  })
  return { origins: [...known.values()].map(({ origin }) => origin), numbers }
}

/** What is left of each request where an id counts once within its tenant, source, kind and mode. */
function firstOfEachId(requests: readonly EventRequest[]): KeyedEvent[][] {
  const seen = new Set<string>()
  return requests.map(({ origin, events }) =>
    events.flatMap((event): KeyedEvent[] => {
      const digest = digestOf(origin, event)
      if (digest === null) return [{ event, digest }]
      if (seen.has(digest)) return []
      seen.add(digest)
      return [{ event, digest }]
    }),
  )
}

// What a test key sends must not make a live event look like a repeat.
function digestOf({ tenant, source, test }: EventOrigin, { kind, onceId }: NewEvent): string | null {
  if (onceId === null) return null
  const key = `${tenant} ${source}:${kind}${test ? ':test' : ''} ${onceId}`
  return hash('sha256', key, 'hex').slice(0, 32)
}
