import { compileLogic, fullBudget, LogicError } from './evaluate.ts'
import { truthy } from './library-operators.ts'

/** Steps that several filters may still take together; each takes what it does away from it. */
export interface StepsLeft {
  steps: number
}

/**
 * Whether an endpoint is to be told of an event `{id, type, data}`, as its author's JSON-logic has it. Throws
 * `document_invalid` with the place where it is none. Where it cannot say, also since no steps are left, the endpoint is
 * told: rather once too often.
 */
export function compileFilter(filter: unknown): (event: unknown, left: StepsLeft) => boolean {
  const logic = compileLogic(filter, '')
  return (event, left) => {
    if (left.steps <= 0) return true
    const budget = fullBudget()
    const given = Math.min(budget.operations, left.steps)
    budget.operations = given
    try {
      return truthy(logic(event, budget))
    } catch (error) {
      if (error instanceof LogicError) return true
      throw error
    } finally {
      // An evaluation counts for a step even where it takes none.
      left.steps -= 1 + given - Math.max(0, budget.operations)
    }
  }
}
