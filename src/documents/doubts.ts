import type { Mistake } from '../errors.ts'
import { OPERATORS } from './evaluate.ts'
import { FIELDS_SEEN } from './fields-seen.ts'
import { didYouMean, nearestWord, quoted } from './nearest.ts'
import { pointerSegment } from './schema-mistakes.ts'

/** The most arguments that json-logic-js looks at; it ignores what follows, where other implementations go on. */
const LOOKED_AT: Readonly<Record<string, number>> = {
  '-': 2,
  '/': 2,
  '%': 2,
  '>': 2,
  '>=': 2,
  '<': 3,
  '<=': 3,
  '==': 2,
  '===': 2,
  '!=': 2,
  '!==': 2,
  '!': 1,
  '!!': 1,
  in: 2,
  substr: 3,
  var: 2,
  missing_some: 2,
  map: 2,
  filter: 2,
  all: 2,
  none: 2,
  some: 2,
  reduce: 3,
}

const SEEN_IN_REDUCE = ['current', 'accumulator']

/** Operators whose arguments after the list see an element of it, and not the data. */
const SCOPED = new Set(['map', 'filter', 'all', 'none', 'some', 'reduce'])

/**
 * What in logic is allowed and was hardly meant; `seen` are the names at the top of its data, null within a list whose
 * elements may have any.
 */
export function doubtsOfLogic(node: unknown, path: string, seen: readonly string[] | null): Mistake[] {
  if (Array.isArray(node))
    return node.flatMap((part, index) => doubtsOfLogic(part, path + pointerSegment(index), seen))
  const call = callOf(node)
  if (call === null) return []
  const { operator, args, isList } = call
  const here = path + pointerSegment(operator)
  const inner = args.flatMap((arg, index) =>
    doubtsOfLogic(
      arg,
      isList ? here + pointerSegment(index) : here,
      SCOPED.has(operator) && index === 1 ? (operator === 'reduce' ? SEEN_IN_REDUCE : null) : seen,
    ),
  )
  return [...doubtsOfCall(call, here, seen), ...inner]
}

interface Call {
  operator: string
  args: readonly unknown[]
  isList: boolean
}

function callOf(node: unknown): Call | null {
  if (typeof node !== 'object' || node === null || Array.isArray(node)) return null
  const [entry, ...more] = Object.entries(node)
  if (entry === undefined || more.length > 0 || !OPERATORS.has(entry[0])) return null
  const [operator, value] = entry
  return { operator, args: Array.isArray(value) ? value : [value], isList: Array.isArray(value) }
}

function doubtsOfCall({ operator, args }: Call, path: string, seen: readonly string[] | null): Mistake[] {
  const most = LOOKED_AT[operator]
  if (most !== undefined && args.length > most)
    return [
      {
        path,
        message: `looks at ${most} arguments and ignores the other ${args.length - most}; nest it to use them all`,
      },
    ]
  if (operator === '/' && args.length === 1)
    return [{ path, message: 'has nothing to divide by; {"/": [1, x]} is one divided by x' }]
  if (operator === 'reduce' && args.length < 3)
    return [{ path, message: 'has no start and starts from null; give one as its third argument' }]
  if (operator === 'var' && seen !== null) return doubtsOfPath(args[0], path, seen)
  return []
}

function doubtsOfPath(named: unknown, path: string, seen: readonly string[]): Mistake[] {
  if (typeof named !== 'string' || named === '') return []
  const [root, field] = named.split('.') as [string, ...string[]]
  if (seen.includes(root)) return field === undefined ? [] : doubtsOfField(root, field, path)
  const message = `nothing is called ${JSON.stringify(root.slice(0, 80))} there; seen are ${seen.join(', ')}`
  return [{ path, message: message + didYouMean(root, seen) }]
}

function doubtsOfField(root: string, field: string, path: string): Mistake[] {
  const known = Object.hasOwn(FIELDS_SEEN, root) ? FIELDS_SEEN[root]! : null
  if (known === null || known.includes(field)) return []
  const message = `${root} has no ${quoted(field.slice(0, 80))}; it has ${known.join(', ')}`
  return [{ path, message: message + didYouMean(field, known) }]
}

/** What of a condition is allowed and was hardly meant: a text or a number is true whatever happens. */
export function doubtsOfCondition(when: unknown, path: string, seen: readonly string[]): Mistake[] {
  if (typeof when === 'boolean' || (typeof when === 'object' && when !== null))
    return doubtsOfLogic(when, path, seen)
  const constant = when === null || when === '' || when === 0 ? 'never' : 'always'
  return [
    {
      path,
      message: `is ${JSON.stringify(when)}, which is ${constant} true; a condition is JSON-logic, or true`,
    },
  ]
}

/** The same of a template, where a misspelt operator stands for itself. */
export function doubtsOfTemplate(node: unknown, path: string, seen: readonly string[] | null): Mistake[] {
  if (Array.isArray(node))
    return node.flatMap((part, index) => doubtsOfTemplate(part, path + pointerSegment(index), seen))
  if (typeof node !== 'object' || node === null) return []
  const call = callOf(node)
  if (call !== null) {
    if (usesData([node])) return doubtsOfLogic(node, path, seen)
    const message = `is evaluated, since its only key is the operator ${call.operator}; {"literal": …} keeps it as it stands`
    return [{ path, message }, ...doubtsOfLogic(node, path, seen)]
  }
  const entries = Object.entries(node)
  if (entries.length === 1 && entries[0]![0] === 'literal') return []
  return [
    ...doubtsOfKeys(
      entries.map(([name]) => name),
      path,
    ),
    ...entries.flatMap(([name, value]) => doubtsOfTemplate(value, path + pointerSegment(name), seen)),
  ]
}

function doubtsOfKeys(names: readonly string[], path: string): Mistake[] {
  if (names.length > 1 && names.every((name) => OPERATORS.has(name)))
    return [
      {
        path,
        message: `stands for itself, since it has the keys ${names.join(', ')}; an operator stands alone`,
      },
    ]
  const [only] = names
  // Two letters are one edit from half of all operators.
  if (names.length !== 1 || only === undefined || only.length < 3) return []
  const near = nearestWord(only, OPERATORS)
  return near === null || near.length < 3
    ? []
    : [
        {
          path: path + pointerSegment(only),
          message: `is not an operator, so it stands for itself; did you mean ${JSON.stringify(near)}?`,
        },
      ]
}

function usesData(args: readonly unknown[]): boolean {
  return args.some((arg) => {
    const call = callOf(arg)
    if (call !== null) return /^(var|missing|missing_some)$/.test(call.operator) || usesData(call.args)
    return Array.isArray(arg) && usesData(arg)
  })
}

/** The same of a reasoning: a path that begins with nothing that a rule sees. */
export function doubtsOfText(text: string, path: string, seen: readonly string[]): Mistake[] {
  return [...text.matchAll(/\{([a-zA-Z_][\w.]*)\}/g)].flatMap(([, named]) => doubtsOfPath(named, path, seen))
}
