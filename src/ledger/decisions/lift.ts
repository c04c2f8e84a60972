import type { Pool } from 'pg'
import { encodeTime } from 'ulid'
import type { Group } from '../../decisions/lift.ts'

/** What is compared: live users of a domain by their first decision of the period, and an event that may follow. */
export interface LiftAsked {
  tenant: string
  domain: string
  /** Type of the event that counts. */
  event: string
  /** Where in the event's data its revenue stands, step by step; null: it has none. */
  value: readonly string[] | null
  /** How long after the decision an event counts, in ms. */
  withinMs: number
  /** In ms: decisions from then on. */
  since: number
}

/** The users of one group: all of them, or those whose first decision picked one rule. */
export interface LiftGroup extends Group {
  /** Null: whatever the rule. */
  rule: string | null
  heldOut: boolean
  /** Users whose time to do it is not over yet. */
  open: number
}

/** Ids begin with the time at which a process made them, by its own clock. */
const CLOCKS_APART_MS = 600_000
/** Longer than other questions take: it looks at all decisions and all events of the period. */
const QUERY_TIMEOUT_MS = 60_000

const VALUE = `case json_typeof(e.data #> $8::text[]) when 'number' then least(greatest((e.data #>> $8::text[])::float8, -1e12), 1e12)
  else 0 end`

// One pass over the index \`decision_lift\`, and one over the events of the period.
const READ = `
with joined as materialized (
  select id, merged_into from person where tenant = $1 and not test and merged_into is not null
), started as materialized (
  select distinct on (u) coalesce(j.merged_into, d.user_id) as u, d.holdout, d.rule, d.at
  from decision d left join joined j on j.id = d.user_id
  where d.tenant = $1 and d.domain = $2 and d.id >= $3 and d.rule is not null and not d.test and (d.sent or d.holdout)
    and d.at >= to_timestamp($4::float8 / 1000)
  order by u, d.id
), later as materialized (
  select coalesce(j.merged_into, e.user_id) as u, e.time, ${VALUE} as value
  from event e left join joined j on j.id = e.user_id
  where e.tenant = $1 and e.id >= $5 and e.type = $6 and e.kind = 'event' and not e.test
), each as (
  select s.u, s.rule, s.holdout, s.at, count(l.u) as n, coalesce(sum(l.value), 0) as revenue
  from started s left join later l on l.u = s.u and l.time > s.at and l.time <= s.at + $7::float8 * interval '1 ms'
  group by s.u, s.rule, s.holdout, s.at
)
select rule, holdout as "heldOut", count(*)::int as users, count(*) filter (where n > 0)::int as conversions,
  avg(revenue) as "revenueMean", coalesce(var_samp(revenue), 0) as "revenueVariance",
  count(*) filter (where at + $7::float8 * interval '1 ms' > now())::int as open
from each group by grouping sets ((rule, holdout), (holdout)) order by rule nulls first, holdout`

/** Counts what users did after their first decision that was sent, or would have been; one row a rule and group. */
export async function readLift(
  pool: Pool,
  { tenant, domain, event, value, withinMs, since }: LiftAsked,
): Promise<LiftGroup[]> {
  const query = {
    name: 'lift',
    text: READ,
    values: [tenant, domain, idAt('de', since), since, idAt('ev', since), event, withinMs, value],
    query_timeout: QUERY_TIMEOUT_MS,
  }
  const { rows } = await pool.query<LiftGroup>(query)
  return rows
}

const idAt = (prefix: string, since: number) =>
  `${prefix}_${encodeTime(Math.max(0, since - CLOCKS_APART_MS), 10)}`

/** Whether any live user did it since then, decided for or not. */
export async function wasSeen(
  pool: Pool,
  { tenant, event, since }: Pick<LiftAsked, 'tenant' | 'event' | 'since'>,
): Promise<boolean> {
  const query = {
    name: 'lift-event-seen',
    text: `select from event where tenant = $1 and id >= $2 and type = $3 and kind = 'event' and not test limit 1`,
    values: [tenant, idAt('ev', since), event],
    query_timeout: QUERY_TIMEOUT_MS,
  }
  return (await pool.query(query)).rowCount === 1
}
