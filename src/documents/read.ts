/** What stands at a dotted path, by own properties only; undefined where nothing does. An empty path is all of it. */
export function read(data: unknown, path: unknown): unknown {
  if (path === '' || path === null || path === undefined) return data
  return follow(data, stepsOf(String(path)))
}

/** The same for a path that is cut into its steps already. */
export function follow(data: unknown, steps: readonly string[]): unknown {
  let value = data
  for (const name of steps) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Record<string, unknown>)[name]
  }
  return value
}

/** Paths stand in documents, and are asked for again with every decision; a few may be made of data. */
const known = new Map<string, readonly string[]>()
const KNOWN_MAX = 5_000
const KNOWN_CHARACTERS_MAX = 200

function stepsOf(path: string): readonly string[] {
  const found = known.get(path)
  if (found !== undefined) return found
  const steps = path.split('.')
  if (path.length <= KNOWN_CHARACTERS_MAX) {
    if (known.size >= KNOWN_MAX) known.clear()
    known.set(path, steps)
  }
  return steps
}
