import { originOf } from '../../../actors/report.ts'
import type { Candidate } from '../../decisions/decide.ts'
import { type Mistake, VolleyError } from '../../errors.ts'
import { acceptCarriedAction, type CarriedBefore } from '../../ledger/actions/carried.ts'
import type { NewAction } from '../../ledger/actions/insert-actions.ts'
import type { ReadDecision } from '../../ledger/decisions/decisions.ts'
import type { Spend } from '../../ledger/decisions/spending-key.ts'
import type { Earlier, OnceKey } from '../../ledger/intake/once.ts'
import type { RegisteredType } from '../../ledger/tenants/type-registry.ts'
import { knownDecision } from '../decisions/read.ts'
import { toldOf } from '../decisions/told.ts'
import type { Caller, WebDeps } from '../deps.ts'
import type { NewActionBody } from './new-action.ts'

/** A decision that an action carries out, and what of it. */
export interface Carrying {
  decision: ReadDecision
  candidate: Candidate
}

/**
 * What an action carries out that names a decision. Throws `not_found` where the caller has no such decision, and says
 * what was expected where it is for another user, or offered no such action.
 */
export async function carryingOf(
  { decision_id, user_id }: { decision_id: string; user_id: string },
  type: RegisteredType,
  caller: Caller,
  deps: WebDeps,
): Promise<Carrying> {
  const decision = await knownDecision(decision_id, caller, deps)
  if (caller.mode === 'test' && !decision.test) throw new VolleyError('live_key_needed')
  if (caller.mode === 'live' && decision.test) refuse('/decision_id', 'was decided for a test key')
  if (decision.userId !== user_id) refuse('/user_id', 'must be the user of the decision')
  const offered = decision.holdout ? [] : (decision.body?.candidates ?? [])
  const candidate = offered.find(({ action }) => action === type.name)
  if (candidate === undefined) {
    const names = [...new Set(offered.map(({ action }) => action))]
    const expected =
      names.length === 0 ? 'the decision offered nothing' : `must be one of ${names.join(', ')}`
    refuse('/action_type', expected)
  }
  if (decision.actionId !== null || decision.carried !== null)
    refuseCarried({
      actionId: decision.actionId,
      outcome: decision.carried?.outcome ?? null,
      isErased: false,
    })
  return { decision, candidate }
}

/** A body that gives no parameters has those that were offered; given ones, even none at all, stay as they are. */
export function withOffered(body: NewActionBody, carrying: Carrying | null): NewActionBody {
  return { ...body, parameters: body.parameters ?? carrying?.candidate.parameters ?? {} }
}

/** The row of an action that carries out a decision: by the rule of what it carries out, whose words it has. */
export function carryingRow(row: NewAction, { decision, candidate }: Carrying): NewAction {
  return {
    ...row,
    origin: originOf(`${decision.domain}/${candidate.rule}`),
    reasoning: row.reasoning ?? candidate.reasoning,
    confidence: row.confidence ?? candidate.confidence,
  }
}

/** Commits it; throws `invalid_transition` where the decision was carried out before. */
export async function acceptCarrying<T>(
  {
    row,
    type,
    once,
    answer,
  }: { row: NewAction; type: RegisteredType; once: OnceKey | null; answer(at: number): T },
  { decision, candidate: { rule, action } }: Carrying,
  deps: WebDeps,
): Promise<{ kind: 'accepted'; answer: T } | Earlier> {
  const isMute = row.test || row.shadow
  const told = toldOf(
    decision,
    { id: row.id, rule, action, outcome: null },
    { partitions: deps.config.partitions, now: Date.now() },
  )
  const accepted = await acceptCarriedAction(deps.ledger.pool, {
    decisionId: decision.id,
    row,
    once,
    answer,
    // What is never sent is never open.
    told: isMute ? null : told,
    spend: isMute ? null : await spendOf(decision, type, deps),
  })
  if (accepted.kind === 'carried') return refuseCarried(accepted.before)
  if (accepted.kind === 'accepted' && !isMute) deps.nudger.nudge([{ kind: 'event', p: told.p }])
  return accepted
}

async function spendOf(
  { tenant, domain }: ReadDecision,
  { estimatedCostUsd }: RegisteredType,
  { rules }: WebDeps,
): Promise<Spend | null> {
  await rules.ready([tenant])
  const document = rules.forTenant(tenant).documents.find((each) => each.domain === domain)
  const hasBudget = document !== undefined && document.policy.budget !== null
  return hasBudget && estimatedCostUsd !== null && estimatedCostUsd > 0
    ? { tenant, domain, usd: estimatedCostUsd }
    : null
}

function refuseCarried({ actionId }: CarriedBefore): never {
  const how = actionId === null ? 'its outcome was reported' : `its action is ${actionId}`
  throw new VolleyError('invalid_transition', `The decision was carried out before: ${how}.`)
}

function refuse(path: string, message: string): never {
  throw new VolleyError('invalid_body', undefined, { details: [{ path, message }] satisfies Mistake[] })
}
