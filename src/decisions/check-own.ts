import type {
  Case,
  MappingCaseGiven,
  RuleCaseExpect,
  RuleCaseGiven,
  ScoringCaseGiven,
} from '../documents/cases.ts'
import { repeatedCases } from '../documents/cases.ts'
import { type DocumentFile, schemaMistakes } from '../documents/document-file.ts'
import { doubtsOfMapping, doubtsOfRules, doubtsOfScoring } from '../documents/doubts-of-documents.ts'
import { doubtsOfStages } from '../documents/doubts-of-words.ts'
import { compileMapping, type Mapping } from '../documents/mappings.ts'
import { didYouMean, quoted } from '../documents/nearest.ts'
import { fileOf } from '../documents/own-documents.ts'
import { compileRuleDocument, type RuleDocument } from '../documents/rule-book.ts'
import { pointerSegment } from '../documents/schema-mistakes.ts'
import { compileScoring, type Scores, type WrittenScoring } from '../documents/scoring.ts'
import { type OwnKind, SCORING_IN_USE } from '../documents/shelf.ts'
import { type Mistake, VolleyError } from '../errors.ts'
import { type CasesResult, checkMapping, checkRules, checkScoring } from './check-documents.ts'

/** What a check of a tenant's own document found; places are within `{document, cases}`. */
export interface OwnCheck {
  mistakes: Mistake[]
  failedCases: { name: string; mistakes: string[] }[]
  /** What is allowed and was hardly meant. */
  warnings: Mistake[]
}

/** What else the tenant has, of which a document speaks. */
export interface CheckedBeside {
  /** Names of its active action types. */
  actionTypes: readonly string[]
  /** What scores its users; null: nothing does. */
  scoring: WrittenScoring | null
}

/** All cases together: a web process has others to answer. */
const STEPS_MAX = 300_000

/** What differs between the kinds once a document is compiled. */
interface Checkable {
  /** What it is called, and where it says so. */
  name: string
  nameAt: string
  doubts(beside: CheckedBeside): Mistake[]
  run(cases: readonly unknown[]): CasesResult
}

/** Checks a document as `volley rules check` does, and that it is called as in its address. */
export function checkOwn(
  { kind, name }: { kind: OwnKind; name: string },
  document: unknown,
  cases: readonly unknown[] | null,
  beside: CheckedBeside,
): OwnCheck {
  const unknown = [
    ...below('/document', schemaMistakes(kind, document)),
    ...(cases === null ? [] : schemaMistakes(`${kind}.cases`, { cases })),
  ]
  if (unknown.length === 0 && cases !== null) unknown.push(...repeatedCases(cases as { name: string }[]))
  if (unknown.length > 0) return { mistakes: unknown, failedCases: [], warnings: [] }
  const { compiled, mistakes } = compiledOrNot(() =>
    checkable(kind, { file: name, digest: '', value: document }),
  )
  if (compiled === null) return { mistakes, failedCases: [], warnings: [] }
  if (compiled.name !== name) {
    const message = `must be ${JSON.stringify(name)}, as in the address`
    return { mistakes: [{ path: `/document${compiled.nameAt}`, message }], failedCases: [], warnings: [] }
  }
  const doubts = below('/document', compiled.doubts(beside))
  if (cases === null)
    return { mistakes, failedCases: [], warnings: [...doubts, { path: '/cases', message: 'there are none' }] }
  const { failed, unshown } = compiled.run(cases)
  const warnings = [...doubts, ...unshown.map((message) => ({ path: '/cases', message }))]
  return { mistakes, failedCases: failed.map(({ name, mistakes }) => ({ name, mistakes })), warnings }
}

/** A document of rules ready to be asked; null with the mistakes where it is none. Places are within `{document}`. */
export function compiledRules(document: unknown): { compiled: RuleDocument | null; mistakes: Mistake[] } {
  const mistakes = below('/document', schemaMistakes('recommendations', document))
  if (mistakes.length > 0) return { compiled: null, mistakes }
  return compiledOrNot(() => compileRuleDocument({ file: 'document', digest: '', value: document }))
}

/** A kept version of a mapping, ready to be used; null with the mistakes where it cannot be. */
export function compiledMapping(kept: { name: string; version: number; document: unknown }): {
  compiled: Mapping | null
  mistakes: Mistake[]
} {
  const mistakes = below('/document', schemaMistakes('mappings', kept.document))
  if (mistakes.length > 0) return { compiled: null, mistakes }
  const file = fileOf({ kind: 'mappings', ...kept })
  return compiledOrNot(() => compileMapping({ file, digest: '', value: kept.document }))
}

function compiledOrNot<T>(compile: () => T): { compiled: T | null; mistakes: Mistake[] } {
  try {
    return { compiled: compile(), mistakes: [] }
  } catch (error) {
    if (!(error instanceof VolleyError)) throw error
    return { compiled: null, mistakes: below('/document', error.details as Mistake[]) }
  }
}

function checkable(kind: OwnKind, file: DocumentFile): Checkable {
  switch (kind) {
    case 'recommendations': {
      const made = compileRuleDocument(file)
      return {
        name: made.domain,
        nameAt: '/domain',
        doubts: ({ actionTypes, scoring }) => [
          ...made.rules.flatMap(({ action }, index) =>
            unknownType(action, actionTypes, `/rules/${index}/action`),
          ),
          ...(scoring === null ? [] : doubtsOfStages(made.written, scoring)),
          ...doubtsOfRules(made.written),
        ],
        run: (cases) => checkRules(made, cases as Case<RuleCaseGiven, RuleCaseExpect>[], STEPS_MAX),
      }
    }
    case 'mappings': {
      const made = compileMapping(file)
      return {
        name: made.name,
        nameAt: '/name',
        doubts: ({ actionTypes }) => [
          ...unknownType(made.action, actionTypes, '/action'),
          ...doubtsOfMapping(made.written),
        ],
        run: (cases) => checkMapping(made, cases as Case<MappingCaseGiven, unknown>[], STEPS_MAX),
      }
    }
    case 'scoring': {
      const made = compileScoring(file)
      return {
        name: made.name,
        nameAt: '/name',
        doubts: () => [...doubtsOfScoring(made.written), ...doubtsOfUse(made.name)],
        run: (cases) => checkScoring(made, cases as Case<ScoringCaseGiven, Partial<Scores>>[], STEPS_MAX),
      }
    }
    default:
      return kind satisfies never
  }
}

function unknownType(action: string, known: readonly string[], path: string): Mistake[] {
  if (known.includes(action)) return []
  const message = `there is no action type ${quoted(action)}, so nothing is sent${didYouMean(action, known)}`
  return [{ path, message }]
}

/** Of scoring documents only one is in use. */
const doubtsOfUse = (name: string): Mistake[] =>
  name === SCORING_IN_USE
    ? []
    : [{ path: '/name', message: `scores nobody: users are scored by the document called ${SCORING_IN_USE}` }]

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
