import type { ClientBase, Pool } from 'pg'
import { takeKeys, type UntoldKey } from './once.ts'
import { inTransaction } from './transaction.ts'

/** What a row of `event` says of a person; see canonical-events.ts. `merge` comes from a turn alone. */
export type EventKind = 'event' | 'traits' | 'join' | 'delete' | 'merge'

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

// The default of seq is drawn row by row in this order, so a user's events keep the order of their request.
const INSERT = `
insert into event (id, p, tenant, kind, user_id, is_anonymous, type, data, time, dedupe_id, source, test, decides)
select id, p, $1, kind, user_id, is_anonymous, type, data::json, coalesce(to_timestamp(time / 1000), now()), dedupe_id,
       $2, $3, $4
from unnest($5::text[], $6::smallint[], $7::text[], $8::text[], $9::bool[], $10::text[], $11::text[], $12::float8[],
            $13::text[])
  with ordinality as x(id, p, kind, user_id, is_anonymous, type, data, time, dedupe_id, ord)
order by ord`

async function insertEvents(client: ClientBase | Pool, origin: EventOrigin, events: readonly NewEvent[]) {
  if (events.length === 0) return
  await client.query({
    name: 'insert-events',
    text: INSERT,
    values: [
      origin.tenant,
      origin.source,
      origin.test,
      origin.decides,
      events.map((event) => event.id),
      events.map((event) => event.p),
      events.map((event) => event.kind),
      events.map((event) => event.userId),
      events.map((event) => event.isAnonymous),
      events.map((event) => event.type),
      events.map((event) => event.data),
      events.map((event) => event.time),
      events.map((event) => event.onceId),
    ],
  })
}

/** Commits events in their order and gives those that were new: an id seen before, or twice here, counts once. */
export async function acceptEvents(
  pool: Pool,
  origin: EventOrigin,
  events: readonly NewEvent[],
): Promise<readonly NewEvent[]> {
  const firsts = firstOfEachId(events)
  const keys = firsts.flatMap((event) => onceKeyOf(origin, event) ?? [])
  if (keys.length === 0) {
    await insertEvents(pool, origin, firsts)
    return firsts
  }
  return inTransaction(pool, async (client) => {
    const taken = await takeKeys(client, origin.tenant, keys)
    const fresh = firsts.filter((event) => {
      const key = onceKeyOf(origin, event)
      return key === null || taken.has(`${key.scope} ${key.key}`)
    })
    await insertEvents(client, origin, fresh)
    return fresh
  })
}

// What a test key sends must not make a live event look like a repeat.
const onceKeyOf = ({ source, test }: EventOrigin, { kind, onceId }: NewEvent): UntoldKey | null =>
  onceId === null ? null : { scope: `${source}:${kind}${test ? ':test' : ''}`, key: onceId }

function firstOfEachId(events: readonly NewEvent[]): NewEvent[] {
  const seen = new Set<string>()
  return events.filter(({ kind, onceId }) => {
    if (onceId === null) return true
    const key = `${kind} ${onceId}`
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}
