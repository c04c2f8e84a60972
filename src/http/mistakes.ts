import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv'
import Type, { type TSchema } from 'typebox'
import type { Mistake } from '../errors.ts'

/** Where mistakes are, as they are answered. */
export const MistakesAnswer = Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))

/** What every refused call answers. */
export const ErrorAnswer = Type.Object({
  error: Type.String({ description: 'What is wrong, for a person.' }),
  code: Type.String({ description: 'A stable name from the catalogue in docs/errors.md.' }),
  upgrade_to: Type.Optional(Type.String({ description: 'Of `plan_limit` alone: a tier that has room.' })),
  details: Type.Optional(
    Type.Union([
      MistakesAnswer,
      Type.Object(
        { backlog: Type.Integer(), limit: Type.Integer() },
        { description: 'Of `backlog_full` alone.' },
      ),
    ]),
  ),
})

/** More than these help nobody, and a hostile body must not make a large answer. */
const MISTAKES_MAX = 20

/** A value with more parts is told only its first mistake: to list all of a huge one would take seconds and gigabytes. */
const PARTS_MAX = 2_000

const STRICT = { strict: true, strictTypes: false, strictTuples: false, validateFormats: false } as const

const first = checker({ ...STRICT })
// Every error of a branch is kept, so that a union says what it takes; `verbose` shows the description of the schema.
const all = checker({ ...STRICT, allErrors: true, verbose: true })
const coercing = checker({ ...STRICT, allErrors: true, verbose: true, coerceTypes: true, useDefaults: true })

/** Schemas are compiled at their first use and kept as long as they live. */
function checker(options: Options): (schema: TSchema) => ValidateFunction {
  const ajv = new Ajv(options)
  const compiled = new WeakMap<TSchema, ValidateFunction>()
  return (schema) => {
    let validate = compiled.get(schema)
    if (validate === undefined) {
      validate = ajv.compile(schema)
      compiled.set(schema, validate)
    }
    return validate
  }
}

/** What is wrong with a value by a schema; empty when nothing is. */
export function mistakesOf(schema: TSchema, value: unknown): Mistake[] {
  const validate = first(schema)
  if (validate(value)) return []
  if (hasMoreParts(value, PARTS_MAX)) return summarise(validate.errors ?? [])
  const validateAll = all(schema)
  validateAll(value)
  return summarise(validateAll.errors ?? [])
}

/** The same for texts of a URL or a header: converts them in place to the types of the schema and fills in defaults. */
export function mistakesOfTexts(schema: TSchema, value: Record<string, unknown>): Mistake[] {
  const validate = coercing(schema)
  return validate(value) ? [] : summarise(validate.errors ?? [])
}

/** Whether a value has more than `max` values in it; looks at no more than that. */
function hasMoreParts(value: unknown, max: number): boolean {
  const waiting = [value]
  for (let seen = 0; waiting.length > 0; seen++) {
    if (seen + waiting.length > max) return true
    const part = waiting.pop()
    if (typeof part !== 'object' || part === null) continue
    const inside = Object.values(part)
    if (inside.length > max) return true
    waiting.push(...inside)
  }
  return false
}

/** That a place might have been null does not help whoever filled it in and made a mistake further inside. */
function isBesideThePoint(error: ErrorObject, errors: readonly ErrorObject[]): boolean {
  const isNullBranch = error.keyword === 'type' && error.params.type === 'null'
  return isNullBranch && errors.some((other) => other.instancePath.startsWith(`${error.instancePath}/`))
}

/** One mistake a place: a union fails in each of its branches, which together say what was expected. */
function summarise(errors: readonly ErrorObject[]): Mistake[] {
  const byPath = new Map<string, string[]>()
  for (const error of errors) {
    if (error.keyword === 'anyOf' || error.keyword === 'oneOf' || isBesideThePoint(error, errors)) continue
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
      return describedPattern(error)
    case 'minLength':
      return error.params.limit === 1 ? 'must not be empty' : (error.message ?? 'is too short')
    default:
      return error.message ?? `breaks the rule ${error.keyword}`
  }
}

/** A pattern says what it takes only to those who read patterns, so a schema that says it in words is quoted. */
function describedPattern({ params, parentSchema }: ErrorObject): string {
  const description: unknown = parentSchema?.description
  return `must match ${params.pattern}${typeof description === 'string' ? ` (${description})` : ''}`
}
