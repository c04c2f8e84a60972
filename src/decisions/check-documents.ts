import { isDeepStrictEqual } from 'node:util'
import type {
  Case,
  MappingCaseGiven,
  RuleCaseExpect,
  RuleCaseGiven,
  ScoringCaseGiven,
} from '../documents/cases.ts'
import { countedBudgets, LogicError } from '../documents/evaluate.ts'
import type { Mapping } from '../documents/mappings.ts'
import type { RuleDocument } from '../documents/rule-book.ts'
import type { Scores, Scoring } from '../documents/scoring.ts'
import { misspeltEvents, unknownRules, unknownStages } from './case-words.ts'
import { NOT_RUN, NOW, runRuleCases } from './try-rules.ts'

/** What the cases of a document came to: which do not hold, and what they leave out. */
export interface CasesResult {
  held: number
  /** `index` is the case's place in the table. */
  failed: { name: string; index: number; mistakes: string[] }[]
  /** What no case shows, as warnings. */
  unshown: string[]
}

/** Runs the cases of rules; warns of a rule that no case makes apply or win. */
export function checkRules(
  { rules }: RuleDocument,
  cases: readonly Case<RuleCaseGiven, RuleCaseExpect>[],
  stepsMax?: number,
): CasesResult {
  const results = runRuleCases(rules, cases, stepsMax).map((result, index) => ({
    ...result,
    mistakes: [...unknownRules(cases[index]!, index, rules), ...result.mistakes],
  }))
  const offered = new Set(results.flatMap((result) => result.offered))
  const won = new Set(results.map((result) => result.won))
  const unshown = rules.flatMap(({ name }) => {
    if (!offered.has(name)) return [`no case makes ${name} apply`]
    return won.has(name) ? [] : [`no case makes ${name} win`]
  })
  return { ...counted(results), unshown: [...misspeltEvents(cases, rules), ...unshown] }
}

/** Runs the cases of a mapping. */
export function checkMapping(
  { body }: Mapping,
  cases: readonly Case<MappingCaseGiven, unknown>[],
  stepsMax = Number.POSITIVE_INFINITY,
): CasesResult {
  const budgets = countedBudgets()
  const results = cases.map(({ name, given, expect }) => {
    if (budgets.taken() >= stepsMax) return { name, mistakes: [NOT_RUN] }
    try {
      const made = body({ user: {}, now: NOW, ...given }, budgets.next())
      return { name, mistakes: difference('body', expect, made) }
    } catch (error) {
      if (error instanceof LogicError) return { name, mistakes: [error.message] }
      throw error
    }
  })
  return { ...counted(results), unshown: [] }
}

/** Runs the cases of a scoring document; warns of a stage or a risk that no case comes to. */
export function checkScoring(
  { score, written }: Scoring,
  cases: readonly Case<ScoringCaseGiven, Partial<Scores>>[],
  stepsMax = Number.POSITIVE_INFINITY,
): CasesResult {
  const budgets = countedBudgets()
  const scored = cases.map((each, index) => {
    const { name, given, expect } = each
    if (budgets.taken() >= stepsMax) return { name, scores: null, mistakes: [NOT_RUN] }
    const data = { user: given.user ?? {}, now: given.now ?? NOW }
    const scores = score(data, budgets.next)
    const fields = Object.keys(expect) as (keyof Scores)[]
    return {
      name,
      scores,
      mistakes: [
        ...unknownStages(each, index, written),
        ...fields.flatMap((field) => difference(field, expect[field], scores[field])),
      ],
    }
  })
  const unshown = (['lifecycle_stage', 'risk_level'] as const).flatMap((part) =>
    written[part]
      .filter(({ is }) => !scored.some(({ scores }) => scores?.[part] === is))
      .map(({ is }) => `no case has the ${part} ${is}`),
  )
  return { ...counted(scored), unshown }
}

const difference = (what: string, expected: unknown, is: unknown): string[] =>
  isDeepStrictEqual(expected, is)
    ? []
    : [`${what}: expected ${JSON.stringify(expected)}, is ${JSON.stringify(is)}`]

function counted(results: readonly { name: string; mistakes: string[] }[]) {
  const failed = results.flatMap(({ name, mistakes }, index) =>
    mistakes.length > 0 ? [{ name, index, mistakes }] : [],
  )
  return {
    held: results.length - failed.length,
    failed,
  }
}
