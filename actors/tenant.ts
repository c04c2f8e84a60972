/**
 * What a tenant's actor does with an event: asks the rules and decides which actions follow. Pure: no I/O, no clock,
 * no chance. Types, rules and budgets come in as values.
 */
import {
  type Candidate,
  type Decided,
  type DecidingRule,
  decide,
  userContext,
} from '../src/decisions/decide.ts'
import { fullBudget } from '../src/documents/evaluate.ts'
import type { Mistake } from '../src/errors.ts'

export interface TenantEvent {
  id: string
  userId: string
  type: string
  data: Record<string, unknown>
  /** ms since the epoch. */
  time: number
}

/** What is known of the user of an event; beside it rules see what scoring says. */
export type KnownUser = Record<string, unknown>

/** What deciding needs to know of an action type. */
export interface OfferedType {
  validate(parameters: unknown): Mistake[]
}

/** A decision as it is kept: what was decided, and why nothing was sent where nothing was. */
export interface EventDecision extends Decided {
  domain: string
  event: { id: string; type: string }
  sent: boolean
  reason: 'unknown_action_type' | 'invalid_parameters' | 'rule_failed' | null
  mistakes: Mistake[]
}

export interface AskedAction {
  typeName: string
  parameters: Record<string, unknown>
  reasoning: string
  confidence: number
  /** `rule:<domain>/<name>` */
  origin: string
}

/**
 * One decision for each domain of which a rule offers something; the best offer becomes an action, unless the tenant
 * has no such type or its schema refuses the parameters. Where nothing is offered because a rule failed, the decision
 * says so: an event must not vanish without a trace.
 */
export function decideEvent(asked: {
  event: TenantEvent
  user: KnownUser
  rules: readonly DecidingRule[]
  types: ReadonlyMap<string, OfferedType>
}): { decision: EventDecision; action: AskedAction | null }[] {
  const { event, user, rules, types } = asked
  const time = new Date(event.time).toISOString()
  const data = {
    event: { id: event.id, type: event.type, user_id: event.userId, data: event.data, time },
    user: { id: event.userId, ...userContext(), ...user },
    context: {},
    // A decision about an event is taken as of the event, however late it is read.
    now: time,
  }
  return [...new Set(rules.map((rule) => rule.domain))].flatMap((domain) => {
    const decided = decide(
      rules.filter((rule) => rule.domain === domain),
      data,
      null,
      fullBudget,
    )
    const about = { ...decided, domain, event: { id: event.id, type: event.type } }
    if (decided.recommendation !== null) return [concluded(about, decided.recommendation, types)]
    if (!decided.considered.some(({ said }) => said === 'error')) return []
    return [
      { decision: { ...about, sent: false, reason: 'rule_failed' as const, mistakes: [] }, action: null },
    ]
  })
}

function concluded(
  about: Omit<EventDecision, 'sent' | 'reason' | 'mistakes'>,
  pick: Candidate,
  types: ReadonlyMap<string, OfferedType>,
): { decision: EventDecision; action: AskedAction | null } {
  const type = types.get(pick.action)
  const mistakes = type?.validate(pick.parameters) ?? []
  const reason =
    type === undefined ? 'unknown_action_type' : mistakes.length > 0 ? 'invalid_parameters' : null
  const { action, parameters, reasoning, confidence, rule } = pick
  const origin = `rule:${about.domain}/${rule}`
  return {
    decision: { ...about, sent: reason === null, reason, mistakes },
    action: reason === null ? { typeName: action, parameters, reasoning, confidence, origin } : null,
  }
}
