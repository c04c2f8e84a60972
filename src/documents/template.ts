import {
  type Budget,
  compileLogic,
  DEPTH_MAX,
  type Logic,
  LogicError,
  OPERATORS,
  read,
  refuse,
} from './evaluate.ts'
import { pointerSegment } from './schema-mistakes.ts'

/** How deep what a template makes may be nested; the same as the body of a request. */
const MADE_DEPTH_MAX = 64

/**
 * A template is plain JSON in which each object whose only key is a known operator is evaluated, and everything else
 * stands for itself. `{"literal": …}` stands for its value, whatever that looks like. What it makes is JSON within the
 * budget, or a LogicError that says where it is not.
 */
export function compileTemplate(node: unknown, path: string): Logic {
  const make = compilePart(node, path, 0)
  return (data, budget) => {
    const made = make(data, budget)
    requireJson(made, '', budget, MADE_DEPTH_MAX)
    return made
  }
}

function compilePart(node: unknown, path: string, depth: number): Logic {
  if (depth > DEPTH_MAX) refuse(path, `must not be nested deeper than ${DEPTH_MAX} levels`)
  if (Array.isArray(node)) {
    const parts = node.map((part, index) => compilePart(part, path + pointerSegment(index), depth + 1))
    return (data, budget) => parts.map((part) => part(data, budget))
  }
  if (typeof node !== 'object' || node === null) return () => node
  const entries = Object.entries(node)
  const [only] = entries
  if (entries.length === 1 && only !== undefined) {
    if (only[0] === 'literal') return () => only[1]
    if (OPERATORS.has(only[0])) return compileLogic(node, path, depth)
  }
  const fields = entries.map(
    ([name, value]) => [name, compilePart(value, path + pointerSegment(name), depth + 1)] as const,
  )
  return (data, budget) => Object.fromEntries(fields.map(([name, part]) => [name, part(data, budget)]))
}

/** Facts are copied whole by `var`, so their size counts here; a number that is none would be sent as null. */
function requireJson(made: unknown, path: string, budget: Budget, depthLeft: number): void {
  budget.produced -= typeof made === 'string' ? made.length + 1 : 1
  if (budget.produced < 0) throw new LogicError('the parameters are larger than a rule may make them')
  if (typeof made === 'number' && !Number.isFinite(made))
    throw new LogicError(
      `the parameter ${path} is not a number: something it is computed from is missing or no number`,
    )
  if (typeof made !== 'object' || made === null) return
  if (depthLeft === 0) throw new LogicError(`the parameters are nested deeper than ${MADE_DEPTH_MAX} levels`)
  for (const [name, value] of Object.entries(made)) {
    budget.produced -= name.length
    requireJson(value, path + pointerSegment(name), budget, depthLeft - 1)
  }
}

/** A sentence with `{path}` where facts go, for example `"Quiet for {context.days} days"`; an absent fact reads as `?`. */
export function compileText(text: string): (data: unknown, budget: Budget) => string {
  return (data) =>
    text
      .replace(/\{([a-zA-Z_][\w.]*)\}/g, (_whole, path: string) => factText(read(data, path)))
      .slice(0, 4_000)
}

function factText(fact: unknown): string {
  if (fact === undefined || fact === null) return '?'
  return typeof fact === 'object' ? JSON.stringify(fact) : String(fact)
}
