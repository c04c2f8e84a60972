import type { ClientBase } from 'pg'
import type { Outcome, Status } from '../../../actors/action.ts'
import { noticeOfEvent, noticeOfPastStep } from '../../../actors/notify.ts'
import type { Past, PastPage, ReplayCursor, Source } from '../../../actors/replay.ts'
import { isErased } from '../people/redact.ts'
import { idsFrom } from '../retention/months.ts'

/** What happened to a tenant from `since` on and before `until`, both in ms: what its endpoints were told, or would have been. */
export interface PastRange {
  tenant: string
  since: number
  until: number
}

/** Ids begin with the time at which a web process made them, by its own clock. */
const CLOCKS_APART_MS = 600_000
/** Counting stops here, well within the time that a statement may take. */
const COUNT_MAX = 200_000
const ms = (column: string) => `(date_part('epoch', ${column}) * 1000)::float8`
const time = (param: string) => `to_timestamp(${param}::float8 / 1000)`

/** The next of each source behind `cursor`, at most `limit` of each. */
export async function readPast(
  client: ClientBase,
  range: PastRange,
  cursor: ReplayCursor,
  limit: number,
): Promise<Record<Source, PastPage>> {
  const page = (rows: Past[]): PastPage => ({ rows, isLast: rows.length < limit })
  return {
    steps: page(await readSteps(client, range, cursor.steps, limit)),
    events: page(await readEvents(client, range, cursor.events, limit)),
    notices: page(await readNotices(client, range, cursor.notices, limit)),
  }
}

interface RawStep {
  action: string
  version: number
  at: number
  /** With all its digits. */
  exactly: string
  typeName: string
  provider: string
  userId: string
  parameters: string
  status: Status
  attempt: number
  outcome: Pick<Outcome, 'status' | 'result'> | null
  failureReason: 'internal' | null
  late: boolean
  nextAt: number | null
  isTold: boolean
}

// A page of history first, by its index alone: whatever of it is told to nobody, the next page begins behind it.
const STEPS = `
with page as materialized (
  select action_id, version, at, kind, from_status, to_status, attempt, detail, failure_reason, next_at from history
  -- The time alone first, by which the index finds the place.
  where tenant = $1 and at >= $3::timestamptz and at < ${time('$2')} and (at, action_id, version) > ($3, $4::text, $5::int)
  order by at, action_id, version limit $6
)
select h.action_id as action, h.version, round(date_part('epoch', date_trunc('milliseconds', h.at)) * 1000)::float8 as at, h.at::text as exactly, t.name as "typeName", t.provider,
       a.user_id as "userId", a.parameters::text as parameters, h.to_status as status, h.attempt,
       case when h.kind = 'outcome' then h.detail end as outcome,
       coalesce(h.failure_reason, case when a.version = h.version then a.failure_reason end) as "failureReason",
       h.kind = 'outcome' and h.from_status in ('failed', 'expired') as late, ${ms('h.next_at')} as "nextAt",
       coalesce(t.id is not null and not (a.test or a.shadow) and not ${isErased('a.user_id')}, false) as "isTold"
from page h left join action a on a.id = h.action_id left join action_type t on t.id = a.type
order by h.at, h.action_id, h.version`

async function readSteps(
  client: ClientBase,
  { tenant, since, until }: PastRange,
  after: string | null,
  limit: number,
): Promise<Past[]> {
  const [at, action, version] =
    after === null ? [new Date(since).toISOString(), '', -1] : (JSON.parse(after) as unknown[])
  const { rows } = await client.query<RawStep>({
    name: 'past-steps',
    text: STEPS,
    values: [tenant, until, at, action, version, limit],
  })
  return rows.map((row) => {
    const place = JSON.stringify([row.exactly, row.action, row.version])
    if (!row.isTold) return { at: row.at, place, notice: null }
    const outcome = row.outcome === null ? null : { ...row.outcome, at: row.at }
    return {
      at: row.at,
      place,
      notice: noticeOfPastStep({ ...row, id: row.action, tenant }, { ...row, outcome }),
    }
  })
}

interface RawEvent {
  id: string
  userId: string
  type: string
  data: Record<string, unknown>
  time: number
  receivedAt: number
  isTold: boolean
}

// Of a visitor who was somebody else by then is told under that id.
const EVENTS = `
select e.id, coalesce(m.merged_into, e.user_id) as "userId", e.type, case when e.told then e.data end as data, ${ms('e.time')} as time,
       ${ms('e.received_at')} as "receivedAt", e.told as "isTold"
from (
  select *, kind = 'event' and decides and not test and type like 'custom.%' and not ${isErased('user_id')}
              and received_at >= ${time('$2')} and received_at < ${time('$3')} as told
  from event where tenant = $1 and id >= $4 and id < $5 and id > $6 order by id limit $7
) e left join person m on e.told and m.tenant = $1 and not m.test and m.id = e.user_id and m.merged_into is not null
      and m.updated_at < e.received_at
order by e.id`

async function readEvents(
  client: ClientBase,
  { tenant, since, until }: PastRange,
  after: string | null,
  limit: number,
): Promise<Past[]> {
  const { rows } = await client.query<RawEvent>({
    name: 'past-events',
    text: EVENTS,
    values: [tenant, since, until, ...idsBetween(since, until), after ?? '', limit],
  })
  return rows.map(({ isTold, receivedAt, ...event }) => ({
    at: receivedAt,
    place: event.id,
    notice: isTold ? noticeOfEvent({ ...event, tenant }, receivedAt) : null,
  }))
}

const idsBetween = (since: number, until: number): [string, string] => [
  idsFrom('ev', new Date(Math.max(0, since - CLOCKS_APART_MS))),
  idsFrom('ev', new Date(until + CLOCKS_APART_MS)),
]

interface RawNotice {
  seq: string
  id: string
  type: `custom.${string}`
  at: number
  data: unknown
}

async function readNotices(
  client: ClientBase,
  { tenant, since, until }: PastRange,
  after: string | null,
  limit: number,
): Promise<Past[]> {
  const { rows } = await client.query<RawNotice>({
    name: 'past-notices',
    text: `select seq::text, id, type, ${ms('at')} as at, data from past_notice
           where tenant = $1 and seq > $4 and at >= ${time('$2')} and at < ${time('$3')} order by seq limit $5`,
    values: [tenant, since, until, after ?? '0', limit],
  })
  return rows.map(({ seq, ...row }) => ({
    at: row.at,
    place: seq,
    notice: { ...row, tenant, userId: '' },
  }))
}

/** How much there is to look at, each source counted up to 200,000. */
export async function countPast(client: ClientBase, { tenant, since, until }: PastRange): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    `select ((select count(*) from (select from history where tenant = $1 and at >= ${time('$2')} and at < ${time('$3')}
                limit ${COUNT_MAX}) h)
           + (select count(*) from (select from event where tenant = $1 and id >= $4 and id < $5 limit ${COUNT_MAX}) e)
           + (select count(*) from past_notice where tenant = $1 and at >= ${time('$2')} and at < ${time('$3')}))::int as n`,
    [tenant, since, until, ...idsBetween(since, until)],
  )
  return rows[0]!.n
}

/**
 * Whether everything that happened before `until` (ms) can be seen: no transaction that began before it still runs. One
 * that has run for a minute is none of ours, and is not waited for.
 */
export async function isSettled(client: ClientBase, until: number): Promise<boolean> {
  const { rows } = await client.query<{ isSettled: boolean }>(
    `select now() > ${time('$1')} and not exists (
       select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
         and xact_start <= ${time('$1')} and xact_start > now() - interval '1 minute') as "isSettled"`,
    [until],
  )
  return rows[0]!.isSettled
}

/** Whose data are about to be erased, kept from being so until the transaction ends: nothing of theirs may be told again. */
export async function usersBeingErased(client: ClientBase, tenant: string): Promise<Set<string>> {
  const { rows } = await client.query<{ user: string | null; others: string[] | null }>(
    `select user_id as user, other_ids as others from erasure where tenant = $1 and done_at is null for share`,
    [tenant],
  )
  return new Set(rows.flatMap(({ user, others }) => [...(user === null ? [] : [user]), ...(others ?? [])]))
}
