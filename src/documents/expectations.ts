import { didYouMean, quoted } from './nearest.ts'

/** What a pattern of a schema takes, in words, and the nearest to what stands there instead; null where none is near. */
interface Expectation {
  says: string
  mend?(text: string): string | null
}

const DURATION = 'must be a duration such as "30s", "2h" or "14d"'
const UNITS: Readonly<Record<string, string>> = { w: '7d', week: '7d', weeks: '7d' }
const MEANT: readonly [RegExp, string][] = [
  [/^(ms|milliseconds?|millis)$/, 'ms'],
  [/^(s|secs?|seconds?)$/, 's'],
  [/^(m|mins?|minutes?)$/, 'm'],
  [/^(h|hrs?|hours?)$/, 'h'],
  [/^(d|days?)$/, 'd'],
]

/** `14 days` as `14d`; null where it is no duration in words. */
export function nearestDuration(text: string): string | null {
  const [, sign, amount, unit] = /^ *(-?) *(\d{1,9}) *([a-z]+) *$/i.exec(text) ?? []
  if (amount === undefined || unit === undefined) return null
  const word = unit.toLowerCase()
  if (Object.hasOwn(UNITS, word)) return `${sign}${Number(amount) * 7}d`
  const meant = MEANT.find(([pattern]) => pattern.test(word))
  return meant === undefined ? null : `${sign}${amount}${meant[1]}`
}

/** A name as it may be written, made of one that may not. */
const named = (between: string) => (text: string) => {
  const made = text
    .toLowerCase()
    .replaceAll(between === '_' ? /[^a-z0-9_]+/g : /[^a-z0-9_-]+/g, between)
    .replace(/^[^a-z]+|[^a-z0-9]+$/g, '')
  return made === '' ? null : made.slice(0, 64)
}

function nearestHour(text: string): string | null {
  const [, hour, minute = '00'] = /^ *(\d{1,2})(?:[:.h](\d\d))? *$/.exec(text) ?? []
  return hour === undefined || Number(hour) > 23 || Number(minute) > 59
    ? null
    : `${hour.padStart(2, '0')}:${minute}`
}

/** By the pattern, as the schemas of documents have it; a test holds that each of theirs is here. */
const EXPECTATIONS: Readonly<Record<string, Expectation>> = {
  '^[a-z][a-z0-9_-]{0,63}$': {
    says: 'must be a name: a small letter, then at most 63 small letters, digits, "_" or "-"',
    mend: named('-'),
  },
  '^[a-z][a-z0-9_]{0,63}$': {
    says: 'must be the name of an action type: a small letter, then at most 63 small letters, digits or "_"',
    mend: named('_'),
  },
  '^[0-9]{1,9}(ms|s|m|h|d)$': { says: DURATION, mend: nearestDuration },
  '^-?[0-9]{1,9}(ms|s|m|h|d)$': {
    says: 'must be a duration such as "12h", or "-7d" for before',
    mend: nearestDuration,
  },
  '^([01][0-9]|2[0-3]):[0-5][0-9]$': {
    says: 'must be a time of day from "00:00" to "23:59"',
    mend: nearestHour,
  },
  '^[a-z0-9_$]+(\\.[a-z0-9_]+)*(\\.\\*)?$': {
    says: 'must be a type of event such as "custom.reward.redeemed", or "custom.reward.*" for all below',
    mend: (text) => (/^[\w$]+(\.[\w]+)*(\.\*)?$/.test(text) ? text.toLowerCase() : null),
  },
  '^user\\.(first_seen|traits(\\.[A-Za-z0-9_$-]+)+)$': {
    says: 'must be a date of the user such as "user.traits.birthday" or "user.first_seen"',
    mend: (text) => (/^[A-Za-z0-9_$-]+$/.test(text) ? `user.traits.${text}` : null),
  },
  '^[0-9]{4}-[0-9]{2}-[0-9]{2}': { says: 'must be a time such as "2026-03-01T12:00:00Z"' },
}

/** What was expected where a text does not match a pattern of a schema. */
export function expectedOf(pattern: string, text: unknown): string {
  const known = Object.hasOwn(EXPECTATIONS, pattern) ? EXPECTATIONS[pattern] : undefined
  if (known === undefined) return `must match pattern "${pattern}"`
  const near = typeof text === 'string' ? (known.mend?.(text) ?? null) : null
  return `${known.says}${near === null ? '' : `; did you mean ${quoted(near)}?`}`
}

/** Whether there are words for a pattern. */
export const isExplained = (pattern: string): boolean => Object.hasOwn(EXPECTATIONS, pattern)

/** Names of time zones are compared whole, and by their last part, as people say them. */
export function didYouMeanZone(zone: string): string {
  const zones = Intl.supportedValuesOf('timeZone')
  const city = zones.find(
    (each) => each.split('/').at(-1)?.toLowerCase() === zone.toLowerCase().replaceAll(' ', '_'),
  )
  return city === undefined ? didYouMean(zone, zones) : `; did you mean ${quoted(city)}?`
}
