import { type Budget, compileLogic, type Logic, OPERATORS, read } from './evaluate.ts'

/**
 * A template is plain JSON in which each object whose only key is a known operator is evaluated, and everything else
 * stands for itself. `{"literal": …}` stands for its value, whatever that looks like.
 */
export function compileTemplate(node: unknown, path: string, depth = 0): Logic {
  if (Array.isArray(node)) {
    const parts = node.map((part, index) => compileTemplate(part, `${path}/${index}`, depth + 1))
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
    ([name, value]) => [name, compileTemplate(value, `${path}/${name}`, depth + 1)] as const,
  )
  return (data, budget) => Object.fromEntries(fields.map(([name, part]) => [name, part(data, budget)]))
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
