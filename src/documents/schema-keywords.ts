/** What stands in the value of a keyword: one schema, a list of them, a map of names to them, a plain value. */
export type KeywordKind = 'schema' | 'schemas' | 'schemaOrSchemas' | 'map' | 'dependencies' | 'value'

export type Draft = 'draft-07' | '2020-12'

const value = 'value' as const

const SHARED: Record<string, KeywordKind> = {
  $schema: value,
  $ref: value,
  $comment: value,
  $defs: 'map',
  definitions: 'map',
  title: value,
  description: value,
  default: value,
  examples: value,
  readOnly: value,
  writeOnly: value,
  type: value,
  enum: value,
  const: value,
  multipleOf: value,
  maximum: value,
  exclusiveMaximum: value,
  minimum: value,
  exclusiveMinimum: value,
  maxLength: value,
  minLength: value,
  pattern: value,
  format: value,
  maxItems: value,
  minItems: value,
  uniqueItems: value,
  maxProperties: value,
  minProperties: value,
  required: value,
  contentEncoding: value,
  contentMediaType: value,
  contains: 'schema',
  properties: 'map',
  patternProperties: 'map',
  additionalProperties: 'schema',
  propertyNames: 'schema',
  not: 'schema',
  if: 'schema',
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema; nobody awaits this object.
  then: 'schema',
  else: 'schema',
  allOf: 'schemas',
  anyOf: 'schemas',
  oneOf: 'schemas',
}

const KEYWORDS: Record<Draft, ReadonlyMap<string, KeywordKind>> = {
  'draft-07': new Map(
    Object.entries({
      ...SHARED,
      items: 'schemaOrSchemas',
      additionalItems: 'schema',
      dependencies: 'dependencies',
    }),
  ),
  '2020-12': new Map(
    Object.entries({
      ...SHARED,
      deprecated: value,
      items: 'schema',
      prefixItems: 'schemas',
      minContains: value,
      maxContains: value,
      dependentRequired: value,
      dependentSchemas: 'map',
      unevaluatedItems: 'schema',
      unevaluatedProperties: 'schema',
    }),
  ),
}

/** The keywords of a draft that a parameters schema may use, with what stands in each. */
export function keywordsOf(draft: Draft): ReadonlyMap<string, KeywordKind> {
  return KEYWORDS[draft]
}

/** Why a keyword that JSON Schema knows is not accepted here; undefined for any other. */
export const REFUSED: ReadonlyMap<string, string> = new Map([
  ['$id', 'may not be given: a schema has no address of its own here'],
  ['id', 'may not be given: a schema has no address of its own here'],
  ['$async', 'may not be given: parameters are checked at once'],
  ['$anchor', 'may not be given: refer by a path such as "#/$defs/money"'],
  ['$dynamicRef', 'may not be given: use $ref with a path such as "#/$defs/money"'],
  ['$dynamicAnchor', 'may not be given: refer by a path such as "#/$defs/money"'],
  ['$recursiveRef', 'may not be given: use $ref with a path such as "#/$defs/money"'],
  ['$vocabulary', 'may not be given: it belongs in a meta-schema'],
])

export const TYPES = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'] as const
