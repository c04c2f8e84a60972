import jsonLogic from 'json-logic-js'
import { VolleyError } from '../errors.ts'

/** What one evaluation may spend; json-logic-js alone bounds nothing. */
export interface Budget {
  operations: number
  /** Characters and elements of everything produced on the way. */
  produced: number
}

/** Enough for any rule that a person writes, and over in milliseconds for one that nobody should have written. */
export const fullBudget = (): Budget => ({ operations: 10_000, produced: 256 * 1024 })

/** An evaluation that could not be finished: the budget ran out, or an operator refused its arguments. */
export class LogicError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'LogicError'
  }
}

/** A checked piece of JSON-logic. Throws LogicError; never changes `data`. */
export type Logic = (data: unknown, budget: Budget) => unknown

/** Evaluated from their arguments alone; json-logic-js gives the meaning. */
const EAGER = [
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
]
/** Evaluate their arguments themselves. */
const LAZY = [
  'var',
  'missing',
  'missing_some',
  'if',
  '?:',
  'and',
  'or',
  'map',
  'filter',
  'reduce',
  'all',
  'none',
  'some',
] as const
type Lazy = (typeof LAZY)[number]

export const OPERATORS: ReadonlySet<string> = new Set([...EAGER, ...LAZY])

/** How deep a rule or a template may be nested. */
export const DEPTH_MAX = 32

/** Checks a document's JSON-logic; `path` is its JSON Pointer, which every complaint names. */
export function compileLogic(node: unknown, path: string, depth = 0): Logic {
  if (depth > DEPTH_MAX) refuse(path, `must not be nested deeper than ${DEPTH_MAX} levels`)
  if (Array.isArray(node)) {
    const parts = node.map((part, index) => compileLogic(part, `${path}/${index}`, depth + 1))
    return (data, budget) =>
      produced(
        parts.map((part) => part(data, budget)),
        budget,
      )
  }
  if (typeof node !== 'object' || node === null) return () => node
  const keys = Object.keys(node)
  const [operator] = keys
  if (operator === undefined || keys.length > 1) {
    refuse(
      path,
      `must have exactly one key, an operator; it has ${keys.length === 0 ? 'none' : keys.join(', ')}`,
    )
  }
  if (!OPERATORS.has(operator))
    refuse(`${path}/${pointer(operator)}`, `is not an operator; known are ${[...OPERATORS].join(' ')}`)
  const value = (node as Record<string, unknown>)[operator]
  const args = Array.isArray(value) ? value : [value]
  const compiled = args.map((arg, index) =>
    compileLogic(arg, `${path}/${pointer(operator)}/${index}`, depth + 1),
  )
  const run = (LAZY as readonly string[]).includes(operator)
    ? lazy[operator as Lazy](compiled)
    : eager(operator, compiled)
  return (data, budget) => {
    if (--budget.operations < 0) throw new LogicError('the rule takes more steps than a rule may')
    return run(data, budget)
  }
}

/** Throws the mistake of a document: `path` is the JSON Pointer of where, `message` says what was expected there. */
export function refuse(path: string, message: string): never {
  throw new VolleyError('document_invalid', `${path}: ${message}`, { details: [{ path, message }] })
}

const pointer = (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1')

/** Charges what a step has made. */
function produced<T>(value: T, budget: Budget): T {
  if (typeof value === 'string' || Array.isArray(value)) budget.produced -= value.length
  if (budget.produced < 0) throw new LogicError('the rule produces more than a rule may')
  return value
}

// The arguments go in as data, never as logic, so a text of an event that looks like a rule stays a text.
function eager(operator: string, args: Logic[]): Logic {
  const call = { [operator]: args.map((_, index) => ({ var: String(index) })) }
  return (data, budget) => {
    const values = args.map((arg) => arg(data, budget))
    if (coerces(operator, values)) for (const value of values) requirePlain(operator, value)
    return produced(jsonLogic.apply(call as Parameters<typeof jsonLogic.apply>[0], values), budget)
  }
}

/** Whether the operator turns its arguments into texts or numbers; comparing with null never does. */
function coerces(operator: string, values: readonly unknown[]): boolean {
  switch (operator) {
    case '!':
    case '!!':
    case '===':
    case '!==':
    case 'merge':
      return false
    case '==':
    case '!=':
      return !values.includes(null)
    default:
      return true
  }
}

/** An object among the arguments of an operator would be asked for its own toString or valueOf. */
function requirePlain(operator: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) throw new LogicError(`"${operator}" takes no objects`)
  if (value.some((item) => typeof item === 'object' && item !== null) && operator !== 'in') {
    throw new LogicError(`"${operator}" takes no lists of objects`)
  }
}

const truthy = (value: unknown) => jsonLogic.truthy(value)

const lazy: Record<Lazy, (args: Logic[]) => Logic> = {
  var: (args) => (data, budget) => {
    const found = read(data, args[0]?.(data, budget) ?? '')
    return found === undefined || found === null ? (args[1]?.(data, budget) ?? null) : found
  },
  missing: (args) => (data, budget) => {
    const values = args.map((arg) => arg(data, budget))
    return missing(Array.isArray(values[0]) ? values[0] : values, data)
  },
  missing_some:
    ([need, names]) =>
    (data, budget) => {
      const list = names?.(data, budget)
      const wanted = Array.isArray(list) ? list : []
      const absent = missing(wanted, data)
      return wanted.length - absent.length >= Number(need?.(data, budget)) ? [] : absent
    },
  if: conditional,
  '?:': conditional,
  and: (args) => (data, budget) => {
    let value: unknown = null
    for (const arg of args) {
      value = arg(data, budget)
      if (!truthy(value)) return value
    }
    return value
  },
  or: (args) => (data, budget) => {
    let value: unknown = null
    for (const arg of args) {
      value = arg(data, budget)
      if (truthy(value)) return value
    }
    return value
  },
  map:
    ([list, each]) =>
    (data, budget) =>
      produced(
        items(list, data, budget).map((item) => each?.(item, budget) ?? null),
        budget,
      ),
  filter:
    ([list, keep]) =>
    (data, budget) =>
      produced(
        items(list, data, budget).filter((item) => truthy(keep?.(item, budget))),
        budget,
      ),
  reduce:
    ([list, step, start]) =>
    (data, budget) =>
      items(list, data, budget).reduce(
        (accumulator: unknown, current) => step?.({ current, accumulator }, budget) ?? null,
        start?.(data, budget) ?? null,
      ),
  all:
    ([list, test]) =>
    (data, budget) => {
      const tested = items(list, data, budget)
      return tested.length > 0 && tested.every((item) => truthy(test?.(item, budget)))
    },
  none:
    ([list, test]) =>
    (data, budget) =>
      !items(list, data, budget).some((item) => truthy(test?.(item, budget))),
  some:
    ([list, test]) =>
    (data, budget) =>
      items(list, data, budget).some((item) => truthy(test?.(item, budget))),
}

function conditional(args: Logic[]): Logic {
  return (data, budget) => {
    let i = 0
    for (; i < args.length - 1; i += 2) {
      if (truthy(args[i]!(data, budget))) return args[i + 1]!(data, budget)
    }
    return args.length === i + 1 ? args[i]!(data, budget) : null
  }
}

function items(list: Logic | undefined, data: unknown, budget: Budget): unknown[] {
  const value = list?.(data, budget)
  return Array.isArray(value) ? value : []
}

function missing(names: readonly unknown[], data: unknown): unknown[] {
  return names.filter((name) => {
    const value = read(data, name)
    return value === undefined || value === null || value === ''
  })
}

/** What stands at a dotted path, by own properties only; undefined where nothing does. */
export function read(data: unknown, path: unknown): unknown {
  if (path === '' || path === null || path === undefined) return data
  let value = data
  for (const name of String(path).split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Record<string, unknown>)[name]
  }
  return value
}
