import type { Pool } from 'pg'
import { DEADLINE_LANE, SLEEP_LANE } from '../../src/ledger/actions/timers.ts'

/** The timers that are there and should not be, and those that should be there and are not: ids with what is wrong. */
export async function wrongTimers(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ wrong: string }>(`
    with due as (
      select p, lane, next_at as at, id, case when type < 'we_' then tenant end as tenant from action where status in ('pending', 'retrying') and not test and not shadow
      union all
      select p, ${DEADLINE_LANE}::bigint, deadline, id, tenant from action where deadline is not null
    )
    select coalesce(t.id, d.id) || case when d.id is null then ' has a timer too many' else ' lacks a timer' end as wrong
    from timer t full join due d
      on (t.p, t.at, t.id) = (d.p, d.at, d.id)
         and t.lane = case when t.lane = ${SLEEP_LANE} and d.lane <> ${DEADLINE_LANE} then t.lane else d.lane end
         and t.sleeper is not distinct from case when t.lane = ${SLEEP_LANE} then d.tenant end
    where t.id is null or d.id is null`)
  return rows.map(({ wrong }) => wrong)
}
