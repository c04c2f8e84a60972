import type { PoolClient } from 'pg'
import { VolleyError } from '../../errors.ts'
import { newId } from '../../ids.ts'
import type { Pool } from '../ledger.ts'
import { readSending } from '../tenants/sending.ts'
import { inTransaction } from '../transaction.ts'
import { DEADLINE_LANE, laneFor, sleeperFor } from './timers.ts'

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
  /** What was done about it, when and by whom; all null while it is open. */
  resolution: 'retried' | 'dropped' | null
  resolvedAt: number | null
  resolvedBy: string | null
}

/** Which letters are asked for; null: all. `tenant` is a slug, `before` the id where the page before ended. */
export interface LetterFilter {
  reason: string | null
  tenant: string | null
  before: string | null
  /** Resolved ones too. */
  all: boolean
  limit: number
}

const MS = (time: string) => `date_part('epoch', ${time}) * 1000`

const LETTERS = `
select l.id, ${MS('l.at')} as at, l.reason, l.error, l.action_id as "actionId", t.slug as tenant, l.body, l.resolution,
       ${MS('l.resolved_at')} as "resolvedAt", l.resolved_by as "resolvedBy"
from dead_letter l left join action a on a.id = l.action_id
  left join tenant t on t.id = coalesce(a.tenant, (coalesce(l.body->'event', l.body->'due')->>'tenant')::uuid)`

/** A page of letters, newest first; throws `not_found` where no tenant has the name that was asked for. */
export async function listLetters(pool: Pool, filter: LetterFilter): Promise<Letter[]> {
  const { rows } = await pool.query<Letter>(
    `${LETTERS}
     where ($1::text is null or l.reason = $1) and ($2::text is null or t.slug = $2)
       and ($3::text is null or l.id < $3) and ($4 or l.resolved_at is null)
     order by l.id desc limit $5`,
    [filter.reason, filter.tenant, filter.before, filter.all, filter.limit],
  )
  // "No dead letters" must not be the answer to a name that was misspelt.
  if (
    rows.length === 0 &&
    filter.tenant !== null &&
    (await readSending(pool, { slug: filter.tenant })) === null
  )
    throw new VolleyError('not_found', `No tenant is called ${filter.tenant}.`)
  return rows
}

/** One letter; null where there is none with this id. */
export async function readLetter(pool: Pool, id: string): Promise<Letter | null> {
  const { rows } = await pool.query<Letter>(`${LETTERS} where l.id = $1`, [id])
  return rows[0] ?? null
}

interface OpenLetter {
  id: string
  action_id: string | null
  body: { event?: { id: string }; due?: unknown } | null
  resolution: string | null
}

/** Ids of every open letter, oldest first. */
export async function openLetters(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    'select id from dead_letter where resolved_at is null order by id',
  )
  return rows.map(({ id }) => id)
}

/**
 * Puts a letter aside for good; throws `not_found` where it is not there, `letter_resolved` where it was resolved. `by`
 * says who did it.
 */
export async function dropLetter(pool: Pool, id: string, by: string): Promise<void> {
  await inTransaction(pool, (client) => resolve(client, id, { as: 'dropped', by }))
}

/** Where the owner has to look after a retry; null where there is nothing to look at. */
export type LookAt = { kind: 'fact' | 'event'; p: number } | null

/**
 * Has what a letter is about looked at again: an action by a forced retry, an event by a copy of it. Throws besides
 * `invalid_transition` where the action is in a state that allows no retry, and for a person who was due; the letter then
 * stays open.
 */
export async function retryLetter(pool: Pool, id: string, by: string): Promise<LookAt> {
  return inTransaction(pool, async (client) => {
    const letter = await resolve(client, id, { as: 'retried', by })
    if (letter.action_id !== null) return retryAction(client, letter.action_id)
    if (letter.body?.due !== undefined)
      throw new VolleyError(
        'invalid_transition',
        `The dead letter ${id} is about somebody who was due; what has passed is not looked at again.`,
      )
    if (letter.body?.event === undefined) return null
    return repeatEvent(client, letter.body.event.id)
  })
}

async function resolve(
  client: PoolClient,
  id: string,
  { as, by }: { as: 'retried' | 'dropped'; by: string },
): Promise<OpenLetter> {
  const { rows } = await client.query<OpenLetter>(
    'select id, action_id, body, resolution from dead_letter where id = $1 for update',
    [id],
  )
  const letter = rows[0]
  if (letter === undefined) throw new VolleyError('not_found', `No dead letter has the id ${id}.`)
  if (letter.resolution !== null)
    throw new VolleyError('letter_resolved', `The dead letter ${id} was ${letter.resolution} before.`)
  await client.query(
    'update dead_letter set resolved_at = now(), resolution = $2, resolved_by = $3 where id = $1',
    [id, as, by],
  )
  return letter
}

async function retryAction(client: PoolClient, id: string): Promise<LookAt> {
  const { rows } = await client.query<{ p: number; version: number; status: string; hasOutcome: boolean }>(
    `select p, version, status, outcome is not null
       or exists (select from fact f where f.action_id = a.id and f.kind = 'outcome') as "hasOutcome"
     from action a where id = $1 for share`,
    [id],
  )
  const action = rows[0]
  if (action === undefined) throw new VolleyError('not_found', `The action ${id} is gone.`)
  const isOver = action.status === 'failed' || action.status === 'expired'
  const isParked = action.status === 'pending' || action.status === 'retrying'
  if (action.hasOutcome || !(isOver || isParked))
    throw new VolleyError(
      'invalid_transition',
      `The action ${id} ${action.hasOutcome ? 'has an outcome' : `is ${action.status}`}; there is nothing to retry.`,
    )
  // One that could not even be failed stands still without its timers; they set it going again.
  if (isParked) await startTimers(client, id)
  else {
    await client.query(
      `insert into fact (p, action_id, kind, n, seen_version) values ($1, $2, 'retry', $3, $3) on conflict do nothing`,
      [action.p, id, action.version],
    )
  }
  return { kind: 'fact', p: action.p }
}

async function startTimers(client: PoolClient, id: string): Promise<void> {
  await client.query(
    `insert into timer (p, lane, at, id, sleeper)
     select p, ${laneFor('lane', 'next_at')}, next_at, id, ${sleeperFor({ tenant: 'tenant', type: 'type', lane: 'lane', at: 'next_at' })}
     from action where id = $1 and not test and not shadow
     union all select p, ${DEADLINE_LANE}, deadline, id, null from action where id = $1
     on conflict do nothing`,
    [id],
  )
}

/** The reading mark has passed the event, so a copy is read in its stead. */
async function repeatEvent(client: PoolClient, id: string): Promise<LookAt> {
  const { rows } = await client.query<{ p: number }>(
    `insert into event (id, p, tenant, kind, user_id, is_anonymous, type, data, time, dedupe_id, source, test, decides)
     select $2, p, tenant, kind, user_id, is_anonymous, type, data, time, dedupe_id, source, test, decides
     from event where id = $1 returning p`,
    [id, newId('ev')],
  )
  const event = rows[0]
  if (event === undefined) throw new VolleyError('not_found', `The event ${id} is gone.`)
  return { kind: 'event', p: event.p }
}
