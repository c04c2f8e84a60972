import { numberOf } from './coerce.ts'
import { compiledFrom, type DocumentFile, readDocument } from './document-file.ts'
import { type Budget, compileLogic, fullBudget, type Logic, LogicError } from './evaluate.ts'
import { truthy } from './library-operators.ts'

interface WrittenChoice {
  is: string
  when: unknown
}

export interface WrittenScoring {
  name: string
  lifecycle_stage: WrittenChoice[]
  activation_score: unknown
  engagement_score: unknown
  risk_level: WrittenChoice[]
}

/** What is known of a user by a scoring document; null where it says nothing. */
export interface Scores {
  lifecycle_stage: string | null
  /** 0 to 100, whole. */
  activation_score: number | null
  engagement_score: number | null
  risk_level: string | null
}

export interface Scoring {
  name: string
  file: string
  digest: string
  /** Never throws: what cannot be computed is null. */
  score(data: { user: Record<string, unknown>; now: string }, newBudget?: () => Budget): Scores
  written: WrittenScoring
}

/** Loads one document of `scoring/`. Throws `document_invalid` with the file, the place and what was expected. */
export const loadScoring = (rulesDir: string, path: string): Scoring =>
  compileScoring(readDocument(rulesDir, path, 'scoring'))

/** Makes scoring of a document that is valid by its schema. Throws `document_invalid` with the place in it. */
export function compileScoring({ file, digest, value }: DocumentFile): Scoring {
  const written = value as WrittenScoring
  return { name: written.name, file, digest, score: compiledFrom(file, () => compile(written)), written }
}

function compile(written: WrittenScoring): Scoring['score'] {
  const stage = choice(written.lifecycle_stage, '/lifecycle_stage')
  const risk = choice(written.risk_level, '/risk_level')
  const activation = points(compileLogic(written.activation_score, '/activation_score'))
  const engagement = points(compileLogic(written.engagement_score, '/engagement_score'))
  return (data, newBudget = fullBudget) => ({
    lifecycle_stage: orNull(stage, data, newBudget),
    activation_score: orNull(activation, data, newBudget),
    engagement_score: orNull(engagement, data, newBudget),
    risk_level: orNull(risk, data, newBudget),
  })
}

function orNull<T>(
  part: (data: unknown, budget: Budget) => T | null,
  data: unknown,
  newBudget: () => Budget,
): T | null {
  try {
    return part(data, newBudget())
  } catch (error) {
    if (error instanceof LogicError) return null
    throw error
  }
}

/** The first of the choices that applies. */
function choice(written: readonly WrittenChoice[], path: string) {
  const choices = written.map(({ is, when }, index) => ({
    is,
    when: compileLogic(when, `${path}/${index}/when`),
  }))
  return (data: unknown, budget: Budget): string | null =>
    choices.find(({ when }) => truthy(when(data, budget)))?.is ?? null
}

function points(logic: Logic) {
  return (data: unknown, budget: Budget): number | null => {
    const value = numberOf(logic(data, budget), budget)
    return Number.isNaN(value) ? null : Math.round(Math.min(100, Math.max(0, value)))
  }
}
