import { type Budget, LogicError, produce, step } from './budget.ts'

/** A list in a list in a list … is made text of no deeper than this. */
const LISTS_MAX = 64

/**
 * What JavaScript makes of a value before it compares or computes: a list becomes its joined text, an object the text
 * `[object Object]`. Made here, because JavaScript would ask the value's own `toString` and `valueOf`, which data may
 * shadow, and would follow a list that holds itself a thousand times over.
 */
export function coerced(value: unknown, budget: Budget): unknown {
  return typeof value === 'object' && value !== null ? textOf(value, budget, LISTS_MAX) : value
}

function textOf(value: unknown, budget: Budget, depthLeft: number): string {
  if (value === null || value === undefined) return ''
  if (!Array.isArray(value)) {
    const text = typeof value === 'object' ? '[object Object]' : String(value)
    produce(budget, text.length)
    return text
  }
  if (depthLeft === 0) throw new LogicError(`a list is nested deeper than ${LISTS_MAX} levels`)
  step(budget, value.length)
  produce(budget, value.length)
  return value.map((item) => textOf(item, budget, depthLeft - 1)).join(',')
}

/** The number that JavaScript makes of a value; NaN where it makes none. */
export const numberOf = (value: unknown, budget: Budget): number => Number(coerced(value, budget))
