import type { Mistake } from '../errors.ts'
import { compileLogic, fullBudget, LogicError } from './evaluate.ts'
import { truthy } from './library-operators.ts'
import type { WrittenRule } from './rule-book.ts'

/**
 * Rules that can never apply, as far as their documents say so by themselves. That one never wins no document says:
 * what is learnt of the others, their caps and cool-downs, and chance let it.
 */
export function neverApplies(rules: readonly WrittenRule[]): Mistake[] {
  return rules.flatMap((rule, index) => {
    const path = `/rules/${index}`
    if (constantOf(rule.when) === false)
      return [{ path: `${path}/when`, message: 'is never true: the rule can never apply' }]
    if (rule.on.every((each) => typeof each !== 'string') && needsEvent(rule.when))
      return [
        {
          path: `${path}/on`,
          message: 'names no type of event, so none asks the rule, and without one it can never apply',
        },
      ]
    return []
  })
}

/** What a condition is whatever the data; null where it looks at the data, or fails. */
function constantOf(when: unknown): boolean | null {
  return looksAtData(when) ? null : heldAgainst(when, null)
}

/** Whether a condition is false where there is no event, and looks at nothing else. */
function needsEvent(when: unknown): boolean {
  const paths = pathsIn(when)
  return (
    paths.length > 0 &&
    paths.every((path) => path === 'event' || path.startsWith('event.')) &&
    heldAgainst(when, { event: null }) === false
  )
}

function heldAgainst(when: unknown, data: unknown): boolean | null {
  try {
    return truthy(compileLogic(when, '')(data, fullBudget()))
  } catch (error) {
    if (error instanceof LogicError) return null
    throw error
  }
}

const looksAtData = (node: unknown): boolean => pathsIn(node).length > 0

/** The paths that logic reads; `?` for one that is computed. */
export function pathsIn(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(pathsIn)
  if (typeof node !== 'object' || node === null) return []
  return Object.entries(node).flatMap(([operator, value]) => {
    const [first] = Array.isArray(value) ? value : [value]
    if (operator === 'missing' || operator === 'missing_some') return ['?']
    if (operator !== 'var') return pathsIn(value)
    return [typeof first === 'string' ? first : '?', ...pathsIn(value)]
  })
}
