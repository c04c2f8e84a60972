import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Pool } from 'pg'
import { partitionOfUser } from '../../src/ledger/placement.ts'
import { PARTITIONS } from '../installation.ts'

/** Rules and users as a shop has them. */

export const RULES = 50
export const USERS = 5_000

/** A folder with one document of 50 rules, each of which looks at a few facts; some five of them offer something to a user. */
export function shopRules(): { rulesDir: string; remove(): void } {
  const rulesDir = mkdtempSync(join(tmpdir(), 'volley-bench-rules-'))
  mkdirSync(join(rulesDir, 'recommendations'))
  const rules = Array.from({ length: RULES }, (_, n) => ({
    name: `rule-${n}`,
    on: ['custom.asked'],
    when: {
      and: [
        { '==': [{ '%': [{ var: 'user.traits.number' }, 10] }, n % 10] },
        { '>=': [{ var: ['context.current_points', 0] }, 10 * n] },
        { in: [{ var: 'user.traits.plan' }, ['pro', 'team', 'free']] },
        { '<': [{ var: ['user.activity.custom_seen.days_since', 0] }, 400] },
      ],
    },
    action: `action_${n % 12}`,
    parameters: { amount: { '*': [5, { var: 'context.current_points' }] }, reason: 'bonus' },
    confidence: 0.2 + n / 100,
    reasoning: 'At {context.current_points} points it is time for something.',
  }))
  writeFileSync(join(rulesDir, 'recommendations', 'shop.json'), JSON.stringify({ domain: 'shop', rules }))
  return { rulesDir, remove: () => rmSync(rulesDir, { recursive: true, force: true }) }
}

/** Stores users with traits, what they did, and what they were offered. */
export async function storeUsers(pool: Pool, tenant: string): Promise<void> {
  const ids = Array.from({ length: USERS }, (_, n) => `user-${n}`)
  await pool.query(
    `insert into person (tenant, test, id, p, traits, activities, events, first_seen, last_seen, is_anonymous, refused)
     select $1, false, id, p,
       json_build_object('plan', 'pro', 'number', n, 'name', 'Erika Mustermann', 'email', id || '@example.com', 'points', 1200,
         'tags', json_build_array('a', 'b', 'c'), 'address', json_build_object('city', 'Bonn', 'country', 'DE')),
       json_build_object('custom.seen', json_build_object('count', 12, 'firstAt', $4::float8, 'lastAt', $4::float8, 'rate', 0.3,
         'rateAt', $4::float8)), 12, now(), now(), false, 0
     from unnest($2::text[], $3::smallint[]) with ordinality as x(id, p, n)`,
    [tenant, ids, ids.map((id) => partitionOfUser(tenant, id, PARTITIONS)), Date.now()],
  )
  await pool.query('vacuum analyze person')
}

/** Bodies of requests for a recommendation, for one user after another. */
export const recommendBodies = (n: number): string[] =>
  Array.from({ length: n }, (_, i) =>
    JSON.stringify({
      user_id: `user-${(i * 7) % USERS}`,
      domain: 'shop',
      context: { current_points: 1_200, current_tier: 'silver', days_since_last_redemption: 14 },
    }),
  )
