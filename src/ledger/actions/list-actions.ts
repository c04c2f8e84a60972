import type { Pool } from 'pg'
import { encodeTime } from 'ulid'
import type { Status } from '../../../actors/action.ts'
import { READ_COLUMNS, type ReadAction, toReadAction } from './read-actions.ts'
import { isAction } from './timers.ts'

/** Where a page ends; `at` is text of the last change with microseconds, null in a list that goes by id. */
export interface PageEnd {
  at: string | null
  id: string
}

/** Which actions are asked for; null: all. `since` in ms makes the list go by last change, oldest first. */
export interface ActionFilter {
  statuses: readonly Status[] | null
  provider: string | null
  userId: string | null
  typeName: string | null
  since: number | null
  after: PageEnd | null
  limit: number
}

export interface ActionPage {
  actions: ReadAction[]
  /** Null where nothing follows. */
  end: PageEnd | null
}

const CHANGED = `to_char(page.changed at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`

/**
 * One page of a tenant's actions, newest first, or by last change where `since` is given. An outcome counts from when
 * it was acknowledged, applied or not: an action is where it will be.
 */
export async function listActions(pool: Pool, tenant: string, filter: ActionFilter): Promise<ActionPage> {
  const { text, values } = pageQuery(tenant, filter)
  const { rows } = await pool.query<Parameters<typeof toReadAction>[0] & { changed_text: string }>(
    text,
    values,
  )
  const page = rows.slice(0, filter.limit)
  const last = rows.length > filter.limit ? page.at(-1) : undefined
  return {
    actions: page.map(toReadAction),
    end: last === undefined ? null : { at: filter.since === null ? null : last.changed_text, id: last.id },
  }
}

/** Where a branch of a page finds actions, with their status and last change as this branch sees them. */
interface Source {
  from: string
  status: string
  changed: string
  extra: readonly string[]
}

const UNSAID = 'a.id not in (select action_id from said)'
const BY_ROW: Source = { from: 'action a', status: 'a.status', changed: 'a.updated_at', extra: [UNSAID] }
const BY_OUTCOME: Source = {
  from: 'said join action a on a.id = said.action_id',
  status: `(case when said.status = 'rejected' then 'failed' else 'completed' end)`,
  changed: 'greatest(a.updated_at, said.at)',
  extra: [],
}
// The last step of an action is its last change, so history read by time gives every changed action once, in order.
const BY_LAST_STEP: Source = {
  from: 'history h join action a on a.id = h.action_id and a.version = h.version',
  status: 'a.status',
  changed: 'h.at',
  extra: [UNSAID, 'h.tenant = a.tenant'],
}
/** Never changed since it was accepted. Ids begin with the time at which a web process made them, by its own clock. */
const unchangedSince = (from: string): Source => ({
  ...BY_ROW,
  extra: [UNSAID, 'a.version = 0', `a.id >= ${from}`],
})
const CLOCKS_APART_MS = 600_000

function sourcesOf(filter: ActionFilter, param: (value: unknown) => string): Source[] {
  if (filter.since === null) return [BY_ROW, BY_OUTCOME]
  const mayBeNew = filter.statuses === null || filter.statuses.includes('pending')
  const from = Math.max(filter.since, atMs(filter.after)) - CLOCKS_APART_MS
  const unchanged = mayBeNew ? [unchangedSince(param(`ea_${encodeTime(Math.max(0, from), 10)}`))] : []
  return [BY_LAST_STEP, ...unchanged, BY_OUTCOME]
}

const atMs = (end: PageEnd | null): number => (end?.at == null ? 0 : Date.parse(end.at))

// Actions whose outcome is not applied yet are few; the others come from an index in order, and stop at the limit.
function pageQuery(tenant: string, filter: ActionFilter): { text: string; values: unknown[] } {
  const values: unknown[] = []
  const param = (value: unknown) => `$${values.push(value)}`
  const conditions = conditionsOf(tenant, filter, param)
  const order = (id: string, changed: string) =>
    filter.since === null ? `${id} desc` : `${changed} asc, ${id} asc`
  const limit = param(filter.limit + 1)
  const branch = (source: Source) =>
    `(select a.id, ${source.changed} as changed from ${source.from}
      where ${[...conditions(source), ...source.extra].join(' and ')} order by ${order('a.id', source.changed)} limit ${limit})`
  const text = `
with said as materialized (
  select action_id, at, body->>'status' as status from fact where kind = 'outcome' and not applied
), page as materialized (
  select * from (${sourcesOf(filter, param).map(branch).join(' union all ')}) branches
  order by ${order('id', 'changed')} limit ${limit}
)
select ${READ_COLUMNS}, ${CHANGED} as changed_text
from page join action a on a.id = page.id join action_type t on t.id = a.type
order by ${order('page.id', 'page.changed')}`
  return { text, values }
}

function conditionsOf(tenant: string, filter: ActionFilter, param: (value: unknown) => string) {
  const { statuses, provider, userId, typeName, since, after } = filter
  const owner = param(tenant)
  const fixed = [`a.tenant = ${owner}`, isAction('a.type')]
  if (userId !== null) fixed.push(`a.user_id = ${param(userId)}`)
  const ofType = (column: string, value: string) =>
    `a.type = any (array(select id from action_type where tenant = ${owner} and ${column} = ${param(value)}))`
  if (provider !== null) fixed.push(ofType('provider', provider))
  if (typeName !== null) fixed.push(ofType('name', typeName))
  const status = statuses === null ? null : param(statuses)
  const from = since === null ? null : param(since)
  const at = after === null || after.at === null ? null : param(after.at)
  const id = after === null ? null : param(after.id)
  return (source: Source): string[] => {
    const conditions = [...fixed]
    if (status !== null) conditions.push(`${source.status} = any (${status}::text[])`)
    if (from !== null) conditions.push(`${source.changed} >= to_timestamp(${from}::float8 / 1000)`)
    if (id !== null && since === null) conditions.push(`a.id < ${id}`)
    if (id !== null && at !== null) conditions.push(`(${source.changed}, a.id) > (${at}::timestamptz, ${id})`)
    return conditions
  }
}
