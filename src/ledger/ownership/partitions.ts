import type { ClientBase } from 'pg'
import { VolleyError } from '../../errors.ts'

/**
 * Records the number of logical partitions at the first start and creates their rows; refuses another number later,
 * since every row already written was placed by the first one.
 */
export async function ensurePartitions(client: ClientBase, partitions: number): Promise<void> {
  await client.query(`insert into setting values ('partitions', $1) on conflict do nothing`, [
    String(partitions),
  ])
  const { rows } = await client.query<{ value: string }>(
    `select value from setting where name = 'partitions'`,
  )
  const recorded = Number(rows[0]?.value)
  if (recorded !== partitions) {
    throw new VolleyError(
      'partitions_changed',
      `VOLLEY_PARTITIONS=${partitions}, but this database was set up with ${recorded}`,
    )
  }
  await client.query(
    `insert into partition (p) select generate_series(0, $1::int - 1) on conflict do nothing`,
    [partitions],
  )
  await client.query(`insert into mark (p) select generate_series(0, $1::int - 1) on conflict do nothing`, [
    partitions,
  ])
}
