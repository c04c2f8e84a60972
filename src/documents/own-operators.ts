import { type Budget, type Logic, LogicError, lengthOf, produce, step } from './budget.ts'
import { coerced, numberOf } from './coerce.ts'
import { didYouMeanZone, nearestDuration } from './expectations.ts'
import { quoted } from './nearest.ts'
import { addTime, durationOf, partOf, timeBetween, timePart, unitOf, zoneOf } from './time-operators.ts'

/** An operator beyond the library's: pure, and over in the time of a few steps. */
interface OwnOperator {
  /** Least and most arguments. */
  takes: readonly [number, number]
  /** What it is given, for whoever gives it something else. */
  usage: string
  /** What an argument must be, by its index: throws LogicError where it is not. Literals are checked when saved. */
  fixed?: Readonly<Record<number, (value: unknown) => unknown>>
  run(values: readonly unknown[], budget: Budget): unknown
}

const rounded = (by: (value: number) => number): OwnOperator => ({
  takes: [1, 2],
  usage: '[number, digits]',
  fixed: { 1: digitsOf },
  run: ([value, digits], budget) => round(by, numberOf(value, budget), digitsOf(digits)),
})

const text = (make: (text: string) => string): OwnOperator => ({
  takes: [1, 1],
  usage: '[text]',
  run: ([value], budget) => make(textOf(value, budget)),
})

const affix = (has: (text: string, part: string) => boolean): OwnOperator => ({
  takes: [2, 2],
  usage: '[text, part]',
  run: ([value, part], budget) => has(textOf(value, budget), textOf(part, budget)),
})

export const ownOperators = {
  duration_ms: {
    takes: [1, 1],
    usage: '["14d"]',
    fixed: { 0: durationOf },
    run: ([duration]) => durationOf(duration),
  },
  time_between: {
    takes: [3, 3],
    usage: '[from, to, "d"]',
    fixed: { 2: unitOf },
    run: ([from, to, unit]) => timeBetween(from, to, unitOf(unit)),
  },
  time_add: {
    takes: [2, 2],
    usage: '[time, "14d"]',
    fixed: { 1: durationOf },
    run: ([time, duration]) => addTime(time, durationOf(duration)),
  },
  time_part: {
    takes: [2, 3],
    usage: '[time, "weekday", "Europe/Berlin"]',
    fixed: { 1: partOf, 2: zoneOf },
    run([time, part, zone], budget) {
      // A time zone that was not asked for before is the dearest thing that a rule can do.
      step(budget, 64 * 200)
      return timePart(time, partOf(part), zone)
    },
  },
  round: rounded((value) => Math.sign(value) * Math.round(Math.abs(value))),
  floor: rounded(Math.floor),
  ceil: rounded(Math.ceil),
  lower: text((value) => value.toLowerCase()),
  upper: text((value) => value.toUpperCase()),
  trim: text((value) => value.trim()),
  starts_with: affix((value, part) => value.startsWith(part)),
  ends_with: affix((value, part) => value.endsWith(part)),
  size_of: { takes: [1, 1], usage: '[text or list]', run: ([value], budget) => sizeOf(value, budget) },
  join: {
    takes: [2, 2],
    usage: '[list, ", "]',
    run: ([list, between], budget) => joined(list, between, budget),
  },
} as const satisfies Record<string, OwnOperator>
export type OwnOperatorName = keyof typeof ownOperators

/** One of our own operators within the budget. */
export function ownOperator(name: OwnOperatorName, args: readonly Logic[]): Logic {
  const operator: OwnOperator = ownOperators[name]
  return (data, budget) => {
    const values = args.map((arg) => arg(data, budget))
    step(
      budget,
      values.reduce<number>((sum, value) => sum + lengthOf(value), 0),
    )
    const made = operator.run(values, budget)
    if (typeof made === 'string') produce(budget, made.length)
    return made
  }
}

/** What is wrong with the arguments as they are written, by their index (null: with their number). */
export function misuseOf(
  name: OwnOperatorName,
  args: readonly unknown[],
): { index: number | null; message: string } | null {
  const { takes, usage, fixed = {} }: OwnOperator = ownOperators[name]
  if (args.length < takes[0] || args.length > takes[1])
    return { index: null, message: `must be given ${usage}; it has ${args.length} arguments` }
  for (const [key, check] of Object.entries(fixed)) {
    const index = Number(key)
    const arg = args[index]
    if (index >= args.length || (typeof arg === 'object' && arg !== null)) continue
    try {
      check(arg)
    } catch (error) {
      if (error instanceof LogicError) return { index, message: error.message + nearestTo(check, arg) }
      throw error
    }
  }
  return null
}

/** Only where an author is told: in a decision nobody would read it. */
function nearestTo(check: (value: unknown) => unknown, arg: unknown): string {
  if (typeof arg !== 'string') return ''
  if (check === zoneOf) return didYouMeanZone(arg)
  const near = check === durationOf ? nearestDuration(arg) : check === unitOf ? nearestUnit(arg) : null
  return near === null ? '' : `; did you mean ${quoted(near)}?`
}

/** `days` as `d`. */
const nearestUnit = (text: string): string | null => nearestDuration(`1 ${text}`)?.slice(1) ?? null

function digitsOf(value: unknown): number {
  if (value === undefined || value === null) return 0
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 10) return value
  throw new LogicError('digits must be a whole number from 0 to 10')
}

/** By its decimal writing, so that 1.005 has the digits that a person sees; NaN where it is no number. */
function round(by: (value: number) => number, value: number, digits: number): number {
  if (digits === 0 || !Number.isFinite(value)) return by(value)
  const moved = Number(`${value}e${digits}`)
  // A number so large or small that it is written with an exponent has no such digits.
  if (Number.isNaN(moved)) return Math.abs(value) < 1 ? by(0) : value
  return Number(`${by(moved)}e-${digits}`)
}

/** Text and numbers as text, null as none. Throws LogicError for lists and objects. */
function textOf(value: unknown, budget: Budget): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'object') throw new LogicError('a text operator takes no lists or objects')
  return String(coerced(value, budget))
}

/** Characters as a person counts code points, or elements; 0 for null. */
function sizeOf(value: unknown, budget: Budget): number {
  if (Array.isArray(value)) return value.length
  let count = 0
  for (const _ of textOf(value, budget)) count += 1
  return count
}

function joined(list: unknown, between: unknown, budget: Budget): string {
  const texts = (Array.isArray(list) ? list : []).map((item) => textOf(item, budget))
  const glue = textOf(between, budget)
  const length = texts.reduce((sum, { length }) => sum + length, 0) + glue.length * texts.length
  step(budget, length)
  // What is made is charged by the caller; this refuses before it is made.
  if (length > budget.produced) produce(budget, length)
  return texts.join(glue)
}
