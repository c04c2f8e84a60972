import type { Pool } from 'pg'
import { idAfter, idSince, pageEnd } from '../pages.ts'
import type { EventKind } from './accept-events.ts'

/** What came in; other rows pass something on from one partition to another, and say nothing that is new. */
export const SHOWN = ['event', 'traits', 'join', 'delete'] as const satisfies readonly EventKind[]
export type ShownKind = (typeof SHOWN)[number]

/** SQL that holds for what is shown. */
export const IS_SHOWN = `kind in (${SHOWN.map((kind) => `'${kind}'`).join(', ')})`

/** An event as it is shown; times in ms since the epoch. */
export interface ListedEvent {
  id: string
  kind: ShownKind
  userId: string
  isAnonymous: boolean
  type: string
  data: Record<string, unknown>
  time: number
  receivedAt: number
  source: string
  dedupeId: string | null
  test: boolean
  decides: boolean
}

/** Which events are asked for; null: all. */
export interface EventFilter {
  userId: string | null
  type: string | null
  source: string | null
  kind: ShownKind | null
  test: boolean | null
}

/** A page of a filtered list: received from `since` on and before `until`, in ms, and older than the event `before`. */
export interface EventPageAsked extends EventFilter {
  since: number | null
  until: number | null
  before: string | null
  limit: number
}

/** The columns of `event`, as `ListedEvent` has them. */
export const LISTED = `id, kind, user_id as "userId", is_anonymous as "isAnonymous", type, data,
  (date_part('epoch', time) * 1000)::float8 as time, (date_part('epoch', received_at) * 1000)::float8 as "receivedAt",
  source, dedupe_id as "dedupeId", test, decides`

/**
 * Events of a tenant, the newest first. A page may have fewer than `limit` although others follow; `before` of the next
 * page is null where none does.
 */
export async function listEvents(
  pool: Pool,
  tenant: string,
  asked: EventPageAsked,
): Promise<{ events: ListedEvent[]; next: string | null }> {
  const values: unknown[] = []
  const param = (value: unknown) => `$${values.push(value)}`
  const range = rangeOf(tenant, asked, param)
  const conditions = conditionsOf(asked, param)
  const end = pageEnd('event', range, conditions)
  const { rows } = await pool.query<ListedEvent & { end: string | null }>(
    `with looked_at as materialized (select ${end}::text as "end")
     select found.*, "end" from looked_at left join lateral (
       select ${LISTED} from event where ${[...range, IS_SHOWN, ...conditions].join(' and ')} and id >= coalesce("end", '')
       order by id desc limit ${param(asked.limit + 1)}) found on true`,
    values,
  )
  const found = rows.filter(({ id }) => id !== null).map(({ end, ...event }) => event)
  const events = found.slice(0, asked.limit)
  return { events, next: found.length > asked.limit ? events.at(-1)!.id : rows[0]!.end }
}

/** What an index finds. */
function rangeOf(
  tenant: string,
  { userId, since, until, before }: EventPageAsked,
  param: (value: unknown) => string,
): string[] {
  const range = [`tenant = ${param(tenant)}`]
  if (userId !== null) range.push(`user_id = ${param(userId)}`)
  if (before !== null) range.push(`id < ${param(before)}`)
  if (since !== null) range.push(`id >= ${param(idSince('ev', since))}`)
  if (until !== null) range.push(`id < ${param(idAfter('ev', until))}`)
  return range
}

/** What has to be looked at. */
function conditionsOf(
  { type, source, kind, test, since, until }: EventPageAsked,
  param: (value: unknown) => string,
): string[] {
  const conditions: string[] = []
  if (type !== null) conditions.push(`type = ${param(type)}`)
  if (source !== null) conditions.push(`source = ${param(source)}`)
  if (kind !== null) conditions.push(`kind = ${param(kind)}`)
  if (test !== null) conditions.push(`test = ${param(test)}`)
  if (since !== null) conditions.push(`received_at >= to_timestamp(${param(since)}::float8 / 1000)`)
  if (until !== null) conditions.push(`received_at < to_timestamp(${param(until)}::float8 / 1000)`)
  return conditions
}
