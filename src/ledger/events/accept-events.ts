import { hash } from 'node:crypto'
import type { ClientBase, Pool } from 'pg'

/** What a row of `event` says of a person; see canonical-events.ts. `merge`, `pass` and `report` come from
 * Volley itself. */
export type EventKind = 'event' | 'traits' | 'join' | 'delete' | 'merge' | 'pass' | 'report'

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
unnest($7::text[], $8::smallint[], $9::smallint[], $10::text[], $11::text[], $12::text[], $13::float8[], $14::text[],
       $15::uuid[])
  with ordinality as x(id, p, o, user_id, type, data, time, dedupe_id, digest, ord)`

// The default of seq is drawn row by row in this order, so a user's events keep the order in which they were sent. What
// many rows share is looked up by its number.
const insertWhere = (condition: string) => `
insert into event (id, p, tenant, kind, user_id, is_anonymous, type, data, time, dedupe_id, source, test, decides)
select id, p, ($1::uuid[])[o], ($5::text[])[o], user_id, ($6::bool[])[o], type, data::json,
       coalesce(to_timestamp(time / 1000), now()), dedupe_id, ($2::text[])[o], ($3::bool[])[o], ($4::bool[])[o]
from ${ROWS} where ${condition} order by ord`

const INSERT = insertWhere('true')

// One statement, so that a process that stands still holds no key while it does. The keys are taken in one order
// everywhere: two that share some wait for each other in turn, never in a circle. They are compared in a list, since a
// join of parameters is planned for ten rows.
const INSERT_ONCE = `
with taken as (
  insert into event_key (digest) select d from unnest($15::uuid[]) d where d is not null order by d
  on conflict do nothing returning digest)
${insertWhere('digest is null or digest in (select digest from taken)')} returning id`

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
  const { shared, numbers } = numbered(requests, firsts)
  return [
    shared.map(({ origin }) => origin.tenant),
    shared.map(({ origin }) => origin.source),
    shared.map(({ origin }) => origin.test),
    shared.map(({ origin }) => origin.decides),
    shared.map(({ kind }) => kind),
    shared.map(({ isAnonymous }) => isAnonymous),
    rows.map(({ event }) => event.id),
    rows.map(({ event }) => event.p),
    numbers,
    rows.map(({ event }) => event.userId),
    rows.map(({ event }) => event.type),
    rows.map(({ event }) => event.data),
    rows.map(({ event }) => event.time),
    rows.map(({ event }) => event.onceId),
    rows.map(({ digest }) => digest),
  ]
}

/** What many rows have in common. */
interface Shared {
  origin: EventOrigin
  kind: EventKind
  isAnonymous: boolean
}

/** What rows have in common, each once, and the number of each row's, from 1. */
function numbered(
  requests: readonly EventRequest[],
  firsts: readonly (readonly KeyedEvent[])[],
): { shared: Shared[]; numbers: number[] } {
  const known = new Map<string, number>()
  const shared: Shared[] = []
  const numbers = requests.flatMap(({ origin }, i) => {
    const whose = `${origin.tenant} ${origin.source} ${origin.test} ${origin.decides}`
    return firsts[i]!.map(({ event: { kind, isAnonymous } }) => {
      const key = `${whose} ${kind} ${isAnonymous}`
      const number = known.get(key) ?? shared.push({ origin, kind, isAnonymous })
      known.set(key, number)
      return number
    })
  })
  return { shared, numbers }
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
