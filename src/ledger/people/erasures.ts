import type { ClientBase, Pool, PoolClient } from 'pg'
import { newId } from '../../ids.ts'
import { partitionOfUser } from '../placement.ts'
import { inTransaction } from '../transaction.ts'
import { preferFilters } from './by-user.ts'
import { actionBelongs, belongs, idsOf, redact } from './redact.ts'

/** How many rows of each kind are without their data now. */
export type ErasureCounts = Record<
  'events' | 'actions' | 'steps' | 'facts' | 'decisions' | 'dead_letters',
  number
>

/** The record of an erasure, which does not say of whom; times in ms. */
export interface ReadErasure {
  id: string
  askedAt: number
  doneAt: number | null
  counts: ErasureCounts | null
}

/** A tenant's erasure; null where it has none with this id, or no turn has heard of it yet. */
export async function readErasure(pool: Pool, tenant: string, id: string): Promise<ReadErasure | null> {
  const { rows } = await pool.query<ReadErasure>({
    name: 'erasure-read',
    text: `select id, (date_part('epoch', asked_at) * 1000)::float8 as "askedAt",
             (date_part('epoch', done_at) * 1000)::float8 as "doneAt", counts
           from erasure where id = $1 and tenant = $2`,
    values: [id, tenant],
  })
  return rows[0] ?? null
}

/** Erasures that are not done, oldest first. */
export async function openErasures(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>({
    name: 'erasures-open',
    text: 'select id from erasure where done_at is null order by id limit 100',
  })
  return rows.map(({ id }) => id)
}

/** An erasure that goes on: whose, and what else was theirs; null until that was gathered. */
export interface OpenErasure {
  id: string
  tenant: string
  test: boolean
  user_id: string
  other_ids: string[] | null
}

/**
 * Takes one erasure a step further: first whoever was joined is told to be known no more, then open actions are
 * cancelled, then everything is waited for, and at last nothing is left of the data. `elsewhere`: another process has it
 * in hand, or it is done.
 */
export async function continueErasure(
  pool: Pool,
  id: string,
  partitions: number,
): Promise<'waiting' | 'done' | 'elsewhere'> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<OpenErasure>(
      `select id, tenant, test, user_id, other_ids from erasure
       where id = $1 and done_at is null for update skip locked`,
      [id],
    )
    const erasure = rows[0]
    if (erasure === undefined) return 'elsewhere'
    if (erasure.other_ids === null) {
      await gather(client, erasure, partitions)
      return 'waiting'
    }
    await preferFilters(client)
    await cancelOpen(client, erasure)
    if (await isUnfinished(client, erasure)) return 'waiting'
    const counts = await redact(client, erasure)
    await client.query(
      `update erasure set done_at = now(), counts = $2, user_id = null, other_ids = null where id = $1`,
      [id, JSON.stringify(counts)],
    )
    return 'done'
  })
}

/** Finds what was joined to the person, and has the owners of those ids forget them. */
async function gather(client: PoolClient, erasure: OpenErasure, partitions: number): Promise<void> {
  const { tenant, test, user_id: user } = erasure
  const { rows } = await client.query<{ id: string; merged_into: string }>(
    `with recursive c(id, merged_into) as (
       select o.id, o.merged_into from person o where o.tenant = $1 and o.test = $2 and o.merged_into = $3 union
       select o.id, o.merged_into from c join person o on o.tenant = $1 and o.test = $2 and o.merged_into = c.id)
     select id, merged_into from c`,
    [tenant, test, user],
  )
  const others = rows.filter(({ id }) => id !== user)
  for (const { id, merged_into: of } of others)
    await tellOf(client, erasure, partitions, id, { what: 'alias', of })
  const isBack = others.length > 0 && (await cameBackByJoin(client, erasure))
  // The same erasure, heard again; what came in until now is gone with it.
  if (isBack) await tellOf(client, erasure, partitions, user, { what: 'person', erasure: erasure.id })
  await client.query(
    `update erasure set other_ids = $2, gathered_at = now(), until = case when $3 then now() else until end where id = $1`,
    [erasure.id, others.map(({ id }) => id), isBack],
  )
}

/** Whether what was known under another id reached the person only after the deletion, and made somebody of it again. */
async function cameBackByJoin(client: PoolClient, { id, user_id }: OpenErasure): Promise<boolean> {
  await preferFilters(client)
  const { rows } = await client.query<{ isBack: boolean }>(
    `select exists (select from erasure e join event v on v.tenant = e.tenant and v.test = e.test
                    where e.id = $1 and v.user_id = any($2) and v.kind in ('merge', 'pass') and v.received_at > e.until) as "isBack"`,
    [id, [user_id]],
  )
  return rows[0]!.isBack
}

async function tellOf(
  client: PoolClient,
  { tenant, test }: OpenErasure,
  partitions: number,
  userId: string,
  data: Record<string, unknown>,
): Promise<void> {
  await client.query(
    `insert into event (id, p, tenant, kind, user_id, type, data, time, source, test, decides)
     values ($1, $2, $3, 'delete', $4, '$delete', $5, now(), 'erasure', $6, false)`,
    [newId('ev'), partitionOfUser(tenant, userId, partitions), tenant, userId, data, test],
  )
}

/** What is not sent yet must not be sent any more; the owners of the actions decide, as they do about every cancel. */
async function cancelOpen(client: ClientBase, erasure: OpenErasure): Promise<void> {
  await client.query(
    `insert into fact (p, action_id, kind, n, seen_version)
     select a.p, a.id, 'cancel', a.version, a.version from erasure e join action a on ${actionBelongs('a')}
     where e.id = $1 and a.user_id = any($2) and a.status in ('pending', 'retrying')
     on conflict (action_id, kind, n) do nothing`,
    [erasure.id, idsOf(erasure)],
  )
}

/** Whether a turn still has to read, to end or to apply something of theirs. */
async function isUnfinished(client: ClientBase, erasure: OpenErasure): Promise<boolean> {
  const { rows } = await client.query<{ waits: boolean }>(
    `select exists (select from erasure e join action a on ${actionBelongs('a')}
                    where e.id = $1 and a.user_id = any($2) and (a.status in ('pending', 'retrying')
                      or exists (select from fact f where f.action_id = a.id and not f.applied)))
         or exists (select from erasure e join event v on ${belongs('v', 'received_at')} join mark m on m.p = v.p
                    where e.id = $1 and v.user_id = any($2) and (v.xid, v.seq) > (m.xid, m.seq))
         or exists (select from erasure e join notice n on n.tenant = e.tenant
                    where e.id = $1 and n.user_id = any($2)) as waits`,
    [erasure.id, idsOf(erasure)],
  )
  return rows[0]!.waits
}
