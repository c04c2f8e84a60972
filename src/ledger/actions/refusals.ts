import type { Pool } from 'pg'
import type { Permissions } from '../../../actors/permissions.ts'

/** What a user allows since it was changed. */
export interface ChangedRefusal {
  tenant: string
  userId: string
  permissions: Permissions
}

/** `at` is where the next question goes on, by the ledger's clock. */
export interface RefusalChanges {
  at: string
  changed: ChangedRefusal[]
}

/** A change commits a little after the time it carries; looking back this far finds it all the same. */
const LOOK_BACK = '15 seconds'

/** Whose permissions changed since `since`, the `at` of an earlier answer; null: from now on, and nothing is given. */
export async function refusalsSince(pool: Pool, since: string | null): Promise<RefusalChanges> {
  const { rows } = await pool.query<RefusalChanges>({
    name: 'refusals-since',
    text: `select clock_timestamp()::text as at,
             coalesce((select json_agg(json_build_object('tenant', tenant, 'userId', user_id, 'permissions', permissions))
                       from refusal where changed_at > $1::timestamptz - interval '${LOOK_BACK}'), '[]') as changed`,
    values: [since],
  })
  return rows[0]!
}
