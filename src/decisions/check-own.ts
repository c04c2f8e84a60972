import type { Case, RuleCaseExpect, RuleCaseGiven } from '../documents/cases.ts'
import { schemaMistakes } from '../documents/document-file.ts'
import { doubtsOfRules } from '../documents/doubts-of-documents.ts'
import { compileRuleDocument, type RuleDocument } from '../documents/rule-book.ts'
import { pointerSegment } from '../documents/schema-mistakes.ts'
import { type Mistake, VolleyError } from '../errors.ts'
import { checkRules } from './check-documents.ts'

/** What a check of a tenant's own document found; places are within `{document, cases}`. */
export interface OwnCheck {
  /** Null where it cannot be used. */
  compiled: RuleDocument | null
  mistakes: Mistake[]
  failedCases: { name: string; mistakes: string[] }[]
  /** What is allowed and was hardly meant. */
  warnings: Mistake[]
}

/** All cases together: a web process has others to answer. */
const STEPS_MAX = 300_000

const NOTHING = { compiled: null, failedCases: [], warnings: [] }

/** Checks a document of rules as `volley rules check` does, and that it is about the domain of its name. */
export function checkOwnRules(name: string, document: unknown, cases: readonly unknown[] | null): OwnCheck {
  const mistakes = [
    ...below('/document', schemaMistakes('recommendations', document)),
    ...(cases === null ? [] : schemaMistakes('recommendations.cases', { cases })),
  ]
  if (mistakes.length > 0) return { ...NOTHING, mistakes }
  let compiled: RuleDocument
  try {
    compiled = compileRuleDocument({ file: name, digest: '', value: document })
  } catch (error) {
    if (!(error instanceof VolleyError)) throw error
    return { ...NOTHING, mistakes: below('/document', error.details as Mistake[]) }
  }
  if (compiled.domain !== name)
    return {
      ...NOTHING,
      mistakes: [{ path: '/document/domain', message: `must be ${JSON.stringify(name)}, as in the address` }],
    }
  const warnings = below('/document', doubtsOfRules(compiled.written))
  if (cases === null)
    return {
      compiled,
      mistakes,
      failedCases: [],
      warnings: [...warnings, { path: '/cases', message: 'there are none' }],
    }
  const { failed, unshown } = checkRules(compiled, cases as Case<RuleCaseGiven, RuleCaseExpect>[], STEPS_MAX)
  return {
    compiled,
    mistakes,
    failedCases: failed,
    warnings: [...warnings, ...unshown.map((message) => ({ path: '/cases', message }))],
  }
}

const below = (place: string, mistakes: readonly Mistake[]): Mistake[] =>
  mistakes.map(({ path, message }) => ({ path: place + path, message }))

/** One place where two documents differ; null where one of them has nothing there. */
export interface Difference {
  path: string
  from: unknown
  to: unknown
}

const DIFFERENCES_MAX = 500

/** Where two documents differ; rules are told apart by their names, and other lists by place. */
export function differencesOf(from: unknown, to: unknown, path = ''): Difference[] {
  if (Object.is(from, to)) return []
  const [before, after] = [partsOf(from), partsOf(to)]
  if (before === null || after === null || Array.isArray(from) !== Array.isArray(to))
    return [{ path, from: from ?? null, to: to ?? null }]
  const names = [...new Set([...before.keys(), ...after.keys()])]
  return names
    .flatMap((name) => differencesOf(before.get(name), after.get(name), path + pointerSegment(name)))
    .slice(0, DIFFERENCES_MAX)
}

function partsOf(value: unknown): Map<string, unknown> | null {
  if (typeof value !== 'object' || value === null) return null
  if (!Array.isArray(value)) return new Map(Object.entries(value))
  const names = value.map((item) => (item as { name?: unknown } | null)?.name)
  const isNamed = names.every((name) => typeof name === 'string') && new Set(names).size === names.length
  return new Map(value.map((item, index) => [isNamed ? String(names[index]) : String(index), item]))
}
