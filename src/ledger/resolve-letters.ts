import type { PoolClient } from 'pg'
import { VolleyError } from '../errors.ts'
import { newId } from '../ids.ts'
import type { Pool } from './ledger.ts'
import { DEADLINE_LANE, laneFor, sleeperFor } from './timers.ts'
import { inTransaction } from './transaction.ts'

/** A dead letter as an operator sees it; `tenant` is a slug, null where the letter is about nothing that has one. */
export interface Letter {
  id: string
  /** ms since the epoch. */
  at: number
  reason: string
  error: string
  actionId: string | null
  tenant: string | null
  body: unknown
  resolution: 'retried' | 'dropped' | null
}

/** The latest letters, newest first; open ones only, unless all are asked for. */
export async function listLetters(
  pool: Pool,
  filter: { reason: string | null; all: boolean; limit: number },
): Promise<Letter[]> {
  const { rows } = await pool.query<Letter>(
    `select l.id, date_part('epoch', l.at) * 1000 as at, l.reason, l.error, l.action_id as "actionId", t.slug as tenant, l.body, l.resolution
     from dead_letter l left join action a on a.id = l.action_id
       left join tenant t on t.id = coalesce(a.tenant, (l.body->'event'->>'tenant')::uuid)
     where ($1::text is null or l.reason = $1) and ($2 or l.resolved_at is null)
     order by l.id desc limit $3`,
    [filter.reason, filter.all, filter.limit],
  )
  return rows
}

interface OpenLetter {
  id: string
  action_id: string | null
  body: { event?: { id: string } } | null
  resolution: string | null
}

/** Ids of every open letter, oldest first. */
export async function openLetters(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    'select id from dead_letter where resolved_at is null order by id',
  )
  return rows.map(({ id }) => id)
}

/** Puts a letter aside for good; throws `not_found` where it is not there, `letter_resolved` where it was resolved. */
export async function dropLetter(pool: Pool, id: string): Promise<void> {
  await inTransaction(pool, (client) => resolve(client, id, 'dropped'))
}

/**
 * Has what a letter is about looked at again: an action by a forced retry, an event by a copy of it. Throws besides
 * `invalid_transition` where the action is in a state that allows no retry.
 */
export async function retryLetter(pool: Pool, id: string): Promise<void> {
  await inTransaction(pool, async (client) => {
    const letter = await resolve(client, id, 'retried')
    if (letter.action_id !== null) await retryAction(client, letter.action_id)
    else if (letter.body?.event !== undefined) await repeatEvent(client, letter.body.event.id)
  })
}

async function resolve(
  client: PoolClient,
  id: string,
  resolution: 'retried' | 'dropped',
): Promise<OpenLetter> {
  const { rows } = await client.query<OpenLetter>(
    'select id, action_id, body, resolution from dead_letter where id = $1 for update',
    [id],
  )
  const letter = rows[0]
  if (letter === undefined) throw new VolleyError('not_found', `No dead letter has the id ${id}.`)
  if (letter.resolution !== null)
    throw new VolleyError('letter_resolved', `The dead letter ${id} was ${letter.resolution} before.`)
  await client.query('update dead_letter set resolved_at = now(), resolution = $2 where id = $1', [
    id,
    resolution,
  ])
  return letter
}

async function retryAction(client: PoolClient, id: string): Promise<void> {
  const { rows } = await client.query<{ p: number; version: number; status: string; hasOutcome: boolean }>(
    `select p, version, status, outcome is not null as "hasOutcome" from action where id = $1 for share`,
    [id],
  )
  const action = rows[0]
  if (action === undefined) throw new VolleyError('not_found', `The action ${id} is gone.`)
  const isOver = action.status === 'failed' || action.status === 'expired'
  const isParked = action.status === 'pending' || action.status === 'retrying'
  if (action.hasOutcome || !(isOver || isParked))
    throw new VolleyError(
      'invalid_transition',
      `The action ${id} is ${action.status}; there is nothing to retry.`,
    )
  // One that could not even be failed stands still without its timers; they set it going again.
  if (isParked) await startTimers(client, id)
  else {
    await client.query(
      `insert into fact (p, action_id, kind, n, seen_version) values ($1, $2, 'retry', $3, $3) on conflict do nothing`,
      [action.p, id, action.version],
    )
  }
}

async function startTimers(client: PoolClient, id: string): Promise<void> {
  await client.query(
    `insert into timer (p, lane, at, id, sleeper)
     select p, ${laneFor('lane', 'next_at')}, next_at, id, ${sleeperFor('tenant', 'next_at')}
     from action where id = $1 and not test and not shadow
     union all select p, ${DEADLINE_LANE}, deadline, id, null from action where id = $1
     on conflict do nothing`,
    [id],
  )
}

/** The reading mark has passed the event, so a copy is read in its stead. */
async function repeatEvent(client: PoolClient, id: string): Promise<void> {
  await client.query(
    `insert into event (id, p, tenant, user_id, type, data, time, source, test)
     select $2, p, tenant, user_id, type, data, time, source, test from event where id = $1`,
    [id, newId('ev')],
  )
}
