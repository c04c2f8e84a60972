import { isDeepStrictEqual } from 'node:util'
import type { Case, RuleCaseExpect, RuleCaseGiven } from '../documents/cases.ts'
import { type Budget, countedBudgets, fullBudget } from '../documents/evaluate.ts'
import { matches, type Rule } from '../documents/rule-book.ts'
import { type Decided, type DecidingData, decide } from './decide.ts'

/** As of when a case is decided that does not say. */
export const NOW = '2026-01-01T00:00:00.000Z'

/** What is said of a case for which no steps are left. */
export const NOT_RUN = 'was not run: the cases before it take too long'

/** What a case came to. */
export interface RuleCaseResult {
  name: string
  /** What was expected and is not so; empty where the case holds. */
  mistakes: string[]
  /** Names of the rules that offered something. */
  offered: string[]
  won: string | null
}

/** The data that rules see in a case, or when they are tried by hand. */
export function dataOf(given: RuleCaseGiven, userId: string): DecidingData {
  const { event, trigger } = given
  const now = given.now ?? event?.time ?? NOW
  return {
    event:
      event === undefined
        ? null
        : {
            id: 'ev_case',
            type: event.type,
            user_id: userId,
            data: event.data ?? {},
            time: event.time ?? now,
          },
    ...(trigger === undefined ? {} : { trigger: seenTrigger(trigger) }),
    user: { id: userId, ...given.user },
    context: given.context ?? {},
    now,
  }
}

/** Those of the rules that are asked: all, or only those that wait for the type of the event, or for the trigger. */
export function asked(
  rules: readonly Rule[],
  { event, trigger }: Pick<RuleCaseGiven, 'event' | 'trigger'>,
): readonly Rule[] {
  if (event !== undefined)
    return rules.filter((rule) => rule.on.some((pattern) => matches(pattern, event.type)))
  if (trigger === undefined) return rules
  // What is given may say more than the rule: facts that rules see of what happened.
  const isIt = (written: object) =>
    Object.entries(written).every(([name, value]) => isDeepStrictEqual(trigger[name], value))
  return rules.filter((rule) => rule.triggers.some(({ written }) => isIt(written)))
}

const KINDS = ['inactive_for', 'every', 'date', 'change']

const seenTrigger = (trigger: Record<string, unknown>) => ({
  kind: KINDS.find((kind) => Object.hasOwn(trigger, kind)) ?? null,
  ...trigger,
})

/** Asks rules by hand: nothing is recorded and nothing is sent. */
export const tried = (
  rules: readonly Rule[],
  given: RuleCaseGiven,
  userId: string,
  newBudget: () => Budget = fullBudget,
): Decided => decide(asked(rules, given), dataOf(given, userId), given.available_actions ?? null, newBudget)

/** Runs the cases of a document, those that come within so many steps; the others fail. */
export function runRuleCases(
  rules: readonly Rule[],
  cases: readonly Case<RuleCaseGiven, RuleCaseExpect>[],
  stepsMax = Number.POSITIVE_INFINITY,
): RuleCaseResult[] {
  const budgets = countedBudgets()
  return cases.map(({ name, given, expect }) => {
    if (budgets.taken() >= stepsMax) return { name, mistakes: [NOT_RUN], offered: [], won: null }
    const decided = tried(rules, given, 'user-case', budgets.next)
    return {
      name,
      mistakes: differences(decided, expect),
      offered: decided.considered.filter(({ said }) => said === 'offers').map(({ rule }) => rule),
      won: decided.recommendation?.rule ?? null,
    }
  })
}

function differences(
  { recommendation, alternatives, considered }: Decided,
  expect: RuleCaseExpect,
): string[] {
  const failed = considered.filter(({ said }) => said === 'error')
  const errors = failed.map(({ rule, error }) => `${rule} failed: ${error}`)
  if (expect === null)
    return recommendation === null ? errors : [`expected nothing, ${recommendation.rule} wins`]
  if (recommendation === null) return [`expected ${expect.rule} to win, nothing is recommended`, ...errors]
  const is: Required<NonNullable<RuleCaseExpect>> = {
    ...recommendation,
    alternatives: alternatives.map(({ rule }) => rule),
  }
  return [
    ...(Object.keys(expect) as (keyof typeof is)[]).flatMap((field) =>
      isDeepStrictEqual(expect[field], is[field])
        ? []
        : [`${field}: expected ${JSON.stringify(expect[field])}, is ${JSON.stringify(is[field])}`],
    ),
    ...errors,
  ]
}
