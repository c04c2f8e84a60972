import type { Pool } from 'pg'

/** `paused`: nothing is sent, and everything waits. `shadow`: what comes meanwhile is recorded and never sent. */
export const SENDING = ['on', 'paused', 'shadow'] as const
export type Sending = (typeof SENDING)[number]

/** A tenant's sending as it may be shown; `changedAt` in ms, null where it was never changed. */
export interface SendingState {
  tenant: string
  slug: string
  sending: Sending
  reason: string | null
  changedAt: number | null
  /** The tenant's own limit of its backlog; null where it has the installation's. */
  backlogMax: number | null
}

const COLUMNS = `id as tenant, slug, sending, sending_reason as reason, date_part('epoch', sending_changed_at) * 1000 as "changedAt",
  backlog_max as "backlogMax"`

/** Every tenant, those that do not send first. */
export async function listSending(pool: Pool): Promise<SendingState[]> {
  const { rows } = await pool.query<SendingState>(
    `select ${COLUMNS} from tenant order by (sending = 'on'), slug`,
  )
  return rows
}

/** A page of tenants by slug, from the one behind `after`; null `sending`: whatever it is. */
export async function pageOfTenants(
  pool: Pool,
  page: { sending: Sending | null; after: string; limit: number },
): Promise<SendingState[]> {
  const { rows } = await pool.query<SendingState>(
    `select ${COLUMNS} from tenant where slug > $1 and ($2::text is null or sending = $2) order by slug limit $3`,
    [page.after, page.sending, page.limit],
  )
  return rows
}

/** Sets a tenant's own limit of its backlog, or takes it away for null; null where there is no such tenant. */
export async function changeBacklogMax(
  pool: Pool,
  slug: string,
  max: number | null,
): Promise<SendingState | null> {
  const { rows } = await pool.query<SendingState>(
    `update tenant set backlog_max = $2 where slug = $1 returning ${COLUMNS}`,
    [slug, max],
  )
  return rows[0] ?? null
}

/** A tenant's sending, by its id or its slug; null where there is no such tenant. */
export async function readSending(
  pool: Pool,
  by: { id: string } | { slug: string },
): Promise<SendingState | null> {
  const [column, value] = 'id' in by ? ['id', by.id] : ['slug', by.slug]
  const { rows } = await pool.query<SendingState>(`select ${COLUMNS} from tenant where ${column} = $1`, [
    value,
  ])
  return rows[0] ?? null
}

/**
 * Changes a tenant's sending for an operator, or for the tenant itself where `byTenant` is given: what an operator stopped,
 * only an operator starts again. Workers follow within a second. Null where there is no such tenant, or it may not.
 */
export async function changeSending(
  pool: Pool,
  by: { byTenant: string } | { slug: string },
  change: { sending: Sending; reason: string | null },
): Promise<SendingState | null> {
  const isTenant = 'byTenant' in by
  const { rows } = await pool.query<SendingState>(
    `update tenant set sending = $2, sending_reason = $3, sending_changed_at = now(), sending_held = $4 and $2 <> 'on'
     where ${isTenant ? 'id = $1 and not sending_held' : 'slug = $1'} returning ${COLUMNS}`,
    [isTenant ? by.byTenant : by.slug, change.sending, change.reason, !isTenant],
  )
  return rows[0] ?? null
}
