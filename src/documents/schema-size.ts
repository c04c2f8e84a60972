import type { Mistake } from '../errors.ts'
import { type Draft, keywordsOf } from './schema-keywords.ts'
import { pointerSegment } from './schema-mistakes.ts'
import { isJsonObject, type JsonObject } from './schema-shape.ts'

export const SCHEMA_BYTES_MAX = 64 * 1024
export const SCHEMA_DEPTH_MAX = 16
/** Most schemas that a schema may come to once every `$ref` is followed: a chain of doublings would stop the process. */
export const SCHEMA_EXPANDED_MAX = 5_000

/** The first place deeper than `depthMax` levels; null where there is none. */
function tooDeepAt(value: unknown, path: string, depthLeft: number): string | null {
  if (typeof value !== 'object' || value === null) return null
  if (depthLeft === 0) return path
  for (const [key, item] of Object.entries(value)) {
    const found = tooDeepAt(item, path + pointerSegment(key), depthLeft - 1)
    if (found !== null) return found
  }
  return null
}

/** Whether a schema is too deep or too long to be looked at any further. */
export function boundMistakes(schema: JsonObject): Mistake[] {
  const path = tooDeepAt(schema, '', SCHEMA_DEPTH_MAX)
  if (path !== null) return [{ path, message: `must be nested at most ${SCHEMA_DEPTH_MAX} levels deep` }]
  const bytes = Buffer.byteLength(JSON.stringify(schema))
  if (bytes <= SCHEMA_BYTES_MAX) return []
  return [{ path: '', message: `must be at most ${SCHEMA_BYTES_MAX} bytes as JSON, has ${bytes}` }]
}

/** Whether a `$ref` leads nowhere, back to itself, or to more than can be checked in bounded time. */
export function referenceMistakes(schema: JsonObject, draft: Draft): Mistake[] {
  let count = 0
  const visit = (node: unknown, path: string, open: readonly string[]): Mistake | null => {
    if (!isJsonObject(node)) return null
    count += 1
    if (count > SCHEMA_EXPANDED_MAX)
      return {
        path: '',
        message: `must come to at most ${SCHEMA_EXPANDED_MAX} schemas with every $ref followed`,
      }
    for (const [child, at] of children(node, path, draft)) {
      const mistake = visit(child, at, open)
      if (mistake !== null) return mistake
    }
    return typeof node.$ref === 'string' ? follow(node.$ref, `${path}/$ref`, open) : null
  }
  const follow = (ref: string, path: string, open: readonly string[]): Mistake | null => {
    if (open.includes(ref) || ref === '#' || ref === '#/')
      return { path, message: 'may not lead back to a schema that it is part of: recursion has no bound' }
    const target = resolve(schema, ref)
    if (target === undefined)
      return { path, message: `leads nowhere: nothing stands at ${JSON.stringify(ref)}` }
    return visit(target, decodeURIComponent(ref.slice(1)), [...open, ref])
  }
  const mistake = visit(schema, '', [])
  return mistake === null ? [] : [mistake]
}

function* children(node: JsonObject, path: string, draft: Draft): Generator<[unknown, string]> {
  for (const [keyword, value] of Object.entries(node)) {
    const kind = keywordsOf(draft).get(keyword)
    if (kind === undefined || kind === 'value' || typeof value !== 'object' || value === null) continue
    const at = path + pointerSegment(keyword)
    if (kind === 'schema' || (kind === 'schemaOrSchemas' && !Array.isArray(value))) yield [value, at]
    else for (const [key, item] of Object.entries(value)) yield [item, at + pointerSegment(key)]
  }
}

function resolve(schema: JsonObject, ref: string): unknown {
  let node: unknown = schema
  for (const segment of ref.slice(1).split('/').slice(1)) {
    const key = decodeSegment(segment)
    if (key === null || typeof node !== 'object' || node === null || !Object.hasOwn(node, key))
      return undefined
    node = (node as JsonObject)[key]
  }
  return node
}

function decodeSegment(segment: string): string | null {
  try {
    return decodeURIComponent(segment).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    return null
  }
}
