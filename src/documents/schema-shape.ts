import { type Draft, keywordsOf } from './schema-keywords.ts'

export type JsonObject = Record<string, unknown>

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** How a parameters schema is written: the shorthand (a map of fields), or JSON Schema, as the place `because` shows. */
export type Shape = { kind: 'shorthand' } | { kind: 'json-schema'; because: string }

/**
 * Decides by shape, since a shorthand field may be called "type" or "properties". In the shorthand the value of every
 * field is an object, so a known keyword with any other value (`type: "object"`, `required: […]`), a `$…` key, or a
 * `properties` whose own values are all schemas makes it JSON Schema: `{properties: {type: "object"}}` is a field.
 */
export function shapeOf(schema: JsonObject): Shape {
  const keywords = keywordsOf('draft-07')
  for (const [key, value] of Object.entries(schema)) {
    const isKeyword = keywords.has(key) || keywordsOf('2020-12').has(key)
    if (key.startsWith('$') || (isKeyword && !isJsonObject(value)))
      return { kind: 'json-schema', because: key }
  }
  const { properties } = schema
  const isMap = isJsonObject(properties) && Object.values(properties).every(isSchema)
  return isMap ? { kind: 'json-schema', because: 'properties' } : { kind: 'shorthand' }
}

const isSchema = (value: unknown) => isJsonObject(value) || typeof value === 'boolean'

const DRAFTS: Record<string, Draft> = {
  'http://json-schema.org/draft-07/schema': 'draft-07',
  'https://json-schema.org/draft-07/schema': 'draft-07',
  'https://json-schema.org/draft/2020-12/schema': '2020-12',
}

/** The draft that `$schema` names, 2020-12 where it names none; null for a draft that is not known here. */
export function draftOf(schema: JsonObject): Draft | null {
  if (!Object.hasOwn(schema, '$schema')) return '2020-12'
  const uri = typeof schema.$schema === 'string' ? schema.$schema.replace(/#$/, '') : ''
  return Object.hasOwn(DRAFTS, uri) ? DRAFTS[uri]! : null
}

/**
 * The shorthand as JSON Schema: `required: true` of a field moves to the list of the object that has it, inside nested
 * `properties` as well. A `required` that is a list stays, being JSON Schema's own.
 */
export function fromShorthand(fields: JsonObject): JsonObject {
  const required = Object.keys(fields).filter(
    (name) => isJsonObject(fields[name]) && fields[name].required === true,
  )
  const properties = Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, fromField(field)]),
  )
  return { type: 'object', properties, ...(required.length > 0 && { required }) }
}

function fromField(field: unknown): unknown {
  if (!isJsonObject(field)) return field
  const schema: JsonObject = { ...field }
  if (typeof schema.required === 'boolean') delete schema.required
  if (isJsonObject(schema.items)) schema.items = fromField(schema.items)
  if (!isJsonObject(schema.properties)) return schema
  const { properties, required } = fromShorthand(schema.properties)
  const listed = Array.isArray(schema.required) ? schema.required : []
  const all = [...listed, ...(Array.isArray(required) ? required : [])]
  return { ...schema, properties, ...(all.length > 0 && { required: [...new Set(all)] }) }
}
