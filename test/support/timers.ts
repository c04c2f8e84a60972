import type { Pool } from 'pg'

/** The timers that are there and should not be, and those that should be there and are not: ids with what is wrong. */
export async function wrongTimers(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ wrong: string }>(`
    with due as (
      select p, lane, next_at as at, id from action where status in ('pending', 'retrying') and not test
      union all
      select p, (-9223372036854775808)::bigint, deadline, id from action where deadline is not null
    )
    select coalesce(t.id, d.id) || case when d.id is null then ' has a timer too many' else ' lacks a timer' end as wrong
    from timer t full join due d using (p, lane, at, id) where t.id is null or d.id is null`)
  return rows.map(({ wrong }) => wrong)
}
