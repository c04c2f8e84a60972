/**
 * What is known of one person, and what follows for it from what comes in: a pure fold in the order of the ledger. No
 * I/O, no clock, no chance; times are ms since the epoch.
 */
import {
  type Activities,
  active,
  both,
  daysSince,
  mergedActivities,
  ratePerDay,
  withActivity,
} from './activity.ts'
import {
  changePermissions,
  FREE,
  mergedPermissions,
  type PermissionChange,
  type Permissions,
} from './permissions.ts'
import { mergedStanding, NO_STANDING, type Standing } from './standing.ts'
import { changeTraits, type Json, type TraitChange, type Traits } from './traits.ts'

export interface Person {
  traits: Traits
  activities: Activities
  /** Events of all types; first and last seen are the times of the earliest and the latest, null before there is one. */
  events: number
  firstSeen: number | null
  lastSeen: number | null
  /** IANA name. */
  timezone: string | null
  /** BCP 47. */
  locale: string | null
  permissions: Permissions
  standing: Standing
  /** When the person is to be looked at without having done anything, at the latest; null: never. */
  dueAt: number | null
  /** Known by an anonymous id alone. */
  isAnonymous: boolean
  /** Whose everything is by now that was and comes in under this id; null: the person's own. */
  mergedInto: string | null
  /** Values that were not taken since they would have passed a bound. */
  refused: number
}

/** A change of what is known: traits, and what has a place of its own; null forgets, what is left out says nothing. */
export interface ProfileChange extends TraitChange, PermissionChange {
  timezone?: string | null
  locale?: string | null
}

/** What a person is told. */
export type PersonItem =
  | { kind: 'event'; type: string; at: number }
  | { kind: 'traits'; change: ProfileChange }
  /** Traits and places of their own are forgotten; what was done and what is not allowed stay. */
  | { kind: 'forget' }
  /** Everything that was known under another id. */
  | { kind: 'merge'; from: Person }

/** Somebody of whom nothing is known yet. */
export function unknownPerson(isAnonymous: boolean): Person {
  return {
    traits: {},
    activities: {},
    events: 0,
    firstSeen: null,
    lastSeen: null,
    timezone: null,
    locale: null,
    permissions: FREE,
    standing: NO_STANDING,
    dueAt: null,
    isAnonymous,
    mergedInto: null,
    refused: 0,
  }
}

/** The person after one more item. */
export function told(person: Person, item: PersonItem): Person {
  switch (item.kind) {
    case 'event':
      return withEvent(person, item.type, item.at)
    case 'traits':
      return withChange(person, item.change)
    case 'forget':
      return { ...person, traits: {}, timezone: null, locale: null, refused: 0 }
    case 'merge':
      return merged(person, item.from)
    default:
      return item satisfies never
  }
}

function withEvent(person: Person, type: string, at: number): Person {
  const before = Object.hasOwn(person.activities, type) ? person.activities[type] : undefined
  return {
    ...person,
    activities: withActivity(person.activities, type, active(before, at)),
    events: person.events + 1,
    firstSeen: least(person.firstSeen, at),
    lastSeen: most(person.lastSeen, at),
  }
}

const least = (a: number | null, b: number | null) => (a === null || b === null ? (a ?? b) : Math.min(a, b))
const most = (a: number | null, b: number | null) => (a === null || b === null ? (a ?? b) : Math.max(a, b))

function withChange(person: Person, change: ProfileChange): Person {
  const { traits, refused } = changeTraits(person.traits, change)
  const isTouched = (name: string) =>
    [change.set, change.setOnce].some((said) => said !== undefined && Object.hasOwn(said, name))
  const placed = <T>(name: 'timezone' | 'locale', read: (value: unknown) => T | null) => {
    if (change[name] !== undefined) return change[name] === null ? null : read(change[name])
    // A trait of that name is believed where it can be; where it cannot, what was known before stays.
    const fromTrait = isTouched(name) ? read(traits[name]) : null
    return fromTrait ?? person[name]
  }
  return {
    ...person,
    traits,
    refused: person.refused + refused,
    timezone: placed('timezone', timezoneIn),
    locale: placed('locale', localeIn),
    permissions:
      change.consent === undefined && change.suppression === undefined
        ? person.permissions
        : changePermissions(person.permissions, change),
  }
}

/** Of what both have, a trait, timezone or locale of the person stays; what was done is added; what forbids wins. */
function merged(person: Person, from: Person): Person {
  const { traits, refused } = changeTraits(person.traits, { setOnce: from.traits })
  return {
    ...person,
    traits,
    activities: mergedActivities(person.activities, from.activities),
    events: person.events + from.events,
    firstSeen: least(person.firstSeen, from.firstSeen),
    lastSeen: most(person.lastSeen, from.lastSeen),
    timezone: person.timezone ?? from.timezone,
    locale: person.locale ?? from.locale,
    permissions: mergedPermissions(person.permissions, from.permissions),
    // What an earlier release passed on has none.
    standing: mergedStanding(person.standing, from.standing ?? NO_STANDING),
    refused: person.refused + from.refused + refused,
  }
}

const knownTimezones = new Map<string, string | null>()
const TIMEZONES_KEPT = 1_000

/** The IANA name of a time zone that this machine knows; null for anything else. */
export function timezoneIn(value: unknown): string | null {
  if (typeof value !== 'string' || value.length > 64) return null
  const known = knownTimezones.get(value)
  if (known !== undefined) return known
  const found = isTimezone(value) ? value : null
  // Asking costs 20 µs and more, and there are few answers.
  if (knownTimezones.size < TIMEZONES_KEPT) knownTimezones.set(value, found)
  return found
}

function isTimezone(value: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: value })
    // An offset such as +01:00 is taken too, but says nothing about summer.
    return /^[A-Za-z]/.test(value)
  } catch {
    return false
  }
}

/** A language tag in its canonical form, `de_DE` as `de-DE`; null for anything else. */
export function localeIn(value: unknown): string | null {
  if (typeof value !== 'string' || value.length > 64) return null
  try {
    return Intl.getCanonicalLocales(value.replaceAll('_', '-'))[0] ?? null
  } catch {
    return null
  }
}

/** What one type of event is to the rules. */
export interface SeenActivity {
  count: number
  days_since: number
  per_day: number
}

/** The person as rules see it at `now`. */
export interface SeenPerson {
  is_anonymous: boolean
  traits: Traits
  events: number
  first_seen: string | null
  last_seen: string | null
  days_since_first_seen: number | null
  days_since_last_seen: number | null
  /** By type of event, dots as underscores, since a rule reads dots as steps. */
  activity: { [type: string]: SeenActivity }
  timezone: string | null
  locale: string | null
}

export function seenByRules(person: Person, now: number): SeenPerson {
  const { traits, events, firstSeen, lastSeen, timezone, locale } = person
  const days = (at: number | null) => (at === null ? null : daysSince(at, now))
  return {
    is_anonymous: person.isAnonymous,
    traits,
    events,
    first_seen: instant(firstSeen),
    last_seen: instant(lastSeen),
    days_since_first_seen: days(firstSeen),
    days_since_last_seen: days(lastSeen),
    activity: seenActivities(person.activities, now),
    timezone,
    locale,
  }
}

/** The person as rules see it that decide on an event of `time`, as of which they decide; before it was `before`. */
export function seenAtEvent({
  before,
  person,
  time,
}: {
  before: Person
  person: Person
  time: number
}): SeenPerson & { days_away: number | null } {
  // Days between the last event before this one and this one; null where it is the first.
  const daysAway = before.lastSeen === null ? null : daysSince(before.lastSeen, time)
  return { ...seenByRules(person, time), days_away: daysAway }
}

const instant = (at: number | null) => (at === null ? null : new Date(at).toISOString())

function seenActivities(activities: Activities, now: number): SeenPerson['activity'] {
  const all = new Map<string, Activities[string]>()
  for (const [type, activity] of Object.entries(activities)) {
    const name = type.replaceAll('.', '_')
    const same = all.get(name)
    all.set(name, same === undefined ? activity : both(same, activity))
  }
  return Object.fromEntries(
    [...all].map(([name, activity]) => [
      name,
      {
        count: activity.count,
        days_since: daysSince(activity.lastAt, now),
        per_day: ratePerDay(activity, now),
      },
    ]),
  )
}

export type { Json }
