import type { Pool, PoolClient } from 'pg'
import { addSpending, lockSpending } from '../decisions/spending.ts'
import type { Spend } from '../decisions/spending-key.ts'
import { type Earlier, type OnceKey, takeKey } from '../intake/once.ts'
import { insertPassed, type PassedRow } from '../people/people.ts'
import { isErased } from '../people/redact.ts'
import { inTransaction, transactionNow } from '../transaction.ts'
import type { Report } from './accept-facts.ts'
import { insertActions, type NewAction } from './insert-actions.ts'

/** What a client had made of a decision before: an action, or an outcome that it told. */
export interface CarriedBefore {
  actionId: string | null
  outcome: Report | null
  /** No result of it is kept. */
  isErased: boolean
}

/** `recorded`: what was told is now what came of the decision; `exists`: something else was before, and nothing was written. */
export type CarriedAcceptance = { kind: 'recorded' } | { kind: 'exists'; before: CarriedBefore }

/** What came of a decision that a client carried out itself; `told` is what its user's actor hears of it. */
export interface CarriedOutcome {
  decisionId: string
  report: Report
  told: PassedRow
}

const CARRY = `
insert into carried (decision_id, tenant, action_id, outcome)
-- Whoever was recommended something may still tell of a user who was erased since; that it ended is all that is kept.
select d.id, d.tenant, $2::text, case when ${isErased('d.user_id')} then $4::json else $3::json end from decision d where d.id = $1
on conflict (decision_id) do nothing`

/** Commits what came of a decision, for its user's actor to learn of; the first is the only one. */
export function acceptCarriedOutcome(
  pool: Pool,
  { decisionId, report, told }: CarriedOutcome,
): Promise<CarriedAcceptance> {
  return inTransaction(pool, async (client) => {
    const { rowCount } = await client.query({
      name: 'carried-outcome',
      text: CARRY,
      values: [decisionId, null, JSON.stringify(report), JSON.stringify({ ...report, result: null })],
    })
    if (rowCount === 0) return { kind: 'exists', before: await carriedBefore(client, decisionId) }
    await insertPassed(client, [told])
    return { kind: 'recorded' }
  })
}

/** An action by which a client carries out a decision. */
export interface CarriedAction<T> {
  decisionId: string
  row: NewAction
  once: OnceKey | null
  answer(acceptedAt: number): T
  /** What its user's actor hears of it; null where it is never sent. */
  told: PassedRow | null
  /** What it takes of its domain's budget; null where there is none. */
  spend: Spend | null
}

export type CarriedActionAcceptance<T> =
  | { kind: 'accepted'; answer: T }
  | { kind: 'carried'; before: CarriedBefore }
  | Earlier

/** Commits the action, unless the decision was carried out before, or the key was used. */
export async function acceptCarriedAction<T>(
  pool: Pool,
  action: CarriedAction<T>,
): Promise<CarriedActionAcceptance<T>> {
  try {
    return await inTransaction(pool, (client) => carryOut(client, action))
  } catch (error) {
    if (error instanceof Before) return { kind: 'carried', before: error.before }
    throw error
  }
}

async function carryOut<T>(
  client: PoolClient,
  { decisionId, row, once, answer, told, spend }: CarriedAction<T>,
): Promise<CarriedActionAcceptance<T>> {
  const answered = answer(await transactionNow(client))
  const earlier = once === null ? null : await takeKey(client, once, answered)
  if (earlier !== null) return earlier
  const { rowCount } = await client.query({
    name: 'carried-action',
    text: CARRY,
    values: [decisionId, row.id, null, null],
  })
  // A throw, since the key must not be kept.
  if (rowCount === 0) throw new Before(await carriedBefore(client, decisionId))
  await insertActions(client, [row])
  if (told !== null) await insertPassed(client, [told])
  if (spend !== null) {
    await lockSpending(client, [{ ...spend, days: 1 }])
    await addSpending(client, [spend])
  }
  return { kind: 'accepted', answer: answered }
}

class Before extends Error {
  readonly before: CarriedBefore

  constructor(before: CarriedBefore) {
    super('the decision was carried out before')
    this.before = before
  }
}

async function carriedBefore(client: PoolClient, decisionId: string): Promise<CarriedBefore> {
  const { rows } = await client.query<CarriedBefore>({
    name: 'carried-before',
    text: `select c.action_id as "actionId", c.outcome, ${isErased('d.user_id')} as "isErased"
           from carried c join decision d on d.id = c.decision_id where c.decision_id = $1`,
    values: [decisionId],
  })
  return rows[0]!
}
