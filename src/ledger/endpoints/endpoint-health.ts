import type { ClientBase, Pool } from 'pg'

/** What one worker heard of an endpoint lately. */
export interface HealthReport {
  endpoint: string
  hasSucceeded: boolean
  /** Why the last attempt failed; null where it did not. */
  failure: string | null
  /** It answered that nobody is there any more. */
  isGone: boolean
}

/** An endpoint's health as it may be shown; times in ms. */
export interface EndpointHealth {
  lastSuccessAt: number | null
  lastFailureAt: number | null
  lastFailure: string | null
  failingSince: number | null
}

/** The partition that has what happens outside of any turn; there is always a first one. */
const P = 0

const told = (type: string, from: string, disabledAt: string) => `
insert into notice (p, id, type, tenant, user_id, data)
select ${P}, 'evt_' || substr(id, 4) || '_' || floor(date_part('epoch', clock_timestamp()) * 1000)::text, '${type}', tenant, '',
       json_build_object('endpoint_id', id, 'url', url, 'reason', reason,
         'failing_since', to_char(failing_since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
         'disabled_at', to_char((${disabledAt}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
from ${from}`

/** Keeps what workers heard; an endpoint that is gone is disabled, and its tenant told, in the same statement. */
export async function reportHealth(pool: Pool, reports: readonly HealthReport[]): Promise<void> {
  // In one order everywhere: two workers wait for each other in turn, never in a circle.
  const sorted = [...reports].sort((a, b) => (a.endpoint < b.endpoint ? -1 : 1))
  await pool.query({
    name: 'endpoint-health',
    text: `insert into endpoint_health as h (endpoint, last_success_at, last_failure_at, last_failure, failing_since)
           select endpoint, case when good then now() end, case when failure is not null then now() end, failure,
                  case when failure is not null then now() end
           from unnest($1::text[], $2::boolean[], $3::text[]) as x(endpoint, good, failure)
           on conflict (endpoint) do update set
             last_success_at = coalesce(excluded.last_success_at, h.last_success_at),
             last_failure_at = coalesce(excluded.last_failure_at, h.last_failure_at),
             last_failure = coalesce(excluded.last_failure, h.last_failure),
             failing_since = case when excluded.last_success_at is not null then excluded.failing_since
                                  else coalesce(h.failing_since, excluded.failing_since) end,
             warned_at = case when excluded.last_success_at is not null then 0 else h.warned_at end`,
    values: [
      sorted.map(({ endpoint }) => endpoint),
      sorted.map(({ hasSucceeded }) => hasSucceeded),
      sorted.map(({ failure }) => failure),
    ],
  })
  const gone = sorted.filter(({ isGone }) => isGone).map(({ endpoint }) => endpoint)
  if (gone.length > 0)
    await pool.query(
      `with d as (
         update endpoint e set active = false, disabled_at = now(), disabled_reason = 'it answered 410 Gone'
         where id = any($1::text[]) and active returning *
       ), x as (select d.*, d.disabled_reason as reason, h.failing_since from d left join endpoint_health h on h.endpoint = d.id)
       ${told('endpoint.disabled', 'x', 'disabled_at')}`,
      [gone],
    )
}

// Nothing but failures for so long: the last one, and not the present, ends the time, since one that is told of nothing
// does not fail.
const FAILING = `h.failing_since is not null and e.active and e.deleted_at is null`

/** Disables endpoints that have done nothing but fail for `afterMs`, and tells their tenants; gives their ids. */
export async function disableFailing(pool: Pool, afterMs: number): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `with d as (
       update endpoint e set active = false, disabled_at = now(),
         disabled_reason = 'nothing but failures since ' || to_char(h.failing_since at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
           || ' UTC, the last one: ' || h.last_failure
       from endpoint_health h where h.endpoint = e.id and ${FAILING}
         and h.last_failure_at - h.failing_since >= $1 * interval '1 millisecond'
       returning e.*, h.failing_since, disabled_reason as reason
     ), told as (${told('endpoint.disabled', 'd', 'disabled_at')})
     select id from d`,
    [afterMs],
  )
  return rows.map(({ id }) => id)
}

/** Tells tenants of endpoints that have spent 50, 70 or 90 % of that time, once each; gives their ids. */
export async function warnOfFailing(pool: Pool, afterMs: number): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `with x as (
       select e.*, h.failing_since, h.last_failure as reason, h.warned_at,
              date_part('epoch', h.last_failure_at - h.failing_since) * 100000 / $1::float8 as share
       from endpoint e join endpoint_health h on h.endpoint = e.id where ${FAILING}
     ), l as (
       select x.*, case when share >= 90 then 90 when share >= 70 then 70 when share >= 50 then 50 else 0 end as level from x
     ), w as (
       update endpoint_health h set warned_at = l.level from l where h.endpoint = l.id and l.level > h.warned_at returning l.*
     ), told as (${told('endpoint.failing', 'w', `failing_since + $1 * interval '1 millisecond'`)})
     select id from w`,
    [afterMs],
  )
  return rows.map(({ id }) => id)
}

/** What is known of an endpoint's health; all null where it was told of nothing yet. */
export async function readHealth(pool: Pool | ClientBase, endpoint: string): Promise<EndpointHealth> {
  const ms = (column: string) => `(date_part('epoch', ${column}) * 1000)::float8`
  const { rows } = await pool.query<EndpointHealth>(
    `select ${ms('last_success_at')} as "lastSuccessAt", ${ms('last_failure_at')} as "lastFailureAt",
       last_failure as "lastFailure", ${ms('failing_since')} as "failingSince" from endpoint_health where endpoint = $1`,
    [endpoint],
  )
  return rows[0] ?? { lastSuccessAt: null, lastFailureAt: null, lastFailure: null, failingSince: null }
}
