import type { ClientBase, Pool } from 'pg'
import { takeKeys } from './once.ts'
import { inTransaction } from './transaction.ts'

/** An event as it is accepted. `time` is ms since the epoch, null for now by the database's clock. */
export interface NewEvent {
  id: string
  p: number
  userId: string
  type: string
  /** JSON text. */
  data: string
  time: number | null
  /** The client's own id, under which it counts once; null where it has none. */
  onceId: string | null
}

/** Who sends events: they share a tenant, a source and a mode. */
export interface EventOrigin {
  tenant: string
  source: string
  test: boolean
}

// The default of seq is drawn row by row in this order, so a user's events keep the order of their request.
const INSERT = `
insert into event (id, p, tenant, user_id, type, data, time, source, test)
select id, p, $1, user_id, type, data::json, coalesce(to_timestamp(time / 1000), now()), $2, $3
from unnest($4::text[], $5::smallint[], $6::text[], $7::text[], $8::text[], $9::float8[])
  with ordinality as x(id, p, user_id, type, data, time, ord)
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
      events.map((event) => event.id),
      events.map((event) => event.p),
      events.map((event) => event.userId),
      events.map((event) => event.type),
      events.map((event) => event.data),
      events.map((event) => event.time),
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
  const ids = firsts.flatMap((event) => event.onceId ?? [])
  if (ids.length === 0) {
    await insertEvents(pool, origin, firsts)
    return firsts
  }
  // What a test key sends must not make a live event look like a repeat.
  const scope = origin.test ? 'event:test' : 'event'
  return inTransaction(pool, async (client) => {
    const taken = await takeKeys(client, origin.tenant, scope, ids)
    const fresh = firsts.filter((event) => event.onceId === null || taken.has(event.onceId))
    await insertEvents(client, origin, fresh)
    return fresh
  })
}

function firstOfEachId(events: readonly NewEvent[]): NewEvent[] {
  const seen = new Set<string>()
  return events.filter((event) => {
    if (event.onceId === null) return true
    if (seen.has(event.onceId)) return false
    seen.add(event.onceId)
    return true
  })
}
