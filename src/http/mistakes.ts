import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import Type, { type TSchema } from 'typebox'
import type { Mistake } from '../errors.ts'

/** What every refused call answers. */
export const ErrorAnswer = Type.Object({
  error: Type.String({ description: 'What is wrong, for a person.' }),
  code: Type.String({ description: 'A stable name from the catalogue in docs/errors.md.' }),
  details: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))),
})

/** More than these help nobody, and a hostile body must not make a large answer. */
const MISTAKES_MAX = 20

// One error a branch is kept, so that a union says what it takes; unknown formats would be a defect of ours.
const strict = new Ajv({
  allErrors: true,
  strict: true,
  strictTypes: false,
  strictTuples: false,
  validateFormats: false,
})
const coercing = new Ajv({
  allErrors: true,
  strict: true,
  strictTypes: false,
  coerceTypes: true,
  useDefaults: true,
  validateFormats: false,
})
const compiled = new WeakMap<TSchema, ValidateFunction>()
const compiledCoercing = new WeakMap<TSchema, ValidateFunction>()

/** What is wrong with a value by a schema; empty when nothing is. */
export function mistakesOf(schema: TSchema, value: unknown): Mistake[] {
  return check(strict, compiled, schema, value)
}

/** The same for texts of a URL or a header: converts them in place to the types of the schema and fills in defaults. */
export function mistakesOfTexts(schema: TSchema, value: Record<string, unknown>): Mistake[] {
  return check(coercing, compiledCoercing, schema, value)
}

function check(
  ajv: Ajv,
  cache: WeakMap<TSchema, ValidateFunction>,
  schema: TSchema,
  value: unknown,
): Mistake[] {
  let validate = cache.get(schema)
  if (validate === undefined) {
    validate = ajv.compile(schema)
    cache.set(schema, validate)
  }
  if (validate(value)) return []
  return summarise(validate.errors ?? [])
}

/** One mistake a place: a union fails in each of its branches, which together say what was expected. */
function summarise(errors: readonly ErrorObject[]): Mistake[] {
  const byPath = new Map<string, string[]>()
  for (const error of errors) {
    if (error.keyword === 'anyOf' || error.keyword === 'oneOf') continue
    const path =
      error.keyword === 'required'
        ? `${error.instancePath}/${pointer(error.params.missingProperty)}`
        : error.instancePath
    const messages = byPath.get(path) ?? []
    const message = messageOf(error)
    if (!messages.includes(message)) messages.push(message)
    byPath.set(path, messages)
  }
  return [...byPath]
    .slice(0, MISTAKES_MAX)
    .map(([path, messages]) => ({ path, message: messages.join(' or ') }))
}

const pointer = (name: unknown) => String(name).replaceAll('~', '~0').replaceAll('/', '~1')

function messageOf(error: ErrorObject): string {
  switch (error.keyword) {
    case 'required':
      return 'is required'
    case 'enum':
      return `must be one of ${(error.params.allowedValues as unknown[]).map((value) => JSON.stringify(value)).join(', ')}`
    case 'const':
      return `must be ${JSON.stringify(error.params.allowedValue)}`
    case 'pattern':
      return `must match ${error.params.pattern}`
    case 'minLength':
      return error.params.limit === 1 ? 'must not be empty' : (error.message ?? 'is too short')
    default:
      return error.message ?? `breaks the rule ${error.keyword}`
  }
}
