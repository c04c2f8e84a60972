/**
 * What a trigger would have come to in a stretch of time that is over, for a person as it is known now. Pure; times are
 * ms since the epoch. It is an estimate: nothing is known any more of silences that have ended.
 */
import type { LevelTrigger, TimeTrigger } from '../src/documents/triggers.ts'
import { type Crossing, LATE_MS_MAX, nextCrossing, periodAt, type Watched } from './crossings.ts'
import type { Fire } from './due.ts'
import { changeSeen, type Levels } from './levels.ts'

/** From after `since` until `now`. */
export interface Window {
  since: number
  now: number
}

/** What would have fired, and as of when rules see it. */
export interface PastFire extends Fire {
  at: number
  /** How often: more than once for periods alone, of which `at` is the last. */
  times: number
  /** It was there before, and nobody has been told: it fires as soon as a rule waits for it. */
  isOverdue: boolean
}

/** What a silence, a period or a date would have come to; null: nothing. */
export function firedWithin(trigger: TimeTrigger, watched: Watched, window: Window): PastFire | null {
  switch (trigger.kind) {
    case 'inactive_for': {
      const crossing = nextCrossing(trigger, untold(watched, trigger), window.now)
      return once(trigger, crossing, window) ?? overdue(trigger, watched, window)
    }
    case 'every':
      return periods(trigger, watched, window)
    case 'date': {
      // As of so much later, it finds the first one that came after the beginning.
      const crossing = nextCrossing(trigger, untold(watched, trigger), window.since + LATE_MS_MAX)
      return once(trigger, crossing, window) ?? overdue(trigger, watched, window)
    }
    default:
      return trigger satisfies never
  }
}

/** What a change of scores from the beginning to the end would have come to; null: nothing. */
export function changedWithin(
  trigger: LevelTrigger,
  { was, is }: { was: Levels; is: Levels },
  { now }: Window,
): PastFire | null {
  const seen = changeSeen(trigger, was, is)
  if (seen === null) return null
  return {
    trigger,
    seen: { kind: 'change', ...trigger.written, ...seen },
    at: now,
    times: 1,
    isOverdue: false,
  }
}

function once(trigger: TimeTrigger, crossing: Crossing | null, { since, now }: Window): PastFire | null {
  if (crossing === null || crossing.at <= since || crossing.at > now) return null
  return fireOf(trigger, crossing, { at: crossing.at, times: 1, isOverdue: false })
}

function overdue(trigger: TimeTrigger, watched: Watched, { now }: Window): PastFire | null {
  const crossing = nextCrossing(trigger, watched, now)
  if (crossing === null || crossing.at > now) return null
  return fireOf(trigger, crossing, { at: now, times: 1, isOverdue: true })
}

/** Nobody is told of periods before the first event. */
function periods(
  trigger: Extract<TimeTrigger, { kind: 'every' }>,
  watched: Watched,
  { since, now }: Window,
): PastFire | null {
  const from = Math.min(now, Math.max(since, watched.person.firstSeen ?? since))
  const times = periodAt(trigger, watched, now) - periodAt(trigger, watched, from)
  const crossing = nextCrossing(trigger, untold(watched, trigger), now)
  if (times <= 0 || crossing === null) return null
  return fireOf(trigger, crossing, { at: crossing.at, times, isOverdue: false })
}

const fireOf = (
  trigger: TimeTrigger,
  { seen }: Crossing,
  when: Pick<PastFire, 'at' | 'times' | 'isOverdue'>,
): PastFire => ({ trigger, seen: { kind: trigger.kind, ...trigger.written, ...seen }, ...when })

/** The same person, remembering nothing of what this trigger was told. */
function untold({ id, person }: Watched, { key }: TimeTrigger): Watched {
  const { [key]: _, ...fired } = person.standing.fired
  return { id, person: { ...person, standing: { ...person.standing, fired } } }
}
