import type { Pool } from 'pg'

/** What one action of each of these active types costs by its type, in USD; types without a cost are left out. */
export async function estimatedCosts(
  pool: Pool,
  tenant: string,
  names: readonly string[],
): Promise<Map<string, number>> {
  const { rows } = await pool.query<{ name: string; cost: string }>(
    `select name, estimated_cost_usd as cost from action_type
     where tenant = $1 and active and estimated_cost_usd is not null and name = any($2::text[])`,
    [tenant, names],
  )
  return new Map(rows.map(({ name, cost }) => [name, Number(cost)]))
}
