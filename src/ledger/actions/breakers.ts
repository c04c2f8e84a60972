import type { Pool } from 'pg'

/**
 * The breakers that all workers share. Each statement is its own transaction, and each names the state that it expects,
 * so that of several workers with the same thought one is told that it did it.
 */

/** A breaker as its worker opens it; `destination` is scheme, host and port. */
export interface OpenedBreaker {
  lane: string
  tenant: string
  destination: string
  reason: string
  waitMs: number
}

/** A breaker that is not closed, with the ms until a probe may be asked for. */
export interface SharedBreaker {
  lane: string
  retryInMs: number
  waitMs: number
}

// Endpoints are told in the same statement; the owner of the first partition does it. Those to come may have it replayed.
const CHANGED = (change: 'opened' | 'closed') => `
, change as (
  insert into breaker_change (lane, tenant, destination, change, reason)
  select lane, tenant, destination, '${change}', reason from changed returning *
), told as (
  insert into notice (p, id, type, tenant, user_id, data)
  select 0, 'evt_breaker_' || seq, 'breaker.${change}', tenant, '', json_build_object('destination', destination, 'reason', reason)
  from change
)
select from change`

/** Opens a breaker that is closed or new; true where this did it. */
export async function openBreaker(pool: Pool, opened: OpenedBreaker): Promise<boolean> {
  const { rowCount } = await pool.query({
    name: 'breaker-open',
    text: `with changed as (
             insert into breaker as b (lane, tenant, destination, state, reason, retry_at, wait_ms)
             values ($1, $2, $3, 'open', $4, now() + $5 * interval '1 millisecond', $5)
             on conflict (lane) do update set state = 'open', reason = excluded.reason, opened_at = now(), closed_at = null,
               retry_at = excluded.retry_at, wait_ms = excluded.wait_ms, updated_at = now()
             where b.state = 'closed' returning *
           ) ${CHANGED('opened')}`,
    values: [opened.lane, opened.tenant, opened.destination, opened.reason, opened.waitMs],
  })
  return rowCount === 1
}

/** Takes the one probe of a breaker whose wait is over, or whose last probe was never answered; true where it is ours. */
export async function takeProbe(pool: Pool, lane: string, answerWithinMs: number): Promise<boolean> {
  const { rowCount } = await pool.query({
    name: 'breaker-probe',
    text: `update breaker set state = 'half-open', retry_at = now() + $2 * interval '1 millisecond', updated_at = now()
           where lane = $1 and state <> 'closed' and retry_at <= now()`,
    values: [lane, answerWithinMs],
  })
  return rowCount === 1
}

/** The probe failed: open for another while. */
export async function reopenBreaker(pool: Pool, lane: string, waitMs: number): Promise<void> {
  await pool.query({
    name: 'breaker-reopen',
    text: `update breaker set state = 'open', retry_at = now() + $2 * interval '1 millisecond', wait_ms = $2, updated_at = now()
           where lane = $1 and state = 'half-open'`,
    values: [lane, waitMs],
  })
}

/** Closes a breaker; true where this did it. */
export async function closeBreaker(pool: Pool, lane: string): Promise<boolean> {
  const { rowCount } = await pool.query({
    name: 'breaker-close',
    text: `with changed as (
             update breaker set state = 'closed', closed_at = now(), updated_at = now()
             where lane = $1 and state <> 'closed' returning *
           ) ${CHANGED('closed')}`,
    values: [lane],
  })
  return rowCount === 1
}

/** Every breaker that is not closed. */
export async function breakersNotClosed(pool: Pool): Promise<SharedBreaker[]> {
  const { rows } = await pool.query<SharedBreaker>({
    name: 'breakers',
    text: `select lane, date_part('epoch', retry_at - now()) * 1000 as "retryInMs", wait_ms as "waitMs"
           from breaker where state <> 'closed'`,
  })
  return rows
}
