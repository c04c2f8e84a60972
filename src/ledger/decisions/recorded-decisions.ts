import type { Pool } from 'pg'
import { encodeTime } from 'ulid'
import type { Status } from '../../../actors/action.ts'
import type { StoredDecision } from '../../decisions/kept.ts'
import type { Report } from '../actions/accept-facts.ts'

/** A decision with what came of it; `at` in ms. */
export interface RecordedDecision {
  id: string
  userId: string
  at: number
  /** The rule that was picked; null: none offered anything. */
  rule: string | null
  sent: boolean
  holdout: boolean
  body: StoredDecision
  /** What came of the pick; null: nothing that is known yet, or ever will be. */
  outcome: Report | null
  /** Of its action; null where there is none. An action that is `expired` was never answered. */
  status: Status | null
}

/** Which decisions are wanted; times in ms. */
export interface RecordedAsked {
  tenant: string
  domain: string
  since: number
  until: number
}

const PAGE = 500
/** Ids begin with the time at which a process made them, by its own clock. */
const CLOCKS_APART_MS = 600_000

const READ = `
with looked_at as materialized (
  select * from decision d where d.tenant = $1 and d.id > $2 and d.id < $3 order by d.id limit ${PAGE}
)
select d.id, d.user_id as "userId", (date_part('epoch', d.at) * 1000)::float8 as at, d.rule, d.sent, d.holdout, d.body,
  coalesce(c.outcome, a.outcome, f.body) as outcome, a.status,
  d.domain = $4 and not d.test and d.body::text <> '{}' and d.at >= to_timestamp($5::float8 / 1000) and d.at < to_timestamp($6::float8 / 1000)
    as "isWanted"
from looked_at d left join carried c on c.decision_id = d.id
  left join action a on a.id = coalesce(d.action_id, c.action_id)
  left join fact f on f.action_id = a.id and f.kind = 'outcome' and not f.applied
order by d.id`

/** Live decisions of a domain in the order in which they were made, each with all that it went by and what came of it. */
export async function* recordedDecisions(
  pool: Pool,
  { tenant, domain, since, until }: RecordedAsked,
): AsyncGenerator<RecordedDecision> {
  const idAt = (ms: number) => `de_${encodeTime(Math.max(0, Math.floor(ms)), 10)}`
  const end = idAt(until + CLOCKS_APART_MS)
  let after = idAt(since - CLOCKS_APART_MS)
  for (;;) {
    const { rows } = await pool.query<RecordedDecision & { isWanted: boolean }>({
      name: 'recorded-decisions',
      text: READ,
      values: [tenant, after, end, domain, since, until],
    })
    for (const { isWanted, outcome, ...decision } of rows) {
      const said = outcome === null ? null : { status: outcome.status, result: outcome.result }
      if (isWanted) yield { ...decision, outcome: said }
    }
    if (rows.length < PAGE) return
    after = rows.at(-1)!.id
  }
}
