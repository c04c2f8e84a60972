import type { Pool } from 'pg'
import { idSince, pageEnd } from '../pages.ts'
import { askByUser } from '../people/by-user.ts'
import { DECISION_COLUMNS, type ReadDecision } from './decisions.ts'

/** Which decisions are asked for; null: all. */
export interface DecisionFilter {
  userId: string | null
  domain: string | null
  /** Name of the rule that was picked. */
  rule: string | null
  /** In ms: decided at this time or later. */
  since: number | null
  sent: boolean | null
  holdout: boolean | null
  test: boolean | null
}

/** A page of them: older than the decision `before`. */
export interface DecisionPageAsked extends DecisionFilter {
  before: string | null
  limit: number
}

/** A decision as a list shows it: what was decided, and not why. */
export type ListedDecision = Omit<ReadDecision, 'body'>

type Row = ListedDecision & { end: string | null }

/**
 * Decisions of a tenant, the newest first. A page may have fewer than `limit` although others follow; `before` of the next
 * page is null where none does.
 */
export async function listDecisions(
  pool: Pool,
  tenant: string,
  asked: DecisionPageAsked,
): Promise<{ decisions: ListedDecision[]; next: string | null }> {
  const { text, values } = asked.userId === null ? byTime(tenant, asked) : byUser(tenant, asked)
  const { rows } = await (asked.userId === null
    ? pool.query<Row>(text, values)
    : askByUser<Row>(pool, text, values))
  const found = rows.filter(({ id }) => id !== null).map(({ end, ...decision }) => decision)
  const decisions = found.slice(0, asked.limit)
  const isMore = found.length > asked.limit
  return { decisions, next: isMore ? decisions.at(-1)!.id : (rows[0]?.end ?? null) }
}

const SHOWN = `select ${DECISION_COLUMNS} from page d left join carried c on c.decision_id = d.id`

/** One index has them in order; it is followed for so long and no longer. */
function byTime(tenant: string, asked: DecisionPageAsked): { text: string; values: unknown[] } {
  const values: unknown[] = []
  const param = (value: unknown) => `$${values.push(value)}`
  const range = rangeOf(tenant, asked, param)
  const conditions = conditionsOf(asked, param)
  const end = pageEnd('decision', range, conditions)
  const text = `
with looked_at as materialized (select ${end}::text as "end"), page as materialized (
  select * from decision where ${[...range, ...conditions].join(' and ')} and id >= coalesce((select "end" from looked_at), '')
  order by id desc limit ${param(asked.limit + 1)})
select found.*, "end" from looked_at left join (${SHOWN}) found on true order by found.id desc`
  return { text, values }
}

/** A filter finds all rows of a user, which are few. */
function byUser(tenant: string, asked: DecisionPageAsked): { text: string; values: unknown[] } {
  const values: unknown[] = []
  const param = (value: unknown) => `$${values.push(value)}`
  const range = rangeOf(tenant, asked, param)
  const text = `
with theirs as materialized (
  select * from decision where user_id = ${param(asked.userId)} and ${[...range, ...conditionsOf(asked, param)].join(' and ')}
), page as materialized (select * from theirs order by id desc limit ${param(asked.limit + 1)})
select found.*, null as "end" from (${SHOWN}) found order by id desc`
  return { text, values }
}

/** What an index finds. */
function rangeOf(
  tenant: string,
  { since, before }: DecisionPageAsked,
  param: (value: unknown) => string,
): string[] {
  const range = [`tenant = ${param(tenant)}`]
  if (before !== null) range.push(`id < ${param(before)}`)
  if (since !== null) range.push(`id >= ${param(idSince('de', since))}`)
  return range
}

/** What has to be looked at. */
function conditionsOf(
  { domain, rule, since, sent, holdout, test }: DecisionFilter,
  param: (value: unknown) => string,
): string[] {
  const conditions: string[] = []
  if (domain !== null) conditions.push(`domain = ${param(domain)}`)
  if (rule !== null) conditions.push(`rule = ${param(rule)}`)
  if (since !== null) conditions.push(`at >= to_timestamp(${param(since)}::float8 / 1000)`)
  if (sent !== null) conditions.push(`sent = ${param(sent)}`)
  if (holdout !== null) conditions.push(`holdout = ${param(holdout)}`)
  if (test !== null) conditions.push(`test = ${param(test)}`)
  return conditions
}
