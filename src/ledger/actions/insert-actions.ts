import type { ClientBase, Pool } from 'pg'
import { DEADLINE_LANE, laneFor, sleeperFor } from './timers.ts'

/** An action as it is accepted. Times are ms since the epoch; null `scheduledAt` means at once. */
export interface NewAction {
  id: string
  tenant: string
  /** Id of its action type. */
  type: string
  userId: string
  /** JSON text, sent as it is. */
  parameters: string
  reasoning: string | null
  confidence: number | null
  /** Who asked for it: `api`, or `rule:<document>/<name>`. */
  origin: string
  test: boolean
  /** Accepted while its tenant's sending was in shadow: recorded, and never sent. */
  shadow: boolean
  lane: string
  p: number
  scheduledAt: number | null
  /** Absolute end in ms; null: `expiresAfterMs` after the time it is due. */
  expiresAt: number | null
  expiresAfterMs: number
}

const column = <K extends keyof NewAction>(rows: readonly NewAction[], key: K) => rows.map((row) => row[key])

const NOW = `date_trunc('milliseconds', now())`
const timersOf = `
returning id, tenant, type, p, lane, next_at, deadline, test or shadow as is_mute
), t as (
insert into timer (p, lane, at, id, sleeper)
select p, ${laneFor('lane', 'next_at')}, next_at, id, ${sleeperFor({ tenant: 'tenant', type: 'type', lane: 'lane', at: 'next_at' })} from i where not is_mute
union all select p, ${DEADLINE_LANE}, deadline, id, null from i)
select (date_part('epoch', now()) * 1000)::float8 as at`

const INSERT = `
with i as (
insert into action (id, tenant, type, user_id, parameters, reasoning, confidence, origin, test, shadow, lane, p,
                    scheduled_at, next_at, deadline)
select id, tenant, type, user_id, parameters::json, reasoning, confidence, origin, test, shadow, lane, p,
       to_timestamp(scheduled / 1000), coalesce(to_timestamp(scheduled / 1000), ${NOW}),
       coalesce(to_timestamp(expires / 1000),
                coalesce(to_timestamp(scheduled / 1000), ${NOW}) + expires_after * interval '1 millisecond')
from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::text[],
            $9::boolean[], $10::bigint[], $11::smallint[], $12::float8[], $13::float8[], $14::float8[], $15::boolean[])
  as x(id, tenant, type, user_id, parameters, reasoning, confidence, origin, test, lane, p, scheduled, expires, expires_after,
       shadow)
${timersOf}`

/** How many of what they have in common rows may say; one by one is found in an array. */
const ALIKE_MAX = 64

// One event told to a hundred endpoints is sent to Postgres and read as JSON once.
const INSERT_ALIKE = `
with i as (
insert into action (id, tenant, type, user_id, parameters, origin, lane, p, next_at, deadline)
select id, ($5::uuid[])[said], type, ($6::text[])[said], ($7::json[])[said], ($8::text[])[said], lane, p,
       ${NOW}, ${NOW} + expires_after * interval '1 millisecond'
from unnest($1::text[], $2::text[], $3::bigint[], $4::smallint[], $9::int[], $10::float8[]) as x(id, type, lane, p, said, expires_after)
${timersOf}`

/** Inserts accepted actions in one statement; their clock is the database's. A web process or a turn may call it. */
export async function insertActions(client: ClientBase | Pool, rows: readonly NewAction[]): Promise<void> {
  if (rows.length > 0) await insertActionsAt(client, rows)
}

/** The same, and gives the time of acceptance in ms: what `now()` was, and with it created_at and due times. */
export async function insertActionsAt(
  client: ClientBase | Pool,
  rows: readonly NewAction[],
): Promise<number> {
  const said = saidAlike(rows)
  if (said !== null) return insertAlike(client, rows, said)
  const inserted = await client.query<{ at: number }>({
    name: 'insert-actions',
    text: INSERT,
    values: [
      column(rows, 'id'),
      column(rows, 'tenant'),
      column(rows, 'type'),
      column(rows, 'userId'),
      column(rows, 'parameters'),
      column(rows, 'reasoning'),
      column(rows, 'confidence'),
      column(rows, 'origin'),
      column(rows, 'test'),
      column(rows, 'lane'),
      column(rows, 'p'),
      column(rows, 'scheduledAt'),
      column(rows, 'expiresAt'),
      column(rows, 'expiresAfterMs'),
      column(rows, 'shadow'),
    ],
  })
  return inserted.rows[0]!.at
}

/** What rows have in common with others, each once; and which of that each row says, from 1. */
interface Alike {
  said: NewAction[]
  which: number[]
}

/** Null where rows have little in common, or one says what only actions that were asked for say. */
function saidAlike(rows: readonly NewAction[]): Alike | null {
  const most = Math.min(ALIKE_MAX, rows.length / 4)
  const places = new Map<string, number>()
  const alike: Alike = { said: [], which: [] }
  for (const row of rows) {
    let place = places.get(row.parameters)
    if (place === undefined) {
      place = alike.said.push(row)
      places.set(row.parameters, place)
      if (place > most || !isPlain(row)) return null
    } else if (!isLike(row, alike.said[place - 1]!)) return null
    alike.which.push(place)
  }
  return alike
}

const isPlain = (row: NewAction): boolean =>
  row.reasoning === null &&
  row.confidence === null &&
  row.scheduledAt === null &&
  row.expiresAt === null &&
  !row.test &&
  !row.shadow

const isLike = (row: NewAction, other: NewAction): boolean =>
  isPlain(row) && row.tenant === other.tenant && row.userId === other.userId && row.origin === other.origin

async function insertAlike(
  client: ClientBase | Pool,
  rows: readonly NewAction[],
  { said, which }: Alike,
): Promise<number> {
  const inserted = await client.query<{ at: number }>({
    name: 'insert-actions-alike',
    text: INSERT_ALIKE,
    values: [
      column(rows, 'id'),
      column(rows, 'type'),
      column(rows, 'lane'),
      column(rows, 'p'),
      column(said, 'tenant'),
      column(said, 'userId'),
      column(said, 'parameters'),
      column(said, 'origin'),
      which,
      column(rows, 'expiresAfterMs'),
    ],
  })
  return inserted.rows[0]!.at
}
