import { VolleyError } from '../errors.ts'
import { type Logic, produce, step } from './budget.ts'
import { LAZY_OPERATORS, type LazyOperator, lazyOperators, literalVar } from './lazy-operators.ts'
import { LIBRARY_OPERATORS, type LibraryOperator, libraryOperator } from './library-operators.ts'
import { didYouMean, quoted } from './nearest.ts'
import { misuseOf, type OwnOperatorName, ownOperator, ownOperators } from './own-operators.ts'
import { pointerSegment } from './schema-mistakes.ts'

export { type Budget, countedBudgets, fullBudget, type Logic, LogicError } from './budget.ts'
export { read } from './read.ts'

/** Every operator that a document may name. */
export const OPERATORS: ReadonlySet<string> = new Set([
  ...LIBRARY_OPERATORS,
  ...LAZY_OPERATORS,
  ...Object.keys(ownOperators),
])

/** How deep a rule or a template may be nested. */
export const DEPTH_MAX = 32

/** What the documents of one rule may hold: values, and characters of their texts. */
const VALUES_MAX = 10_000
const CHARACTERS_MAX = 256 * 1024

/** What is left of the size that one piece of a document may have. */
export interface Size {
  values: number
  characters: number
}

export const fullSize = (): Size => ({ values: VALUES_MAX, characters: CHARACTERS_MAX })

/** Counts a value of a document. Throws `document_invalid` where there are too many, or it is nested too deep. */
export function measure(node: unknown, path: string, depth: number, size: Size): void {
  if (depth > DEPTH_MAX) refuse(path, `must not be nested deeper than ${DEPTH_MAX} levels`)
  size.values -= 1
  if (typeof node === 'string') size.characters -= node.length
  // Before its elements are looked at: to list a million takes longer than all the rest.
  if (size.values < 0 || (Array.isArray(node) && node.length > size.values))
    refuse(path, `must not have more than ${VALUES_MAX} values`)
  if (size.characters < 0) refuse(path, `must not have texts of more than ${CHARACTERS_MAX} characters`)
}

/** Checks a document's JSON-logic; `path` is its JSON Pointer, which every complaint names. */
export function compileLogic(node: unknown, path: string, depth = 0, size = fullSize()): Logic {
  measure(node, path, depth, size)
  if (Array.isArray(node)) {
    const parts = node.map((part, index) => compileLogic(part, path + pointerSegment(index), depth + 1, size))
    return (data, budget) => {
      step(budget, parts.length)
      produce(budget, parts.length)
      return parts.map((part) => part(data, budget))
    }
  }
  if (typeof node !== 'object' || node === null) return () => node
  const operator = operatorOf(node, path)
  const value = (node as Record<string, unknown>)[operator]
  const here = path + pointerSegment(operator)
  const args = Array.isArray(value) ? value : [value]
  const placeOf = (index: number) => (Array.isArray(value) ? here + pointerSegment(index) : here)
  const compiled = args.map((arg, index) => compileLogic(arg, placeOf(index), depth + 1, size))
  if (Object.hasOwn(ownOperators, operator)) {
    const misuse = misuseOf(operator as OwnOperatorName, args)
    if (misuse !== null) refuse(misuse.index === null ? here : placeOf(misuse.index), misuse.message)
    return ownOperator(operator as OwnOperatorName, compiled)
  }
  // The library throws over nothing to multiply.
  if (operator === '*' && args.length === 0) refuse(here, 'must be given at least one argument')
  if (!(LAZY_OPERATORS as readonly string[]).includes(operator))
    return libraryOperator(operator as LibraryOperator, compiled)
  if (operator === 'var' && typeof args[0] === 'string') return literalVar(args[0], compiled[1])
  const run = lazyOperators[operator as LazyOperator](compiled)
  return (data, budget) => {
    step(budget)
    return run(data, budget)
  }
}

/** The only key of a node, which must be an operator. */
function operatorOf(node: object, path: string): string {
  const keys = Object.keys(node)
  const [operator] = keys
  if (operator === undefined || keys.length > 1) {
    const which = keys.length > 5 ? `${keys.length} keys` : keys.map(short).join(', ') || 'none'
    refuse(path, `must have exactly one key, an operator; it has ${which}`)
  }
  if (OPERATORS.has(operator)) return operator
  const known = [...OPERATORS]
  const place = path + pointerSegment(short(operator))
  if (operator === 'log' || operator === 'method')
    refuse(place, 'is not an operator that is allowed: a rule changes nothing and calls nothing')
  const foreign = FOREIGN.get(operator.toLowerCase())
  if (foreign !== undefined) refuse(place, `is not an operator; did you mean ${quoted(foreign)}?`)
  refuse(place, `is not an operator${didYouMean(operator, known) || `; known are ${known.join(' ')}`}`)
}

/** What other languages call an operator. */
const FOREIGN: ReadonlyMap<string, string> = new Map(
  Object.entries({
    '&&': 'and',
    '||': 'or',
    '=': '==',
    '<>': '!=',
    not: '!',
    eq: '==',
    equals: '==',
    is: '==',
    ne: '!=',
    neq: '!=',
    gt: '>',
    gte: '>=',
    ge: '>=',
    lt: '<',
    lte: '<=',
    le: '<=',
    contains: 'in',
    includes: 'in',
    concat: 'cat',
    length: 'size_of',
    size: 'size_of',
    count: 'size_of',
    sum: '+',
    add: '+',
    get: 'var',
    path: 'var',
    any: 'some',
    every: 'all',
    coalesce: '??',
    default: '??',
    lowercase: 'lower',
    uppercase: 'upper',
    startswith: 'starts_with',
    endswith: 'ends_with',
    substring: 'substr',
    when: 'if',
    mod: '%',
    plus: '+',
    minus: '-',
    times: '*',
  }),
)

const short = (text: string): string => (text.length > 80 ? `${text.slice(0, 80)}…` : text)

/** Throws the mistake of a document: `path` is the JSON Pointer of where, `message` says what was expected there. */
export function refuse(path: string, message: string): never {
  throw new VolleyError('document_invalid', `${path}: ${message}`, { details: [{ path, message }] })
}
