import { countedBudgets } from '../documents/budget.ts'
import { compileLogic, LogicError, read } from '../documents/evaluate.ts'
import { pathsIn } from '../documents/never-applies.ts'

/** One part of a condition, what it came to, and the facts that it looked at by their paths; null: not known. */
export interface Part {
  part: unknown
  came: 'true' | 'false' | 'failed' | 'not_run'
  facts: Record<string, unknown>
}

/** All parts of all conditions of one document: a web process has others to answer. */
const STEPS_MAX = 50_000

/** Explains conditions one after the other, until they have taken what one decision may. */
export function explainer(data: unknown): (when: unknown) => Part[] {
  const budgets = countedBudgets()
  const came = (part: unknown): Part['came'] => {
    if (budgets.taken() >= STEPS_MAX) return 'not_run'
    try {
      return compileLogic({ '!!': [part] }, '')(data, budgets.next()) === true ? 'true' : 'false'
    } catch (error) {
      if (error instanceof LogicError) return 'failed'
      throw error
    }
  }
  return (when) => conjuncts(when).map((part) => ({ part, came: came(part), facts: factsOf(part, data) }))
}

function factsOf(part: unknown, data: unknown): Record<string, unknown> {
  const paths = [...new Set(pathsIn(part))].filter((path) => path !== '?' && path !== '')
  return Object.fromEntries(paths.map((path) => [path, read(data, path) ?? null]))
}

function conjuncts(when: unknown): unknown[] {
  const parts = (when as { and?: unknown } | null)?.and
  return Array.isArray(parts) && Object.keys(when as object).length === 1 ? parts.flatMap(conjuncts) : [when]
}
