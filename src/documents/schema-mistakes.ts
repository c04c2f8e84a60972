import type { ErrorObject } from 'ajv'
import type { Mistake } from '../errors.ts'
import { didYouMean } from './nearest.ts'

/** Most mistakes named in one answer; more would not help whoever reads it. */
const MISTAKES_MAX = 20

/** One segment of a JSON Pointer. */
export function pointerSegment(name: string | number): string {
  return `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/** What ajv found, as mistakes with a JSON Pointer into the value and what was expected there; needs ajv's `verbose`. */
export function mistakesOf(errors: readonly ErrorObject[]): Mistake[] {
  const mistakes = new Map<string, Mistake>()
  for (const error of errors) {
    // That one of two schemas does not hold says nothing beside what does not.
    if (error.keyword === 'if') continue
    const mistake = { path: pathOf(error), message: messageOf(error) }
    mistakes.set(`${mistake.path}\0${mistake.message}`, mistake)
    if (mistakes.size === MISTAKES_MAX) break
  }
  return [...mistakes.values()]
}

/** `<path>: <message>` of each mistake, for the one line that a person reads first. */
export function mistakesText(mistakes: readonly Mistake[]): string {
  return mistakes.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ')
}

/** A missing or unwanted property is the place of the mistake, rather than the object that should (not) have it. */
function pathOf({ instancePath, keyword, params }: ErrorObject): string {
  const named = {
    required: params.missingProperty,
    additionalProperties: params.additionalProperty,
    unevaluatedProperties: params.unevaluatedProperty,
    dependentRequired: params.missingProperty,
    dependencies: params.missingProperty,
    propertyNames: params.propertyName,
  }[keyword]
  return typeof named === 'string' ? instancePath + pointerSegment(named) : instancePath
}

function messageOf(error: ErrorObject): string {
  const { keyword, params } = error
  switch (keyword) {
    case 'required':
      return 'is required'
    case 'dependentRequired':
    case 'dependencies':
      return `is required where ${JSON.stringify(params.property)} is given`
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return `is not a known property${didYouMean(params.additionalProperty ?? '', knownTo(error))}`
    case 'propertyNames':
      return 'is not a name that is allowed here'
    case 'enum':
      return `must be one of ${list(params.allowedValues)}${nearestValue(error)}`
    case 'const':
      return `must be ${short(params.allowedValue)}`
    case 'type':
      return `must be ${[params.type].flat().join(' or ')}, is ${kindOf(error.data)}`
    default:
      return error.message ?? `does not satisfy ${keyword}`
  }
}

/** Names of the properties that the schema takes. */
const knownTo = ({ parentSchema }: ErrorObject): string[] => Object.keys(parentSchema?.properties ?? {})

function nearestValue({ data, params }: ErrorObject): string {
  const texts = [params.allowedValues].flat().filter((value) => typeof value === 'string')
  return typeof data === 'string' ? didYouMean(data, texts) : ''
}

function list(values: unknown): string {
  const all = Array.isArray(values) ? values : [values]
  const shown = all.slice(0, 20).map(short).join(', ')
  return all.length > 20 ? `${shown}, … (${all.length} values)` : shown
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

/** The JSON type of a value, as a message names it. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}
