import type { Pool } from 'pg'
import { idSince } from '../pages.ts'

/** An event of a client as rules would see it; `time` in ms. */
export interface SampledEvent {
  id: string
  userId: string
  type: string
  data: Record<string, unknown>
  time: number
}

export interface EventSample {
  /** Evenly taken of those that match, the newest first. */
  events: SampledEvent[]
  /** How many match; an estimate by the latest ones where very many came in. */
  matching: number
  isEstimate: boolean
}

/** So many events are looked at, the newest ones, and so many are counted: some hundred ms of Postgres each. */
const LOOKED_AT = 200_000
const COUNTED = 3_000_000

const SAMPLE = `
with edge as materialized (
  select id from event where tenant = $1 and id >= $2 order by id desc offset ${LOOKED_AT} limit 1
), matching as materialized (
  select id, row_number() over (order by id desc) - 1 as place from event
  where tenant = $1 and id >= $2 and id > coalesce((select id from edge), '') and kind = 'event' and not test and decides
    and received_at >= to_timestamp($3::float8 / 1000)
    and (type = any($4::text[]) or exists (select from unnest($5::text[]) as p(prefix) where starts_with(type, p.prefix)))
), counted as (
  select count(*)::int as n, greatest(1, ceil(count(*) / $6::float8))::int as step from matching
)
select c.n as matching,
       -- Only where there are more than were looked at.
       (select count(*)::int from (select from event, edge where tenant = $1 and event.id >= $2 limit ${COUNTED}) as t) as total,
       coalesce((select json_agg(e order by e.id desc) from (
         select e.id, e.user_id as "userId", e.type, e.data, (date_part('epoch', e.time) * 1000)::float8 as time
         from matching m join event e using (id) where m.place % c.step = 0) e), '[]') as events
from counted c`

/**
 * Live events since a time that match any of these patterns (exact types, or ending in `.*`), at most `limit` of them;
 * events of other types, however many, take nothing of that.
 */
export async function sampleEvents(
  pool: Pool,
  tenant: string,
  { since, patterns, limit }: { since: number; patterns: readonly string[]; limit: number },
): Promise<EventSample> {
  const prefixes = patterns.filter((each) => each.endsWith('.*')).map((each) => each.slice(0, -1))
  const exact = patterns.filter((each) => !each.endsWith('.*'))
  const { rows } = await pool.query<{ matching: number; total: number; events: SampledEvent[] }>({
    name: 'events-sample',
    text: SAMPLE,
    values: [tenant, idSince('ev', since), since, exact, prefixes, limit],
  })
  const { matching, total, events } = rows[0]!
  if (total === 0) return { events, matching, isEstimate: false }
  return { events, matching: Math.round((matching * total) / LOOKED_AT), isEstimate: true }
}
