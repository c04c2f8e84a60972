import { Ajv, type ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { type Mistake, VolleyError } from '../errors.ts'
import { limitedPattern, PatternTimeout } from './pattern.ts'
import type { Draft } from './schema-keywords.ts'
import { kindOf, mistakesOf, mistakesText } from './schema-mistakes.ts'
import { draftOf, fromShorthand, isJsonObject, type JsonObject, shapeOf } from './schema-shape.ts'
import { boundMistakes, referenceMistakes } from './schema-size.ts'
import { walkFields, walkSchema } from './schema-walk.ts'

/** A compiled parameters_schema. */
export interface ParametersSchema {
  /** What is wrong with the parameters of an action, by JSON Pointer into them; empty when nothing is. Never throws. */
  validate(parameters: unknown): Mistake[]
}

/**
 * Compiles a `parameters_schema` in the shorthand (`{amount: {type: "number", required: true}}`) or as JSON Schema
 * (draft-07 or 2020-12). Throws `invalid_schema` whose details are mistakes by JSON Pointer into the schema.
 */
export function compileParametersSchema(schema: unknown): ParametersSchema {
  if (!isJsonObject(schema)) refuse([{ path: '', message: `must be an object, is ${kindOf(schema)}` }])
  refuse(boundMistakes(schema))
  const shape = shapeOf(schema)
  if (shape.kind === 'shorthand') return compileShorthand(schema)
  try {
    return compileJsonSchema(schema)
  } catch (error) {
    throw explained(error, shape.because)
  }
}

function compileShorthand(fields: JsonObject): ParametersSchema {
  refuse(walkFields(fields, '', { draft: '2020-12', formats: formatsOf('2020-12'), isShorthand: true }))
  const schema = fromShorthand(fields)
  const toField = (mistake: Mistake) => ({ ...mistake, path: mistake.path.replace(/^\/properties/, '') })
  refuse(referenceMistakes(schema, '2020-12').map(toField))
  refuse(metaMistakes(schema, '2020-12').map(toField))
  return compiled(schema, '2020-12')
}

function compileJsonSchema(schema: JsonObject): ParametersSchema {
  const draft = draftOf(schema)
  if (draft === null) {
    const known =
      '"http://json-schema.org/draft-07/schema#" or "https://json-schema.org/draft/2020-12/schema"'
    refuse([{ path: '/$schema', message: `must be ${known}` }])
  }
  refuse(walkSchema(schema, '', { draft, formats: formatsOf(draft), isShorthand: false }))
  refuse(metaMistakes(schema, draft))
  refuse(referenceMistakes(schema, draft))
  if (schema.type !== undefined && ![schema.type].flat().includes('object'))
    refuse([{ path: '/type', message: 'must be "object": the parameters of an action are one' }])
  return compiled({ type: 'object', ...schema }, draft)
}

/** Whoever meant the shorthand is told why it was read as JSON Schema. */
function explained(error: unknown, because: string): unknown {
  if (!(error instanceof VolleyError)) return error
  const message = `${error.message} (read as JSON Schema, not as a map of fields, because of ${JSON.stringify(because)})`
  return new VolleyError(error.code, message, { details: error.details, cause: error.cause })
}

function refuse(mistakes: [Mistake]): never
function refuse(mistakes: Mistake[]): void
function refuse(mistakes: Mistake[]): void {
  if (mistakes.length === 0) return
  const details = mistakes.slice(0, 20)
  throw new VolleyError('invalid_schema', `parameters_schema: ${mistakesText(details)}`, { details })
}

type Checker = Ajv | Ajv2020

/** Two checkers serve every schema; each forgets a schema at once, so that deleted types cost no memory. */
const checkers = new Map<Draft, Checker>()

function checkerOf(draft: Draft): Checker {
  const known = checkers.get(draft)
  if (known !== undefined) return known
  const options = {
    allErrors: true,
    verbose: true,
    strictSchema: true,
    strictNumbers: true,
    // Legal and common in schemas that people bring along: properties without `type: "object"`, unions of types.
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    addUsedSchema: false,
    code: { regExp: Object.assign(limitedPattern, { code: 'limitedPattern' }) },
    logger: false as const,
  }
  const checker = draft === 'draft-07' ? new Ajv(options) : new Ajv2020(options)
  addFormats.default(checker)
  linearUniqueItems(checker)
  checkers.set(draft, checker)
  return checker
}

/** ajv compares every pair of items, which a long list turns into minutes; equal items have equal canonical texts. */
function linearUniqueItems(checker: Checker): void {
  checker.removeKeyword('uniqueItems')
  checker.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    error: { message: 'must not have the same item twice' },
    validate: (isAsked: boolean, items: unknown[]) =>
      !isAsked || new Set(items.map(canonical)).size === items.length,
  })
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    isJsonObject(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item,
  )
}

function formatsOf(draft: Draft): ReadonlySet<string> {
  return new Set(Object.keys(checkerOf(draft).formats))
}

/** What the draft itself says against the schema. */
function metaMistakes(schema: JsonObject, draft: Draft): Mistake[] {
  const checker = checkerOf(draft)
  const isValid = checker.validateSchema({ ...schema, $schema: undefined })
  return isValid === true ? [] : mistakesOf(checker.errors ?? [])
}

function compiled(schema: JsonObject, draft: Draft): ParametersSchema {
  const checker = checkerOf(draft)
  const { $schema: _, ...bare } = schema
  let validator: ValidateFunction
  try {
    validator = checker.compile(bare)
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new VolleyError('invalid_schema', `parameters_schema: ${message}`, {
      details: [{ path: '', message }],
      cause,
    })
  } finally {
    checker.removeSchema(bare)
  }
  return { validate: (parameters) => validated(validator, parameters) }
}

function validated(validator: ValidateFunction, parameters: unknown): Mistake[] {
  try {
    return validator(parameters) ? [] : mistakesOf(validator.errors ?? [])
  } catch (error) {
    const reason =
      error instanceof PatternTimeout
        ? `the pattern ${JSON.stringify(error.message)} of the schema takes too long on a text given here`
        : 'the schema cannot be applied to this value'
    return [{ path: '', message: reason }]
  } finally {
    validator.errors = null
  }
}
