import type { ErrorObject } from 'ajv'
import type { Mistake } from '../errors.ts'
import { expectedOf } from './expectations.ts'
import { didYouMean } from './nearest.ts'

/** Most mistakes named in one answer; more would not help whoever reads it. */
const MISTAKES_MAX = 20

/** One segment of a JSON Pointer. */
export function pointerSegment(name: string | number): string {
  return `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/**
 * What ajv found, as mistakes with a JSON Pointer into the value and what was expected there; needs ajv's `verbose`.
 * `explains`: what is missing is said with its description.
 */
export function mistakesOf(errors: readonly ErrorObject[], { explains = false } = {}): Mistake[] {
  const mistakes = new Map<string, Mistake>()
  for (const error of errors) {
    // That one of two schemas does not hold says nothing beside what does not.
    if (error.keyword === 'if') continue
    const mistake = {
      path: pathOf(error),
      message: messageOf(error) + (explains ? whatIsMissing(error) : ''),
    }
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

function whatIsMissing({ keyword, params, parentSchema }: ErrorObject): string {
  if (keyword !== 'required') return ''
  const described = parentSchema?.properties?.[params.missingProperty]?.description
  return typeof described === 'string' ? `: ${described.replace(/\.$/, '')}` : ''
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
      return `is not a known property${nearestOrAll(params.additionalProperty ?? '', knownTo(error))}`
    case 'propertyNames':
      return 'is not a name that is allowed here'
    case 'enum':
      return `must be one of ${list(params.allowedValues)}${nearestValue(error)}`
    case 'const':
      return `must be ${short(params.allowedValue)}`
    case 'type':
      return `must be ${[params.type].flat().join(' or ')}, is ${shownAs(error.data, params.type)}`
    case 'pattern':
      return expectedOf(String(params.pattern), error.data)
    case 'maximum':
      return `must be at most ${params.limit}, is ${short(error.data)}${inPercent(error)}`
    case 'minimum':
      return `must be at least ${params.limit}, is ${short(error.data)}`
    case 'exclusiveMinimum':
      return `must be more than ${params.limit}, is ${short(error.data)}`
    case 'exclusiveMaximum':
      return `must be less than ${params.limit}, is ${short(error.data)}`
    case 'minItems':
    case 'minLength':
    case 'minProperties':
      return atLeast(Number(params.limit), keyword)
    case 'maxItems':
    case 'maxLength':
    case 'maxProperties':
      return `must have at most ${counted(Number(params.limit), keyword)}`
    default:
      return error.message ?? `does not satisfy ${keyword}`
  }
}

const THINGS = { Items: 'element', Length: 'character', Properties: 'property' } as const

/** `3 elements` for `minItems` of 3. */
function counted(limit: number, keyword: string): string {
  const thing = THINGS[keyword.slice(3) as keyof typeof THINGS]
  if (limit === 1) return `1 ${thing}`
  return `${limit} ${thing === 'property' ? 'properties' : `${thing}s`}`
}

const atLeast = (limit: number, keyword: string): string =>
  limit === 1 ? 'must not be empty' : `must have at least ${counted(limit, keyword)}`

/** A share that is written in percent. */
function inPercent({ data, params }: ErrorObject): string {
  const isShare = Number(params.limit) === 1 && typeof data === 'number' && data >= 2 && data <= 100
  return isShare ? `; did you mean ${data / 100}?` : ''
}

/** Of a number that is no whole one its kind says nothing. */
const shownAs = (data: unknown, type: unknown): string =>
  typeof data === 'number' && [type].flat().includes('integer') ? String(data) : kindOf(data)

/** The nearest of the words, or where none is near all of them, if they are few. */
function nearestOrAll(word: string, known: readonly string[]): string {
  const near = didYouMean(word, known)
  if (near !== '' || known.length === 0 || known.length > 20) return near
  return `; known are ${known.filter((name) => name !== '$schema').join(', ')}`
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
