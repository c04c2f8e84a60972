import type { Case, RuleCaseExpect, RuleCaseGiven, ScoringCaseGiven } from '../documents/cases.ts'
import { didYouMean, nearestWord, quoted } from '../documents/nearest.ts'
import { matches, type Rule } from '../documents/rule-book.ts'
import type { Scores, WrittenScoring } from '../documents/scoring.ts'

type RuleCase = Case<RuleCaseGiven, RuleCaseExpect>

/** What a case expects of rules that their document does not have, with its place in the table. */
export function unknownRules({ expect }: RuleCase, index: number, rules: readonly Rule[]): string[] {
  if (expect === null) return []
  const names = rules.map(({ name }) => name)
  const wrong = (path: string, name: string) =>
    names.includes(name)
      ? []
      : [`/cases/${index}/expect/${path}: no rule is called ${quoted(name)}${didYouMean(name, names)}`]
  const actions = [...new Set(rules.map(({ action }) => action))]
  const { rule, action, alternatives = [] } = expect
  return [
    ...wrong('rule', rule),
    ...alternatives.flatMap((name, place) => wrong(`alternatives/${place}`, name)),
    ...(action === undefined || actions.includes(action)
      ? []
      : [`/cases/${index}/expect/action: no rule offers ${quoted(action)}${didYouMean(action, actions)}`]),
  ]
}

/** Events for which no rule waits, and that look like one for which some rule does. */
export function misspeltEvents(cases: readonly RuleCase[], rules: readonly Rule[]): string[] {
  const types = [...new Set(rules.flatMap(({ on }) => on))]
  return cases.flatMap(({ given: { event } }, index) => {
    if (event === undefined || types.some((pattern) => matches(pattern, event.type))) return []
    const near = nearestWord(event.type, types)
    return near === null
      ? []
      : [
          `/cases/${index}/given/event/type: no rule waits for ${quoted(event.type)}; did you mean ${quoted(near)}?`,
        ]
  })
}

/** Stages and risks that a case expects and that the document does not have. */
export function unknownStages(
  { expect }: Case<ScoringCaseGiven, Partial<Scores>>,
  index: number,
  written: WrittenScoring,
): string[] {
  return (['lifecycle_stage', 'risk_level'] as const).flatMap((part) => {
    const stage = expect[part]
    const known = written[part].map(({ is }) => is)
    return stage === undefined || stage === null || known.includes(stage)
      ? []
      : [`/cases/${index}/expect/${part}: none is called ${quoted(stage)}${didYouMean(stage, known)}`]
  })
}
