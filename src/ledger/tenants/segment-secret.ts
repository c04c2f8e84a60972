import type { Pool } from 'pg'

/** The secret that a tenant shares with Segment, sealed; null where it has none. */
export async function readSegmentSecret(pool: Pool, tenant: string): Promise<Buffer | null> {
  const { rows } = await pool.query<{ secret: Buffer | null }>({
    name: 'segment-secret',
    text: 'select segment_secret as secret from tenant where id = $1',
    values: [tenant],
  })
  return rows[0]?.secret ?? null
}

/** Sets the sealed secret, or takes it away for null. */
export async function changeSegmentSecret(pool: Pool, tenant: string, secret: Buffer | null): Promise<void> {
  await pool.query('update tenant set segment_secret = $2 where id = $1', [tenant, secret])
}
