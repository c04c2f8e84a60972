import type { Withheld } from '../../actors/permissions.ts'
import type { Budget, Logic } from '../documents/evaluate.ts'
import type { Mistake } from '../errors.ts'
import type { Capped } from './caps.ts'

/** What deciding needs to know of a rule. */
export interface DecidingRule {
  domain: string
  name: string
  action: string
  confidence: number
  when: Logic
  parameters: Logic
  reasoning: (data: unknown, budget: Budget) => string
}

/** One thing that could be done for a user. */
export interface Candidate {
  rule: string
  action: string
  parameters: Record<string, unknown>
  confidence: number
  /** What the author of the rule believes, where `confidence` is what is believed by now. */
  prior?: number
  reasoning: string
}

/** What one rule said; `error` where it could not be evaluated, `mistakes` where its parameters are refused. */
export interface Considered {
  rule: string
  action: string
  said: 'offers' | 'does_not_apply' | 'not_available' | 'error' | Refused
  error?: string
  mistakes?: Mistake[]
}

/** Why what a rule offers may not be done now. */
export type Refused = Capped | Withheld | 'over_budget' | 'unknown_action_type' | 'invalid_parameters'

/** The best candidate first; `considered` says for every rule why it is among them or not. */
export interface Decided {
  recommendation: Candidate | null
  alternatives: Candidate[]
  considered: Considered[]
}

/** What the rules see. */
export interface DecidingData {
  event: unknown
  user: Record<string, unknown>
  context: Record<string, unknown>
  /** ISO time as of which is decided: that of the event, or of the question. */
  now: string
}

/** What all rules of one decision may take together: hundreds that each take all they may would hold up everybody else. */
const STEPS_MAX = 50_000

/** What was offered, in the order of the document, and what every rule said. */
export interface Consulted<R> {
  offers: { rule: R; candidate: Candidate }[]
  considered: Considered[]
}

/** Asks every rule. `available` null means that every action is. A rule that fails is recorded and stops nobody else. */
export function consult<R extends DecidingRule>(
  rules: readonly R[],
  data: DecidingData,
  available: readonly string[] | null,
  newBudget: () => Budget,
): Consulted<R> {
  const consulted: Consulted<R> = { offers: [], considered: [] }
  let stepsLeft = STEPS_MAX
  for (const rule of rules) {
    const budget = newBudget()
    const given = Math.min(budget.operations, stepsLeft)
    budget.operations = given
    const { said, candidate } = consider(rule, data, available, budget)
    stepsLeft -= given - Math.max(0, budget.operations)
    consulted.considered.push(said)
    if (candidate !== null) consulted.offers.push({ rule, candidate })
  }
  return consulted
}

/**
 * Asks every rule and ranks what they offer by what their authors believe: by confidence, then in the order of the
 * document, one candidate an action.
 */
export function decide(
  rules: readonly DecidingRule[],
  data: DecidingData,
  available: readonly string[] | null,
  newBudget: () => Budget,
): Decided {
  const { offers, considered } = consult(rules, data, available, newBudget)
  const byConfidence = offers.map(({ candidate }) => candidate).sort((a, b) => b.confidence - a.confidence)
  const [recommendation = null, ...alternatives] = oneAnAction(byConfidence)
  return { recommendation, alternatives, considered }
}

/** The first candidate of each action. */
export function oneAnAction(ranked: readonly Candidate[]): Candidate[] {
  const actions = new Set<string>()
  return ranked.filter(({ action }) => !actions.has(action) && actions.add(action))
}

function consider(
  rule: DecidingRule,
  data: DecidingData,
  available: readonly string[] | null,
  budget: Budget,
): { said: Considered; candidate: Candidate | null } {
  const { name, action } = rule
  if (available !== null && !available.includes(action))
    return { said: { rule: name, action, said: 'not_available' }, candidate: null }
  try {
    const holds = rule.when(data, budget)
    // As in JSON-logic: an empty list is false.
    if (!holds || (Array.isArray(holds) && holds.length === 0))
      return { said: { rule: name, action, said: 'does_not_apply' }, candidate: null }
    const candidate = {
      rule: name,
      action,
      parameters: rule.parameters(data, budget) as Record<string, unknown>,
      confidence: rule.confidence,
      reasoning: rule.reasoning(data, budget),
    }
    return { said: { rule: name, action, said: 'offers' }, candidate }
  } catch (error) {
    const message = (error as Error).message.slice(0, 500)
    return { said: { rule: name, action, said: 'error', error: message }, candidate: null }
  }
}
