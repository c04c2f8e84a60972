import { type Budget, type Logic, lengthOf, produce, step } from './budget.ts'
import { coerced, numberOf } from './coerce.ts'
import { truthy } from './library-operators.ts'
import { follow, read } from './read.ts'

/** Evaluate their arguments themselves: those that look into the data, choose, or go through a list. */
export const LAZY_OPERATORS = [
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
  '??',
] as const
export type LazyOperator = (typeof LAZY_OPERATORS)[number]

export const lazyOperators: Record<LazyOperator, (args: readonly Logic[]) => Logic> = {
  var: (args) => (data, budget) => {
    const found = at(data, args[0]?.(data, budget), budget)
    return found === undefined || found === null ? (args[1]?.(data, budget) ?? null) : found
  },
  missing: (args) => (data, budget) => {
    const values = args.map((arg) => arg(data, budget))
    return missing(Array.isArray(values[0]) ? values[0] : values, data, budget)
  },
  missing_some:
    ([need, names]) =>
    (data, budget) => {
      const list = names?.(data, budget)
      const wanted = Array.isArray(list) ? list : []
      const absent = missing(wanted, data, budget)
      return wanted.length - absent.length >= numberOf(need?.(data, budget), budget) ? [] : absent
    },
  if: conditional,
  '?:': conditional,
  and: (args) => until(args, (value) => !truthy(value)),
  or: (args) => until(args, truthy),
  '??': (args) => until(args, isKnown),
  map: overList((items, each) => items.map((item) => each(item) ?? null)),
  filter: overList((items, keep) => items.filter((item) => truthy(keep(item)))),
  all: overList((items, test) => items.length > 0 && items.every((item) => truthy(test(item)))),
  none: overList((items, test) => !items.some((item) => truthy(test(item)))),
  some: overList((items, test) => items.some((item) => truthy(test(item)))),
  reduce:
    ([list, each, start]) =>
    (data, budget) =>
      itemsOf(list, data, budget).reduce((accumulator: unknown, current) => {
        step(budget)
        return each?.({ current, accumulator }, budget) ?? null
      }, start?.(data, budget) ?? null),
}

/** A number that is none stands for a time or a number that could not be read. */
const isKnown = (value: unknown) => value !== null && value !== undefined && !Number.isNaN(value)

function conditional(args: readonly Logic[]): Logic {
  return (data, budget) => {
    let i = 0
    for (; i < args.length - 1; i += 2) {
      step(budget)
      if (truthy(args[i]!(data, budget))) return args[i + 1]!(data, budget)
    }
    return args.length === i + 1 ? args[i]!(data, budget) : null
  }
}

/** The first argument whose value ends the search, or the last; none after it is evaluated. */
function until(args: readonly Logic[], ends: (value: unknown) => boolean): Logic {
  return (data, budget) => {
    let value: unknown = null
    for (const arg of args) {
      step(budget)
      value = arg(data, budget)
      if (ends(value)) return value
    }
    return value
  }
}

/** An operator that evaluates its second argument for each element of its first; what is no list has no elements. */
function overList(run: (items: readonly unknown[], each: (item: unknown) => unknown) => unknown) {
  return ([list, each]: readonly Logic[]): Logic =>
    (data, budget) => {
      const made = run(itemsOf(list, data, budget), (item) => {
        step(budget)
        return each?.(item, budget) ?? null
      })
      if (Array.isArray(made)) produce(budget, made.length)
      return made
    }
}

function itemsOf(list: Logic | undefined, data: unknown, budget: Budget): unknown[] {
  const value = list?.(data, budget)
  return Array.isArray(value) ? value : []
}

/** `var` with a path that stands in the document: what is known of the path is found out once. */
export function literalVar(path: string, otherwise: Logic | undefined): Logic {
  const length = lengthOf(path)
  const steps = path === '' ? [] : path.split('.')
  return (data, budget) => {
    // One for the operator's argument, as where the path is computed.
    step(budget)
    step(budget, length)
    const found = follow(data, steps)
    return found === undefined || found === null ? (otherwise?.(data, budget) ?? null) : found
  }
}

function missing(names: readonly unknown[], data: unknown, budget: Budget): unknown[] {
  produce(budget, names.length)
  return names.filter((name) => {
    const value = at(data, name, budget)
    return value === undefined || value === null || value === ''
  })
}

function at(data: unknown, path: unknown, budget: Budget): unknown {
  const text = coerced(path, budget)
  step(budget, lengthOf(text))
  return read(data, text)
}
