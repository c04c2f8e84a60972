import type { Budget, Logic } from '../documents/evaluate.ts'

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
  reasoning: string
}

/** What one rule said; `error` where it could not be evaluated. */
export interface Considered {
  rule: string
  action: string
  said: 'offers' | 'does_not_apply' | 'not_available' | 'error'
  error?: string
}

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

/**
 * Asks every rule and ranks what they offer: by confidence, then in the order of the document, one candidate an
 * action. `available` null means that every action is. A rule that fails is recorded and stops nobody else.
 */
export function decide(
  rules: readonly DecidingRule[],
  data: DecidingData,
  available: readonly string[] | null,
  newBudget: () => Budget,
): Decided {
  const considered: Considered[] = []
  const candidates: Candidate[] = []
  let stepsLeft = STEPS_MAX
  for (const rule of rules) {
    const budget = newBudget()
    const given = Math.min(budget.operations, stepsLeft)
    budget.operations = given
    const { candidate, ...said } = consider(rule, data, available, budget)
    stepsLeft -= given - Math.max(0, budget.operations)
    considered.push(said)
    if (candidate !== null) candidates.push(candidate)
  }
  const [recommendation = null, ...alternatives] = best(candidates)
  return { recommendation, alternatives, considered }
}

function consider(
  rule: DecidingRule,
  data: DecidingData,
  available: readonly string[] | null,
  budget: Budget,
): Considered & { candidate: Candidate | null } {
  const about = { rule: rule.name, action: rule.action, candidate: null }
  if (available !== null && !available.includes(rule.action)) return { ...about, said: 'not_available' }
  try {
    const holds = rule.when(data, budget)
    // As in JSON-logic: an empty list is false.
    if (!holds || (Array.isArray(holds) && holds.length === 0)) return { ...about, said: 'does_not_apply' }
    const candidate = {
      rule: rule.name,
      action: rule.action,
      parameters: rule.parameters(data, budget) as Record<string, unknown>,
      confidence: rule.confidence,
      reasoning: rule.reasoning(data, budget),
    }
    return { ...about, said: 'offers', candidate }
  } catch (error) {
    return { ...about, said: 'error', error: (error as Error).message.slice(0, 500) }
  }
}

function best(candidates: readonly Candidate[]): Candidate[] {
  const byAction = new Map<string, Candidate>()
  for (const candidate of candidates) {
    const rival = byAction.get(candidate.action)
    if (rival === undefined || candidate.confidence > rival.confidence)
      byAction.set(candidate.action, candidate)
  }
  return [...byAction.values()].sort((a, b) => b.confidence - a.confidence)
}

/** What is known of a user; all null until scoring exists. */
export interface UserContext {
  lifecycle_stage: string | null
  activation_score: number | null
  engagement_score: number | null
  risk_level: string | null
}

export function userContext(): UserContext {
  return { lifecycle_stage: null, activation_score: null, engagement_score: null, risk_level: null }
}
