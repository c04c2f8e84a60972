/**
 * Changes of what scoring says of a person: what passed since the last look, and when to look again. Pure; times are ms
 * since the epoch.
 */
import type { Scores } from '../src/documents/scoring.ts'
import type { ByTime, Threshold } from '../src/documents/thresholds.ts'
import type { LevelTrigger } from '../src/documents/triggers.ts'
import type { Person } from './person.ts'
import type { KnownLevels } from './standing.ts'

export type Levels = Partial<Scores>

/** What of people's scores is followed, and how it is found out. */
export interface LevelWatch {
  /** Digest of the scoring document. */
  by: string
  /** Those of a person at a time that some trigger follows. */
  of(person: Person, now: number): Levels
  byTime: ByTime
}

const DAY_MS = 86_400_000

/** What the person was before, as far as the present scoring document has said so; null: it has not. */
export const levelsBefore = (watch: LevelWatch, known: KnownLevels | undefined): Levels | null =>
  known?.by === watch.by ? known.of : null

export const sameLevels = (a: Levels, b: Levels): boolean =>
  Object.keys({ ...a, ...b }).every((name) => a[name as keyof Scores] === b[name as keyof Scores])

/** What rules see of a change that a trigger waits for; null where this is none. */
export function changeSeen(trigger: LevelTrigger, was: Levels, is: Levels): Record<string, unknown> | null {
  const [from, to] = [was[trigger.of] ?? null, is[trigger.of] ?? null]
  if (from === to || to === null) return null
  if (trigger.kind === 'stage')
    return to === trigger.to && (trigger.from === null || from === trigger.from) ? { from, to } : null
  const has = (score: string | number | null) => typeof score === 'number' && passes(trigger, score)
  return typeof from === 'number' && !has(from) && has(to) ? { from, to } : null
}

/** Whether a person is still where a trigger waited for. */
export function stillThere(trigger: LevelTrigger, is: Levels): boolean {
  const level = is[trigger.of] ?? null
  return trigger.kind === 'stage' ? level === trigger.to : typeof level === 'number' && passes(trigger, level)
}

const passes = ({ below, above }: Extract<LevelTrigger, { kind: 'score' }>, score: number): boolean =>
  below !== null ? score < below : score > above!

/**
 * When scores may come to something else though nothing happens; null: never. Where days are counted with that is a day
 * later; a look finds out whether they will some day, which costs too much after every word.
 */
export function nextLevels(
  watch: LevelWatch,
  person: Person,
  now: number,
  after: 'look' | 'word',
): number | null {
  const times = watch.byTime.thresholds.flatMap((threshold) => reachedAt(threshold, person, now) ?? [])
  if (watch.byTime.isSmooth && (after === 'word' || changesSomeDay(watch, person, now)))
    times.push(now + DAY_MS)
  return times.length === 0 ? null : Math.min(...times)
}

function reachedAt({ since, days }: Threshold, person: Person, now: number): number | null {
  const from = sinceOf(since, person)
  // A moment later, so that "more than" holds too.
  const times = from.map((at) => Math.ceil(at + days * DAY_MS) + 1).filter((at) => at > now)
  return times.length === 0 ? null : Math.min(...times)
}

function sinceOf(since: Threshold['since'], { firstSeen, lastSeen, activities }: Person): number[] {
  if (since === 'last_seen') return lastSeen === null ? [] : [lastSeen]
  if (since === 'first_seen') return firstSeen === null ? [] : [firstSeen]
  return Object.entries(activities).flatMap(([type, { lastAt }]) =>
    type.replaceAll('.', '_') === since.activity ? [lastAt] : [],
  )
}

const DAYS_AHEAD = [1, 2, 4, 8, 16, 32, 64, 128, 256, 366]

function changesSomeDay(watch: LevelWatch, person: Person, now: number): boolean {
  const is = watch.of(person, now)
  return DAYS_AHEAD.some((days) => !sameLevels(is, watch.of(person, now + days * DAY_MS)))
}
