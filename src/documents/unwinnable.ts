import { isDeepStrictEqual } from 'node:util'
import type { Mistake } from '../errors.ts'
import { compileLogic, fullBudget, LogicError } from './evaluate.ts'
import { truthy } from './library-operators.ts'
import { matches, type WrittenRule } from './rule-book.ts'

/** Rules that can never apply, or never win, as far as their documents say so by themselves. */
export function unwinnable(rules: readonly WrittenRule[]): Mistake[] {
  return rules.flatMap((rule, index) => {
    const path = `/rules/${index}`
    const always = constantOf(rule.when)
    if (always === false)
      return [{ path: `${path}/when`, message: 'is never true: the rule can never apply' }]
    if (rule.on.every((each) => typeof each !== 'string') && needsEvent(rule.when))
      return [
        {
          path: `${path}/on`,
          message: 'names no type of event, so none asks the rule, and without one it can never apply',
        },
      ]
    const better = rules.find((other, place) => other !== rule && beats(other, place, rule, index))
    if (better === undefined) return []
    const reason =
      constantOf(better.when) === true ? 'always applies' : 'applies under the very same condition'
    return [
      {
        path,
        message: `${rule.name} can never win: ${better.name} ${reason} and comes before it (confidence ${better.confidence})`,
      },
    ]
  })
}

/** Whether `other` applies wherever `rule` does, is asked wherever it is, and is ranked before it. */
function beats(other: WrittenRule, place: number, rule: WrittenRule, index: number): boolean {
  const isBefore =
    other.confidence > rule.confidence || (other.confidence === rule.confidence && place < index)
  const isAsked = rule.on.every((asking) => other.on.some((each) => covers(each, asking)))
  const applies = constantOf(other.when) === true || isDeepStrictEqual(other.when, rule.when)
  return isBefore && isAsked && applies
}

/** Whether a pattern takes every type that another one does; a trigger takes itself alone. */
const covers = (pattern: Asking, other: Asking): boolean =>
  typeof pattern === 'string' && typeof other === 'string'
    ? pattern === other || matches(pattern, other.endsWith('.*') ? other.slice(0, -1) : other)
    : isDeepStrictEqual(pattern, other)

type Asking = WrittenRule['on'][number]

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
