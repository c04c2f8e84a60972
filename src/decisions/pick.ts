import { type Permissions, withheld } from '../../actors/permissions.ts'
import type { Standing } from '../../actors/standing.ts'
import { type Budget, fullBudget } from '../documents/evaluate.ts'
import type { Policy } from '../documents/policy.ts'
import type { Rule, RuleDocument } from '../documents/rule-book.ts'
import type { Mistake } from '../errors.ts'
import { believe } from './belief.ts'
import { capped } from './caps.ts'
import {
  type Candidate,
  type Considered,
  consult,
  type Decided,
  type DecidingData,
  oneAnAction,
} from './decide.ts'
import { type DomainLessons, segmentOf } from './lessons.ts'
import { meanOf } from './posterior.ts'
import { choose, type Random, type Strategy } from './strategy.ts'

/** What deciding needs to know of an action type. */
export interface OfferedType {
  /** What a user's consent goes by beside the name. */
  channel: string
  estimatedCostUsd: number | null
  validate(parameters: unknown): Mistake[]
}

/** All that a decision depends on beside the rules and what they see. */
export interface Circumstances {
  /** In ms; what rules see may be as of another time. */
  now: number
  standing: Standing
  /** What the user allows; another offer may be allowed, and one that is not teaches nothing. */
  permissions: Permissions
  lessons: DomainLessons
  /** Where a document does not say. */
  strategy: Strategy
  random: Random
  /** Names of the actions that may be offered; null: every one. */
  available: readonly string[] | null
  /** The action types that the tenant has, by name. */
  types: ReadonlyMap<string, OfferedType>
  /** Whether an action of no known type may be offered: to whoever carries it out himself. */
  takesUnknown: boolean
  /** What the domain may still spend; null: as much as it likes. */
  leftUsd: number | null
}

/** What was decided, and how the pick was made among several. */
export interface Picked extends Decided {
  /** Everything that could be done, the pick first: one action may be among them by several rules. */
  candidates: Candidate[]
  segment: string
  strategy: Strategy
  /** By rule: how likely it was to be picked. */
  propensities: Record<string, number>
}

/**
 * Asks the rules of one document, leaves out what may not be done now, and picks among the others by what outcomes have
 * taught; `confidence` is the mean of what is believed then.
 */
export function pick(
  document: Pick<RuleDocument, 'policy'>,
  rules: readonly Rule[],
  data: DecidingData,
  circumstances: Circumstances,
  newBudget: () => Budget = fullBudget,
): Picked {
  const { policy } = document
  const { lessons, now, random, available } = circumstances
  const { offers, considered } = consult(rules, data, available, newBudget)
  const allowed = offers.filter(({ rule, candidate }) =>
    passes(rule, candidate, policy, circumstances, considered),
  )
  const segment = segmentOf(policy.learning.segment, data, lessons, newBudget())
  const beliefs = believe(
    allowed.map(({ rule: { name, confidence } }) => ({
      confidence,
      pools: lessons.pools(name, segment, now),
    })),
    policy.learning.weight,
    lessons.kinship(now),
  )
  const arms = allowed.map(({ rule }, index) => ({ key: rule.name, posterior: beliefs[index]! }))
  const strategy = policy.learning.strategy ?? circumstances.strategy
  const { order, propensities } = choose(arms, strategy, random)
  const believed = new Map(
    allowed.map(({ candidate }, index) => [
      candidate.rule,
      { ...candidate, prior: candidate.confidence, confidence: rounded(meanOf(arms[index]!.posterior)) },
    ]),
  )
  const candidates = order.map((name) => believed.get(name)!)
  const [recommendation = null, ...alternatives] = oneAnAction(candidates)
  return { recommendation, alternatives, candidates, considered, segment, strategy, propensities }
}

/** Four digits are more than outcomes ever teach. */
const rounded = (confidence: number): number => Math.round(confidence * 1e4) / 1e4

/** Whether a rule may do what it offers; where it may not, what it said says so. */
function passes(
  rule: Rule,
  { parameters }: Candidate,
  { caps }: Policy,
  { standing, permissions, now, types, takesUnknown, leftUsd }: Circumstances,
  considered: Considered[],
): boolean {
  const refused = (why: Pick<Considered, 'said' | 'mistakes'>): boolean => {
    Object.assign(considered.find(({ rule: name }) => name === rule.name)!, why)
    return false
  }
  const type = types.get(rule.action)
  if (type === undefined && !takesUnknown) return refused({ said: 'unknown_action_type' })
  const mistakes = type?.validate(parameters) ?? []
  if (mistakes.length > 0) return refused({ said: 'invalid_parameters', mistakes })
  const isForbidden = withheld(permissions, { channel: type?.channel ?? '', action: rule.action, now })
  if (isForbidden !== null) return refused({ said: isForbidden })
  const said = capped(rule, caps, standing, now)
  if (said !== null) return refused({ said })
  if (leftUsd !== null && (type?.estimatedCostUsd ?? 0) > leftUsd) return refused({ said: 'over_budget' })
  return true
}
