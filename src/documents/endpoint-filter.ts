import { compileLogic, fullBudget, LogicError } from './evaluate.ts'
import { truthy } from './library-operators.ts'

/**
 * Whether an endpoint is to be told of an event `{id, type, data}`, as its author's JSON-logic has it. Throws
 * `document_invalid` with the place where it is none. Where it cannot say, the endpoint is told: rather once too often.
 */
export function compileFilter(filter: unknown): (event: unknown) => boolean {
  const logic = compileLogic(filter, '')
  return (event) => {
    try {
      return truthy(logic(event, fullBudget()))
    } catch (error) {
      if (error instanceof LogicError) return true
      throw error
    }
  }
}
