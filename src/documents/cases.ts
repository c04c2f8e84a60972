import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readDocument, type SchemaName } from './document-file.ts'

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
  return { file, cases: (value as { cases: Case<Given, Expect>[] }).cases }
}

/** `rules/recommendations/x.cases.json` of `rules/recommendations/x.json`. */
export const casesFileOf = (file: string): string => file.replace(/\.json$/, '.cases.json')
