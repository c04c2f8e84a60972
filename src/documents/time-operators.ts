import { DURATION_UNITS, type DurationUnit, durationMs } from '../duration.ts'
import { LogicError } from './budget.ts'
import { didYouMean } from './nearest.ts'

/** An ISO date or date with time; without an offset it is UTC. */
const TIME = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?$/

/** Zones whose calendar is kept ready; a rule book names a few, data may name them all. */
const ZONES_KEPT = 100

/** Milliseconds since the epoch of an ISO text or a number of them; NaN where a value is neither, or no such day exists. */
export function timeOf(value: unknown): number {
  if (typeof value === 'number') return Math.abs(value) <= 8.64e15 ? value : Number.NaN
  if (typeof value !== 'string' || value.length > 40) return Number.NaN
  const match = TIME.exec(value)
  if (match === null || !isDay(value.slice(0, 10))) return Number.NaN
  return Date.parse(value.length > 10 && match[1] === undefined ? `${value}Z` : value)
}

/** Date.parse takes 30 February for 2 March. */
function isDay(date: string): boolean {
  if (Number(date.slice(8)) <= 28) return true
  const at = Date.parse(date)
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(date)
}

/** Milliseconds of `"14d"` or `"-3h"`. Throws LogicError for anything else. */
export function durationOf(value: unknown): number {
  const isBack = typeof value === 'string' && value.startsWith('-')
  const ms = typeof value === 'string' ? durationMs(isBack ? value.slice(1) : value) : null
  if (ms === null) throw new LogicError('must be a duration such as "30s", "2m", "72h" or "14d"')
  return isBack ? -ms : ms
}

/** Milliseconds of a unit. Throws LogicError for what is none. */
export function unitOf(value: unknown): number {
  const unit = typeof value === 'string' && Object.hasOwn(DURATION_UNITS, value) ? value : null
  if (unit === null)
    throw new LogicError(
      `must be a unit: ${Object.keys(DURATION_UNITS)
        .map((each) => JSON.stringify(each))
        .join(', ')}`,
    )
  return DURATION_UNITS[unit as DurationUnit]
}

/** Units of `unitMs` from one time to another, negative where it goes back; NaN where a time cannot be read. */
export const timeBetween = (from: unknown, to: unknown, unitMs: number): number =>
  (timeOf(to) - timeOf(from)) / unitMs

/** ISO text of a time some milliseconds later; null where it cannot be read or would be out of range. */
export function addTime(time: unknown, ms: number): string | null {
  const at = timeOf(time) + ms
  return Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : null
}

const PARTS = ['year', 'month', 'day', 'weekday', 'hour', 'minute'] as const
type Part = (typeof PARTS)[number]

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

/** The name of a part. Throws LogicError for what is none. */
export function partOf(value: unknown): Part {
  const part = PARTS.find((each) => each === value)
  if (part !== undefined) return part
  throw new LogicError(
    `must be one of ${PARTS.map((each) => JSON.stringify(each)).join(', ')}${typeof value === 'string' ? didYouMean(value, PARTS) : ''}`,
  )
}

const calendars = new Map<string, Intl.DateTimeFormat>([['UTC', calendarOf('UTC')]])

function calendarOf(zone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'iso8601',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    weekday: 'short',
    hour: 'numeric',
    minute: 'numeric',
  })
}

/** The calendar of a time zone; UTC for null. Throws LogicError for a zone that is not known. */
export function zoneOf(value: unknown): Intl.DateTimeFormat {
  const zone = value ?? 'UTC'
  const known = typeof zone === 'string' ? calendars.get(zone) : undefined
  if (known !== undefined) return known
  try {
    if (typeof zone !== 'string' || zone.length > 64) throw new RangeError('no zone')
    const made = calendarOf(zone)
    if (calendars.size >= ZONES_KEPT) calendars.clear()
    calendars.set(zone, made)
    return made
  } catch {
    throw new LogicError('must be a time zone such as "Europe/Berlin"')
  }
}

/** A part of a time in a zone: month 1–12, weekday 1 (Monday) – 7. NaN where time or zone cannot be read. */
export function timePart(time: unknown, part: Part, zone: unknown): number {
  const at = timeOf(time)
  if (Number.isNaN(at) || !isZone(zone)) return Number.NaN
  const found = zoneOf(zone)
    .formatToParts(at)
    .find(({ type }) => type === part)?.value
  return part === 'weekday' ? WEEKDAYS.indexOf(found ?? '') + 1 : Number(found)
}

/** A person's zone comes from outside, so one that is not known is no mistake of the rule. */
function isZone(value: unknown): boolean {
  try {
    zoneOf(value)
    return true
  } catch {
    return false
  }
}
