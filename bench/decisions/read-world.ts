import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { invalid } from '../../src/documents/document-file.ts'
import { didYouMean } from '../../src/documents/nearest.ts'
import { mistakesOf, pointerSegment } from '../../src/documents/schema-mistakes.ts'
import { durationMs } from '../../src/duration.ts'
import { type Mistake, VolleyError } from '../../src/errors.ts'
import { jsonMistakeAt, placeIn } from '../../src/json-mistake.ts'
import { type Change, type Delay, type Outcomes, STATUSES, type World } from './world.ts'

type WrittenRate = number | Partial<Outcomes>
type WrittenRates = Record<string, WrittenRate> | WrittenRate[]
type WrittenDelay = number | string | { mean: number | string; fixed?: boolean }
type WrittenMissing = number | Partial<Outcomes>
/** What a world may say for all actions, and an action for itself. */
interface Manner {
  delay?: WrittenDelay
  missing?: WrittenMissing
  partial?: number
  rejected?: number
}
interface WrittenAction extends Manner {
  name?: string
  confidence?: number
  rate?: WrittenRate
}
interface WrittenSegment {
  name?: string
  share?: number
  rates?: WrittenRates
}
interface WrittenChange {
  at: number
  over?: number
  rates?: WrittenRates
  segments?: Record<string, WrittenRates>
}
/** A world as it is written in a file, valid by its schema. */
export interface WrittenWorld extends Manner {
  name?: string
  decisions?: number
  days?: number
  at_once?: number
  actions: WrittenAction[] | Record<string, WrittenAction>
  segments?: WrittenSegment[] | Record<string, WrittenSegment>
  drift?: number | WrittenChange[]
  aims?: Record<string, number>
}

const DECISIONS = 10_000
const DAYS = 30
const AT_ONCE = 8
const CONFIDENCE = 0.5
const DAY_MS = 86_400_000
const SUM_MARGIN = 1e-9

const schema = JSON.parse(readFileSync(join(import.meta.dirname, 'world.schema.json'), 'utf8')) as object
const validate = new Ajv2020({ allErrors: true, verbose: true, strict: true, allowUnionTypes: true }).compile(
  schema,
)

/**
 * Reads a file with one world, or a list of them, also as its `worlds`. Throws `document_invalid` with the file, the place
 * in it, and what was expected there.
 */
export function readWorlds(file: string): World[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8').replace(/^\uFEFF/, '')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause)
    throw new VolleyError('document_invalid', `${file}: cannot be read (${code})`, { cause })
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw invalid(file, `${placeIn(text, jsonMistakeAt(text))}: not valid JSON`)
  }
  const name = basename(file, '.json')
  const { list, at } = listIn(value)
  if (list === null) return [worldOf(value, { file, name })]
  return list.map((each, index) =>
    worldOf(each, { file, name: `${name}-${index + 1}`, at: `${at}/${index}` }),
  )
}

function listIn(value: unknown): { list: unknown[] | null; at: string } {
  if (Array.isArray(value)) return { list: value, at: '' }
  const { worlds } = Object(value) as { worlds?: unknown }
  return { list: Array.isArray(worlds) ? worlds : null, at: '/worlds' }
}

/** Makes a world of a value; `name` is for one that has none, `at` its place in the file. Throws like `readWorlds`. */
export function worldOf(
  value: unknown,
  { file, name, at = '' }: { file: string; name: string; at?: string },
): World {
  const mistakes: Mistake[] = []
  const refuse = (found: readonly Mistake[]) =>
    invalid(
      file,
      found.map(({ path, message }) => ({ path: at + path, message })),
    )
  if (!validate(value)) throw refuse(mistakesOf(validate.errors ?? []))
  const world = new Reading(value as unknown as WrittenWorld, mistakes).world(name)
  if (mistakes.length > 0) throw refuse(mistakes)
  return world
}

/** What has a name and a place: an entry of a list, or a property. */
type Named<T> = { name: string; path: string; written: T }

function named<T extends { name?: string }>(
  written: T[] | Record<string, T>,
  { at, prefix, mistakes }: { at: string; prefix: string; mistakes: Mistake[] },
): Named<T>[] {
  const entries = Array.isArray(written)
    ? written.map((entry, index) => ({
        name: entry.name ?? `${prefix}_${index + 1}`,
        path: `${at}/${index}`,
        written: entry,
      }))
    : Object.entries(written).map(([name, entry]) => ({
        name,
        path: at + pointerSegment(name),
        written: entry,
      }))
  for (const [index, { name, path }] of entries.entries()) {
    if (entries.findIndex((other) => other.name === name) < index)
      mistakes.push({
        path: `${path}/name`,
        message: `is the name of another one too: ${JSON.stringify(name)}`,
      })
  }
  return entries
}

/** One world being read; what is wrong is added to the mistakes. */
class Reading {
  readonly #written: WrittenWorld
  readonly #mistakes: Mistake[]
  readonly #actions: Named<WrittenAction>[]
  readonly #segments: Named<WrittenSegment>[]
  readonly #decisions: number
  readonly #spanMs: number

  constructor(written: WrittenWorld, mistakes: Mistake[]) {
    this.#written = written
    this.#mistakes = mistakes
    this.#actions = named(written.actions, { at: '/actions', prefix: 'action', mistakes })
    const segments = written.segments ?? { all: {} }
    this.#segments = named(segments, { at: '/segments', prefix: 'segment', mistakes })
    this.#decisions = written.decisions ?? DECISIONS
    this.#spanMs = (written.days ?? DAYS) * DAY_MS
  }

  world(name: string): World {
    const { drift = 0, aims = {}, at_once: atOnce = AT_ONCE } = this.#written
    const own = this.#actions.map(({ written, path }, action) =>
      written.rate === undefined ? null : this.#outcomes(written.rate, action, `${path}/rate`),
    )
    const outcomes = this.#segments.map(({ written, path }) => {
      const rates = this.#rates(written.rates, `${path}/rates`)
      return rates.map((rate, action) => rate ?? own[action] ?? this.#unknown(action, path))
    })
    return {
      name: this.#written.name ?? name,
      decisions: this.#decisions,
      spanMs: this.#spanMs,
      atOnce,
      actions: this.#actions.map(({ name: action, written }) => ({
        name: action,
        confidence: written.confidence ?? CONFIDENCE,
        delay: this.#delay(written.delay ?? this.#written.delay ?? 0),
        missing: missingOf(written.missing ?? this.#written.missing ?? 0),
      })),
      segments: this.#shares(),
      outcomes,
      walk: typeof drift === 'number' ? drift : 0,
      changes:
        typeof drift === 'number'
          ? []
          : drift.map((change, index) => this.#change(change, `/drift/${index}`)),
      aims,
    }
  }

  #mistake(path: string, message: string): void {
    this.#mistakes.push({ path, message })
  }

  #unknown(action: number, segment: string): Outcomes {
    const { name, path } = this.#actions[action]!
    const isAlone = this.#written.segments === undefined
    if (isAlone) this.#mistake(`${path}/rate`, 'is required where there are no segments')
    else
      this.#mistake(
        `${segment}/rates${pointerSegment(name)}`,
        `is required: ${path}/rate is not given either`,
      )
    return outcomesOf(0, {})
  }

  /** By action; null where nothing is said of it. */
  #rates(written: WrittenRates | undefined, path: string): (Outcomes | null)[] {
    if (written === undefined) return this.#actions.map(() => null)
    const names = this.#actions.map(({ name }) => name)
    if (Array.isArray(written)) {
      if (written.length !== names.length)
        this.#mistake(path, `must have ${names.length} entries, one for each action, has ${written.length}`)
      return names.map((_, i) =>
        written[i] === undefined ? null : this.#outcomes(written[i], i, `${path}/${i}`),
      )
    }
    for (const name of Object.keys(written)) {
      if (!names.includes(name))
        this.#mistake(path + pointerSegment(name), `is no action${didYouMean(name, names)}`)
    }
    return names.map((name, action) => {
      const rate = Object.hasOwn(written, name) ? written[name] : undefined
      return rate === undefined ? null : this.#outcomes(rate, action, path + pointerSegment(name))
    })
  }

  #outcomes(rate: WrittenRate, action: number, path: string): Outcomes {
    const own = this.#actions[action]!.written
    if (typeof rate === 'number')
      return outcomesOf(rate, {
        partial: own.partial ?? this.#written.partial,
        rejected: own.rejected ?? this.#written.rejected,
      })
    const { completed = 0, partial = 0, rejected = 0 } = rate
    const rest = 1 - completed - partial - rejected
    const sum = completed + partial + rejected + (rate.ignored ?? 0)
    if (sum > 1 + SUM_MARGIN) this.#mistake(path, `must sum to 1 at most, sums to ${Number(sum.toFixed(6))}`)
    else if (rate.ignored !== undefined && sum < 1 - SUM_MARGIN)
      this.#mistake(path, `must sum to 1 where all are given, sums to ${Number(sum.toFixed(6))}`)
    return { completed, partial, rejected, ignored: Math.max(0, rate.ignored ?? rest) }
  }

  #delay(written: WrittenDelay): Delay {
    const { mean, fixed = false } = typeof written === 'object' ? written : { mean: written }
    const decisions =
      typeof mean === 'number' ? mean : ((durationMs(mean) ?? 0) / this.#spanMs) * this.#decisions
    return { mean: decisions, isFixed: fixed }
  }

  /** Those that say nothing share what others leave of 1. */
  #shares(): World['segments'] {
    const given = this.#segments.flatMap(({ written }) => written.share ?? [])
    const sum = given.reduce((total, share) => total + share, 0)
    const silent = this.#segments.length - given.length
    if (silent > 0 && sum >= 1 - SUM_MARGIN) {
      const { path } = this.#segments.find(({ written }) => written.share === undefined)!
      this.#mistake(
        `${path}/share`,
        `is required where the shares of the others leave nothing of 1; they sum to ${Number(sum.toFixed(6))}`,
      )
    }
    const each = Math.max(0, 1 - sum) / Math.max(1, silent)
    const shares = this.#segments.map(({ written }) => written.share ?? each)
    const total = shares.reduce((all, share) => all + share, 0)
    if (total === 0) this.#mistake('/segments', 'must have a share above 0 in one of them')
    return this.#segments.map(({ name }, index) => ({ name, share: shares[index]! / total }))
  }

  #change({ at, over = 0, rates, segments = {} }: WrittenChange, path: string): Change {
    const decisions = (given: number): number => (given < 1 ? given * this.#decisions : given)
    const names = this.#segments.map(({ name }) => name)
    for (const name of Object.keys(segments)) {
      if (!names.includes(name))
        this.#mistake(`${path}/segments${pointerSegment(name)}`, `is no segment${didYouMean(name, names)}`)
    }
    const forAll = this.#rates(rates, `${path}/rates`)
    const outcomes = names.map((name) => {
      const own = this.#rates(
        Object.hasOwn(segments, name) ? segments[name] : undefined,
        `${path}/segments${pointerSegment(name)}`,
      )
      return own.map((rate, action) => rate ?? forAll[action]!)
    })
    return { at: decisions(at), over: decisions(over), outcomes }
  }
}

/** Of successes a share is partial; of all a share is rejected, whatever it would have been. */
function outcomesOf(
  rate: number,
  { partial = 0, rejected = 0 }: { partial?: number | undefined; rejected?: number | undefined },
): Outcomes {
  const counted = 1 - rejected
  return {
    completed: counted * rate * (1 - partial),
    partial: counted * rate * partial,
    ignored: counted * (1 - rate),
    rejected,
  }
}

function missingOf(written: WrittenMissing): Outcomes {
  const of = (status: keyof Outcomes): number =>
    typeof written === 'number' ? written : (written[status] ?? 0)
  return Object.fromEntries(STATUSES.map((status) => [status, of(status)])) as unknown as Outcomes
}
