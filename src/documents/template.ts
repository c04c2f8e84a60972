import { type Budget, type Logic, LogicError } from './budget.ts'
import { compileLogic, fullSize, measure, OPERATORS, refuse, type Size } from './evaluate.ts'
import { read } from './read.ts'
import { pointerSegment } from './schema-mistakes.ts'

/** How deep what a document makes may be nested; the same as the body of a request. */
const MADE_DEPTH_MAX = 64

/** Characters of a reasoning. */
const TEXT_MAX = 4_000

/**
 * A template is plain JSON in which each object whose only key is a known operator is evaluated, and everything else
 * stands for itself. `{"literal": …}` stands for its value, whatever that looks like. What it makes is JSON within the
 * budget, or a LogicError that says where it is not.
 */
export function compileTemplate(node: unknown, path: string, what = 'parameter'): Logic {
  const make = compilePart(node, path, 0, fullSize())
  return (data, budget) => {
    const made = make(data, budget)
    requireJson(made, budget, { what, trail: [] })
    return made
  }
}

function compilePart(node: unknown, path: string, depth: number, size: Size): Logic {
  if (Array.isArray(node)) {
    measure(node, path, depth, size)
    const parts = node.map((part, index) => compilePart(part, path + pointerSegment(index), depth + 1, size))
    return (data, budget) => parts.map((part) => part(data, budget))
  }
  if (typeof node !== 'object' || node === null) {
    measure(node, path, depth, size)
    return () => node
  }
  const entries = Object.entries(node)
  const [only] = entries
  if (entries.length === 1 && only !== undefined) {
    if (only[0] === 'literal') return literal(only[1], path + pointerSegment('literal'), depth, size)
    if (OPERATORS.has(only[0])) return compileLogic(node, path, depth, size)
  }
  measure(node, path, depth, size)
  const fields = entries.map(([name, value]) => {
    requireName(name, path)
    return [name, compilePart(value, path + pointerSegment(name), depth + 1, size)] as const
  })
  return (data, budget) => Object.fromEntries(fields.map(([name, part]) => [name, part(data, budget)]))
}

/** A value as it stands, within the same limits as everything else. */
function literal(value: unknown, path: string, depth: number, size: Size): Logic {
  const check = (node: unknown, here: string, at: number): void => {
    measure(node, here, at, size)
    if (typeof node !== 'object' || node === null) return
    for (const [name, item] of Object.entries(node)) {
      requireName(name, here)
      check(item, here + pointerSegment(name), at + 1)
    }
  }
  check(value, path, depth)
  return () => value
}

function requireName(name: string, path: string): void {
  if (name === '__proto__') refuse(path + pointerSegment(name), 'is a name that is not allowed')
}

/** What is said of something made, and where in it one is. */
interface Made {
  /** `parameter`, `body` or `result`. */
  what: string
  trail: (string | number)[]
}

/**
 * Throws a LogicError, which names the place, where something made is no JSON that can be kept and sent: too large for
 * the budget, too deep, a number that is none, half a character, a NUL. Facts are copied whole by `var`, so their size
 * counts here.
 */
export function requireJson(value: unknown, budget: Budget, made: Made): void {
  const { trail } = made
  budget.produced -= typeof value === 'string' ? value.length + 1 : 1
  if (budget.produced < 0) throw new LogicError('what is made is larger than a rule may make it')
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new LogicError(
      `${placeIn(made)} is not a number: something it is computed from is missing or no number`,
    )
  if (typeof value === 'string') requireText(value, made)
  if (typeof value !== 'object' || value === null) return
  if (trail.length === MADE_DEPTH_MAX)
    throw new LogicError(`what is made is nested deeper than ${MADE_DEPTH_MAX} levels`)
  const visit = (name: string | number, item: unknown) => {
    trail.push(name)
    requireJson(item, budget, made)
    trail.pop()
  }
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) visit(i, value[i])
    return
  }
  for (const name in value) {
    budget.produced -= name.length
    visit(name, (value as Record<string, unknown>)[name])
  }
}

const placeIn = ({ what, trail }: Made) =>
  trail.length === 0 ? `the ${what}` : `the ${what} ${trail.map(pointerSegment).join('')}`

/** `substr` can cut a character in two, and a document can say NUL; Postgres keeps neither. */
function requireText(text: string, made: Made): void {
  if (!text.isWellFormed()) throw new LogicError(`${placeIn(made)} ends or begins within a character`)
  if (text.includes('\0')) throw new LogicError(`${placeIn(made)} has a NUL character`)
}

/** A sentence with `{path}` where facts go, for example `"Quiet for {context.days} days"`; an absent fact reads as `?`. */
export function compileText(text: string): (data: unknown, budget: Budget) => string {
  // Every second part is a path.
  const parts = text.split(/\{([a-zA-Z_][\w.]*)\}/)
  return (data) => {
    let made = ''
    for (const [index, part] of parts.entries()) {
      made += index % 2 === 0 ? part : factText(read(data, part))
      // No more facts are written out than are read.
      if (made.length >= TEXT_MAX) break
    }
    return made.slice(0, TEXT_MAX).replaceAll('\0', '').toWellFormed()
  }
}

function factText(fact: unknown): string {
  if (fact === undefined || fact === null) return '?'
  return typeof fact === 'object' ? JSON.stringify(fact) : String(fact)
}
