import jsonLogic from 'json-logic-js'
import { type Budget, type Logic, LogicError, lengthOf, produce, step } from './budget.ts'
import { coerced } from './coerce.ts'

/** Evaluated from their arguments alone; json-logic-js gives the meaning. */
export const LIBRARY_OPERATORS = [
  '==',
  '===',
  '!=',
  '!==',
  '!',
  '!!',
  '>',
  '>=',
  '<',
  '<=',
  'max',
  'min',
  '+',
  '-',
  '*',
  '/',
  '%',
  'merge',
  'in',
  'cat',
  'substr',
] as const
export type LibraryOperator = (typeof LIBRARY_OPERATORS)[number]

/** Comparisons of one character with another that take the time of one step. */
const COMPARED_A_STEP = 2_048

type Unary = (a: unknown) => unknown
type Binary = (a: never, b: never) => unknown

/**
 * What the library does with one or two arguments, written out: it would look up each argument as a fact of its own, which
 * takes most of the time of a rule. A test holds both together.
 */
const DIRECT: {
  readonly 1: Partial<Record<LibraryOperator, Unary>>
  readonly 2: Partial<Record<LibraryOperator, Binary>>
} = {
  1: { '!': (a) => !truthy(a), '!!': (a) => truthy(a) },
  2: {
    // biome-ignore lint/suspicious/noDoubleEquals: that is what the operator means
    '==': (a, b) => a == b,
    '===': (a, b) => a === b,
    // biome-ignore lint/suspicious/noDoubleEquals: that is what the operator means
    '!=': (a, b) => a != b,
    '!==': (a, b) => a !== b,
    '>': (a, b) => a > b,
    '>=': (a, b) => a >= b,
    '<': (a, b) => a < b,
    '<=': (a, b) => a <= b,
    '%': (a, b) => a % b,
    '/': (a, b) => a / b,
    // Nothing is in an empty text, as the library has it, not even another one.
    in: (a, b: readonly unknown[]) => b.length > 0 && b.indexOf(a) !== -1,
  },
}

/** One of the library's operators within the budget. */
export function libraryOperator(operator: LibraryOperator, args: readonly Logic[]): Logic {
  const unary = args.length === 1 ? DIRECT[1][operator] : undefined
  const binary = args.length === 2 ? DIRECT[2][operator] : undefined
  const byLibrary = generally(operator, args, { unary, binary })
  if (binary === undefined) return byLibrary
  const [one, other] = args as readonly [Logic, Logic]
  const isSearch = operator === 'in'
  // Nearly every condition compares two plain values, hundreds of times a decision: nothing is made for them.
  return (data, budget) => {
    step(budget)
    const a = one(data, budget)
    step(budget)
    const b = other(data, budget)
    if (!isPlain(a) || (isSearch ? !Array.isArray(b) : !isPlain(b))) return byLibrary(data, budget, [a, b])
    step(budget, lengthOf(a) + lengthOf(b))
    return binary((a ?? null) as never, (b ?? null) as never)
  }
}

/** Neither a list nor an object: as it is. */
const isPlain = (value: unknown): boolean => typeof value !== 'object' || value === null

/** For arguments of any kind; `known` where they are evaluated, and charged for, already. */
function generally(
  operator: LibraryOperator,
  args: readonly Logic[],
  { unary, binary }: { unary: Unary | undefined; binary: Binary | undefined },
): (data: unknown, budget: Budget, known?: unknown[]) => unknown {
  // The arguments go in as data, never as logic, so a text of an event that looks like a rule stays a text.
  const call = { [operator]: args.map((_, index) => ({ var: String(index) })) }
  return (data, budget, known) => {
    // The library looks up each argument as if it were a fact.
    const values =
      known ??
      args.map((arg) => {
        step(budget)
        return arg(data, budget)
      })
    step(
      budget,
      values.reduce<number>((sum, value) => sum + lengthOf(value), 0),
    )
    if (operator === 'merge') return merged(values, budget)
    if (operator === 'in' && !isSearchable(values, budget)) return false
    const given = prepared(operator, values, budget)
    // The library takes what is not there for null.
    if (unary !== undefined) return unary(given[0] ?? null)
    if (binary !== undefined) return binary((given[0] ?? null) as never, (given[1] ?? null) as never)
    const made = jsonLogic.apply(call as Parameters<typeof jsonLogic.apply>[0], given) as unknown
    if (typeof made === 'string') produce(budget, made.length)
    return made
  }
}

/** The library joins list by list and copies the first one each time; this is the same in one go, charged before. */
function merged(values: readonly unknown[], budget: Budget): unknown[] {
  produce(
    budget,
    values.reduce<number>((sum, value) => sum + (Array.isArray(value) ? value.length : 1), 0),
  )
  return values.flat()
}

/** Whether there is a text or a list to search; an object of the data may have an `indexOf` of its own. */
function isSearchable([needle, hay]: readonly unknown[], budget: Budget): boolean {
  // A search for a long text in a longer one may compare each character with each.
  if (typeof hay === 'string')
    step(budget, Math.ceil((hay.length * lengthOf(needle)) / COMPARED_A_STEP) * 64 - 64)
  return typeof hay === 'string' || Array.isArray(hay)
}

/** The arguments with everything that the operator would make a text or a number of made so already. */
function prepared(operator: LibraryOperator, values: unknown[], budget: Budget): unknown[] {
  const all = () => values.map((value) => coerced(value, budget))
  switch (operator) {
    case '!':
    case '!!':
    case '===':
    case '!==':
    case 'merge':
      return values
    case '==':
    case '!=': {
      // Two lists or objects are equal where they are the same one, and null equals none of them.
      const [a, b] = values
      return isObject(a) !== isObject(b) && (a ?? null) !== null && (b ?? null) !== null ? all() : values
    }
    case 'in':
      return typeof values[1] === 'string' ? all() : values
    case '*':
      return values.length === 1 ? values : all()
    case 'cat':
    case 'substr':
      for (const value of values) refuseObjects(operator, value)
      return all()
    default:
      return all()
  }
}

const isObject = (value: unknown) => typeof value === 'object' && value !== null

/** Nobody wants to be sent "[object Object]". */
function refuseObjects(operator: string, value: unknown): void {
  if (!isObject(value)) return
  if (!Array.isArray(value)) throw new LogicError(`"${operator}" takes no objects`)
  if (value.some(isObject)) throw new LogicError(`"${operator}" takes no lists of objects`)
}

/** As JSON-logic has it: an empty list is false. */
export function truthy(value: unknown): boolean {
  return jsonLogic.truthy(value)
}
