import type { ClientBase, Pool } from 'pg'
import { type BudgetAsk, type Spend, spendingKey } from './spending-key.ts'

const values = (asks: readonly BudgetAsk[]) => [
  asks.map(({ tenant }) => tenant),
  asks.map(({ domain }) => domain),
  asks.map(({ days }) => days),
]

const SPENT = `
select b.tenant, b.domain, coalesce(sum(s.usd), 0) as usd
from unnest($1::uuid[], $2::text[], $3::int[]) as b(tenant, domain, days)
left join spending s on s.tenant = b.tenant and s.domain = b.domain and s.day > (now() at time zone 'UTC')::date - b.days
group by b.tenant, b.domain`

/** What was spent of these budgets, by their `spendingKey`. */
export async function readSpending(
  client: ClientBase | Pool,
  asks: readonly BudgetAsk[],
): Promise<Map<string, number>> {
  if (asks.length === 0) return new Map()
  const { rows } = await client.query<{ tenant: string; domain: string; usd: number }>({
    name: 'spending-read',
    text: SPENT,
    values: values(asks),
  })
  return new Map(rows.map((row) => [spendingKey(row), row.usd]))
}

/**
 * The same, locked until the transaction ends: two turns never spend the same money. The rows are taken in one order
 * everywhere, so that two turns wait for each other in turn and never in a circle.
 */
export async function lockSpending(
  client: ClientBase,
  asks: readonly BudgetAsk[],
): Promise<Map<string, number>> {
  if (asks.length === 0) return new Map()
  await client.query({
    name: 'spending-lock',
    text: `insert into spending (tenant, domain, day, usd)
           select tenant, domain, (now() at time zone 'UTC')::date, 0
           from unnest($1::uuid[], $2::text[]) as b(tenant, domain) order by tenant, domain
           on conflict (tenant, domain, day) do update set usd = spending.usd`,
    values: values(asks).slice(0, 2),
  })
  // A statement of its own: it sees what the turn that held the lock has committed.
  return readSpending(client, asks)
}

/** Adds what a turn spends to today's rows, which `lockSpending` has made. */
export async function addSpending(client: ClientBase, spends: readonly Spend[]): Promise<void> {
  if (spends.length === 0) return
  await client.query({
    name: 'spending-add',
    text: `update spending s set usd = s.usd + x.usd
           from (select tenant, domain, sum(usd) as usd from unnest($1::uuid[], $2::text[], $3::float8[]) as x(tenant, domain, usd)
                 group by tenant, domain) x
           where s.tenant = x.tenant and s.domain = x.domain and s.day = (now() at time zone 'UTC')::date`,
    values: [
      spends.map(({ tenant }) => tenant),
      spends.map(({ domain }) => domain),
      spends.map(({ usd }) => usd),
    ],
  })
}
