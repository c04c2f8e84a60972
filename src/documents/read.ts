/** What stands at a dotted path, by own properties only; undefined where nothing does. An empty path is all of it. */
export function read(data: unknown, path: unknown): unknown {
  if (path === '' || path === null || path === undefined) return data
  let value = data
  for (const name of String(path).split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Record<string, unknown>)[name]
  }
  return value
}
