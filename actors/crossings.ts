/**
 * When what a trigger waits for is there: the silence is long enough, the period begins, the date has come. Pure; times
 * are ms since the epoch. A crossing has a mark by which it is told from others of its trigger, the same in every time
 * zone, and later ones have greater marks; so a person who remembers the last one is never told twice.
 */
import { DateTime } from 'luxon'
import { shareOf } from '../src/decisions/share.ts'
import { timeOf } from '../src/documents/time-operators.ts'
import type { TimeTrigger } from '../src/documents/triggers.ts'
import type { Person } from './person.ts'

export interface Crossing {
  /** When it fires. */
  at: number
  mark: number
  /** What rules see of it beside the trigger. */
  seen: Record<string, unknown>
}

/** Whoever is watched. */
export interface Watched {
  id: string
  person: Person
}

const DAY_MS = 86_400_000
/** A date fires so much later at most: what nobody was there to look at is no birthday any more. */
export const LATE_MS_MAX = 2 * DAY_MS
/** Monday, 5 January 1970: periods of whole days at an hour of the day begin with it. */
const FIRST_MONDAY = 4

/** The earliest crossing that was not told yet; it may be over. Null: there is none to come. */
export function nextCrossing(trigger: TimeTrigger, watched: Watched, now: number): Crossing | null {
  const { person } = watched
  const told = person.standing.fired[trigger.key]
  switch (trigger.kind) {
    case 'inactive_for': {
      const { lastSeen } = person
      if (lastSeen === null || (told !== undefined && told >= lastSeen)) return null
      const at = hourFrom(lastSeen + trigger.ms, trigger.at, zoneFor(trigger, person))
      return { at, mark: lastSeen, seen: { last_seen: new Date(lastSeen).toISOString() } }
    }
    case 'every': {
      const mark = Math.max((told ?? Number.NEGATIVE_INFINITY) + 1, periodAt(trigger, watched, now))
      return { at: startOf(trigger, watched, mark), mark, seen: {} }
    }
    case 'date':
      return nextDate(trigger, person, { told: told ?? Number.NEGATIVE_INFINITY, now })
    default:
      return trigger satisfies never
  }
}

type Every = Extract<TimeTrigger, { kind: 'every' }>
type Dated = Extract<TimeTrigger, { kind: 'date' }>

/** The number of the period in which `now` lies. */
export function periodAt(trigger: Every, watched: Watched, now: number): number {
  if (trigger.at === null) return Math.floor((now - phaseOf(trigger, watched)) / trigger.ms)
  const local = DateTime.fromMillis(now, { zone: zoneFor(trigger, watched.person) })
  const day = Math.floor(Date.UTC(local.year, local.month - 1, local.day) / DAY_MS)
  const mark = Math.floor((day - FIRST_MONDAY) / (trigger.ms / DAY_MS))
  return startOf(trigger, watched, mark) <= now ? mark : mark - 1
}

function startOf(trigger: Every, watched: Watched, mark: number): number {
  if (trigger.at === null) return phaseOf(trigger, watched) + mark * trigger.ms
  const day = DateTime.fromMillis((mark * (trigger.ms / DAY_MS) + FIRST_MONDAY) * DAY_MS, { zone: 'UTC' })
  return hourOn(day, trigger.at, zoneFor(trigger, watched.person))
}

/** Everybody has a moment of their own in a period, so that not all are looked at in the same one. */
const phaseOf = ({ key, ms }: Every, { id }: Watched): number => Math.floor(shareOf('every', key, id) * ms)

function nextDate(
  trigger: Dated,
  person: Person,
  { told, now }: { told: number; now: number },
): Crossing | null {
  const value = valueAt(person, trigger.path)
  const base = timeOf(value)
  if (Number.isNaN(base)) return null
  // A date without a time is that of a calendar, and no instant.
  const isDay = typeof value === 'string' && value.length === 10
  for (const date of trigger.yearly ? yearsOf(base, now) : [base]) {
    if (date <= told || isLongOver(trigger, date, now)) continue
    const at = dateFor(trigger, person, { date, isDay })
    if (at > now - LATE_MS_MAX) return { at, mark: date, seen: { date: new Date(date).toISOString() } }
  }
  return null
}

/** Known without a calendar, which is dear: a zone, an hour of the day and a summer time move a date by days, not by more. */
function isLongOver({ offset }: Dated, date: number, now: number): boolean {
  const offsetMs = offset.kind === 'exact' ? offset.ms : offset.days * DAY_MS
  return date + offsetMs + 3 * DAY_MS < now - LATE_MS_MAX
}

/** The same date in every year that an offset may bring near; 29 February is the 28th where there is none. */
function yearsOf(base: number, now: number): number[] {
  const date = DateTime.fromMillis(base, { zone: 'UTC' })
  const { year } = DateTime.fromMillis(now, { zone: 'UTC' })
  return [-2, -1, 0, 1, 2].map((more) => date.set({ year: year + more }).toMillis())
}

function dateFor(trigger: Dated, person: Person, { date, isDay }: { date: number; isDay: boolean }): number {
  const zone = zoneFor(trigger, person)
  const begin = isDay ? hourOn(DateTime.fromMillis(date, { zone: 'UTC' }), 0, zone) : date
  const local = DateTime.fromMillis(begin, { zone })
  const { offset } = trigger
  const moved = offset.kind === 'exact' ? local.plus(offset.ms) : local.plus({ days: offset.days })
  return trigger.at === null ? moved.toMillis() : hourOn(moved, trigger.at, zone)
}

function valueAt(person: Person, [root, ...path]: readonly string[]): unknown {
  if (root === 'first_seen') return person.firstSeen
  let value: unknown = person.traits
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Record<string, unknown>)[name]
  }
  return value
}

const zoneFor = ({ zone }: { zone: string }, { timezone }: Person): string => timezone ?? zone

/** The minute of a day in a zone; where clocks go forward over it, as soon as they have. */
function hourOn({ year, month, day }: DateTime, minutes: number, zone: string): number {
  const hour = Math.floor(minutes / 60)
  return DateTime.fromObject({ year, month, day, hour, minute: minutes % 60 }, { zone }).toMillis()
}

/** The first time at or after `from` at which it is that minute of a day; `from` itself where no minute is asked for. */
export function hourFrom(from: number, minutes: number | null, zone: string): number {
  if (minutes === null) return from
  const local = DateTime.fromMillis(from, { zone })
  const today = hourOn(local, minutes, zone)
  return today >= from ? today : hourOn(local.plus({ days: 1 }), minutes, zone)
}
