import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Mistake } from '../errors.ts'
import { invalid, readDocument, type SchemaName } from './document-file.ts'

/** One line of the truth table beside a document. */
export interface Case<Given, Expect> {
  name: string
  given: Given
  expect: Expect
}

export interface RuleCaseGiven {
  event?: { type: string; data?: Record<string, unknown>; time?: string }
  /** A trigger as in `on`, and what else rules see of it. */
  trigger?: Record<string, unknown>
  user?: Record<string, unknown>
  context?: Record<string, unknown>
  now?: string
  available_actions?: string[]
}

export interface MappingCaseGiven {
  action: Record<string, unknown>
  user?: Record<string, unknown>
  now?: string
}

export interface ScoringCaseGiven {
  user?: Record<string, unknown>
  now?: string
}

/** What is named must be so; null: nothing is recommended. */
export type RuleCaseExpect = {
  rule: string
  action?: string
  parameters?: Record<string, unknown>
  confidence?: number
  reasoning?: string
  alternatives?: string[]
} | null

/**
 * The cases beside a document, `x.cases.json` beside `x.json`; null where there is no such file. Throws
 * `document_invalid` as documents do.
 */
export function loadCases<Given, Expect>(
  rulesDir: string,
  documentFile: string,
  schema: Extract<SchemaName, `${string}.cases`>,
): { file: string; cases: Case<Given, Expect>[] } | null {
  const place = join(rulesDir, casesFileOf(documentFile).slice('rules/'.length))
  if (!existsSync(place)) return null
  const { file, value } = readDocument(rulesDir, place, schema)
  const { cases } = value as { cases: Case<Given, Expect>[] }
  const mistakes = repeatedCases(cases)
  if (mistakes.length > 0) throw invalid(file, mistakes)
  return { file, cases }
}

/** Cases that are called as one before them: whoever reads that one fails must know which. */
export function repeatedCases(cases: readonly { name: string }[]): Mistake[] {
  const places = new Map<string, number>()
  return cases.flatMap(({ name }, index) => {
    const first = places.get(name)
    if (first === undefined) places.set(name, index)
    return first === undefined
      ? []
      : [{ path: `/cases/${index}/name`, message: `is the name of /cases/${first} too` }]
  })
}

/** `rules/recommendations/x.cases.json` of `rules/recommendations/x.json`. */
export const casesFileOf = (file: string): string => file.replace(/\.json$/, '.cases.json')
