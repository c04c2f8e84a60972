import type { Pool } from 'pg'
import { wrongTimers } from '../support/timers.ts'
import type { LedgerEnd, Row, Step } from './observed.ts'

/** What is still to come to an end: not what awaits an outcome for longer than a minute from now. */
export async function countOpen(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(`
    select (select count(*) from action where status in ('pending', 'retrying')
              or (status = 'dispatched' and deadline < now() + interval '1 minute'))::int
         + (select count(*) from fact where not applied)::int as n`)
  return rows[0]!.n
}

const MS = (column: string) => `(extract(epoch from ${column}) * 1000)::float8`

/** Reads all that a run is judged by. */
export async function readLedger(pool: Pool): Promise<LedgerEnd> {
  const actions = await pool.query<Row>(`
    select id, p, status, version, attempt, ${MS('deadline')} as deadline, outcome, failure_reason as "failureReason"
    from action`)
  const steps = await pool.query<Step>(`
    select action_id as id, version, ${MS('at')} as at, kind, from_status as "from", to_status as "to", attempt,
           (detail->>'http_status')::int as "httpStatus"
    from history order by action_id, version`)
  const letters = await pool.query<{ id: string; actionId: string | null; error: string }>(
    'select id, action_id as "actionId", error from dead_letter',
  )
  const facts = await pool.query<{ id: string }>('select action_id as id from fact where not applied')
  const counts = await pool.query<{ now: number; takeovers: number; workers: number }>(`
    select ${MS('now()')} as now, (select sum(crashes) from partition)::int as takeovers,
           (select count(*) from worker)::int as workers`)
  return {
    ...counts.rows[0]!,
    rows: new Map(actions.rows.map((row) => [row.id, row])),
    steps: Map.groupBy(steps.rows, ({ id }) => id),
    deadLetters: letters.rows,
    factsWaiting: facts.rows.map(({ id }) => id),
    wrongTimers: await wrongTimers(pool),
  }
}
