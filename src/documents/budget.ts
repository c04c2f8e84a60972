/** What one evaluation may spend; json-logic-js alone bounds nothing. */
export interface Budget {
  operations: number
  /** Characters and elements of everything produced on the way. */
  produced: number
}

/** Enough for any rule that a person writes, and over in milliseconds for one that nobody should have written. */
export const fullBudget = (): Budget => ({ operations: 10_000, produced: 256 * 1024 })

/** Hands out full budgets and counts what is taken of them together. */
export function countedBudgets(): { next(): Budget; taken(): number } {
  const given: Budget[] = []
  let settled = 0
  // An evaluation counts for a step even where it takes none.
  const takenOf = ({ operations }: Budget) => 1 + fullBudget().operations - Math.max(0, operations)
  return {
    next() {
      for (const budget of given.splice(0)) settled += takenOf(budget)
      const budget = fullBudget()
      given.push(budget)
      return budget
    },
    taken: () => given.reduce((sum, budget) => sum + takenOf(budget), settled),
  }
}

/** An evaluation that could not be finished: the budget ran out, or an operator refused its arguments. */
export class LogicError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'LogicError'
  }
}

/** A checked piece of JSON-logic. Throws LogicError; never changes `data`. */
export type Logic = (data: unknown, budget: Budget) => unknown

/** Characters or elements that an operator reads in the time of one step. */
const READ_A_STEP = 64

/** Charges one step, and more for one that reads `read` characters or elements. */
export function step(budget: Budget, read = 0): void {
  budget.operations -= 1 + Math.floor(read / READ_A_STEP)
  if (budget.operations < 0) throw new LogicError('the rule takes more steps than a rule may')
}

/** Charges characters or elements before they are made. */
export function produce(budget: Budget, length: number): void {
  budget.produced -= length
  if (budget.produced < 0) throw new LogicError('the rule produces more than a rule may')
}

/** How many characters or elements a value has, not looking into its elements. */
export const lengthOf = (value: unknown): number =>
  typeof value === 'string' || Array.isArray(value) ? value.length : 1
