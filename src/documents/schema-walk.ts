import type { Mistake } from '../errors.ts'
import { PATTERN_LENGTH_MAX } from './pattern.ts'
import { type Draft, type KeywordKind, keywordsOf, REFUSED, TYPES } from './schema-keywords.ts'
import { kindOf, pointerSegment } from './schema-mistakes.ts'
import { isJsonObject, type JsonObject } from './schema-shape.ts'

/** What a walk through a schema knows: the draft, formats that can be checked, and whether fields say `required: true`. */
export interface WalkRules {
  draft: Draft
  formats: ReadonlySet<string>
  isShorthand: boolean
}

/** Every keyword that is unknown, refused, or has a value that can only be a slip; paths are JSON Pointers into `schema`. */
export function walkSchema(schema: unknown, path: string, rules: WalkRules): Mistake[] {
  if (typeof schema === 'boolean') return []
  if (!isJsonObject(schema)) return [{ path, message: `must be a schema (an object), is ${kindOf(schema)}` }]
  return Object.entries(schema).flatMap(([keyword, value]) => {
    const at = path + pointerSegment(keyword)
    const kind = keywordsOf(rules.draft).get(keyword)
    if (kind === undefined) return [{ path: at, message: unknownKeyword(keyword, rules.draft) }]
    return kind === 'value' ? plainMistakes(keyword, value, at, rules) : subschemas(kind, value, at, rules)
  })
}

/** The fields of the shorthand, each of which is an object with a type and keywords of JSON Schema. */
export function walkFields(fields: JsonObject, path: string, rules: WalkRules): Mistake[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const at = path + pointerSegment(name)
    if (name === '__proto__') return [{ path: at, message: 'is not a name that a parameter may have' }]
    if (isJsonObject(field)) return walkSchema(field, at, rules)
    return [{ path: at, message: `must be an object such as {"type": "number"}, is ${kindOf(field)}` }]
  })
}

function unknownKeyword(keyword: string, draft: Draft): string {
  const refused = REFUSED.get(keyword)
  if (refused !== undefined) return refused
  const other: Draft = draft === '2020-12' ? 'draft-07' : '2020-12'
  if (keywordsOf(other).has(keyword)) return `is a keyword of ${other}; this schema is read as ${draft}`
  return `is not a keyword of JSON Schema ${draft}`
}

function subschemas(kind: KeywordKind, value: unknown, path: string, rules: WalkRules): Mistake[] {
  const isList = kind === 'schemas' || (kind === 'schemaOrSchemas' && Array.isArray(value))
  if (isList) {
    if (!Array.isArray(value)) return [{ path, message: `must be a list of schemas, is ${kindOf(value)}` }]
    return value.flatMap((item, index) => walkSchema(item, path + pointerSegment(index), rules))
  }
  if (kind !== 'map' && kind !== 'dependencies') return walkSchema(value, path, rules)
  if (!isJsonObject(value)) return [{ path, message: `must be an object, is ${kindOf(value)}` }]
  return Object.entries(value).flatMap(([name, item]) => {
    const at = path + pointerSegment(name)
    if (name === '__proto__') return [{ path: at, message: 'is not a name that a parameter may have' }]
    if (kind === 'dependencies' && Array.isArray(item)) return []
    return [...patternNameMistakes(name, path, at), ...walkSchema(item, at, rules)]
  })
}

function patternNameMistakes(name: string, path: string, at: string): Mistake[] {
  return path.endsWith('/patternProperties') ? patternMistakes(name, at) : []
}

function plainMistakes(keyword: string, value: unknown, path: string, rules: WalkRules): Mistake[] {
  switch (keyword) {
    case 'type':
      return typeMistakes(value, path)
    case 'pattern':
      return typeof value === 'string' ? patternMistakes(value, path) : []
    case 'format':
      if (typeof value !== 'string' || rules.formats.has(value)) return []
      return [{ path, message: `must be one of the known formats: ${[...rules.formats].sort().join(', ')}` }]
    case '$ref':
      if (typeof value === 'string' && /^#(\/|$)/.test(value)) return []
      return [
        {
          path,
          message: 'must be a path inside this schema such as "#/$defs/money": others are not fetched',
        },
      ]
    case 'required':
      if (rules.isShorthand || typeof value !== 'boolean') return []
      return [{ path, message: 'must be a list of property names, as JSON Schema has it, is boolean' }]
    default:
      return []
  }
}

function typeMistakes(value: unknown, path: string): Mistake[] {
  const given = Array.isArray(value) ? value : [value]
  const isKnown = given.length > 0 && given.every((type) => TYPES.some((known) => known === type))
  if (isKnown) return []
  const shown = JSON.stringify(value)?.slice(0, 80)
  return [{ path, message: `must be one of ${TYPES.join(', ')}, or a list of these, is ${shown}` }]
}

function patternMistakes(pattern: string, path: string): Mistake[] {
  if (pattern.length > PATTERN_LENGTH_MAX)
    return [{ path, message: `must be at most ${PATTERN_LENGTH_MAX} characters long, has ${pattern.length}` }]
  try {
    new RegExp(pattern, 'u')
    return []
  } catch (error) {
    return [{ path, message: `must be a regular expression: ${(error as SyntaxError).message}` }]
  }
}
