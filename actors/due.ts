/**
 * When a person is to be looked at though nothing was said of it, and what follows from a look. Pure, like all actors;
 * times are ms since the epoch. A look that comes too early does nothing but say when the next one is due: so nothing has
 * to be written when people are active.
 */
import {
  isLevelTrigger,
  type LevelTrigger,
  type TimeTrigger,
  type Trigger,
} from '../src/documents/triggers.ts'
import { type Crossing, hourFrom, nextCrossing, periodAt, type Watched } from './crossings.ts'
import {
  changeSeen,
  type Levels,
  type LevelWatch,
  levelsBefore,
  nextLevels,
  sameLevels,
  stillThere,
} from './levels.ts'
import type { Person } from './person.ts'
import { type Ask, type Standing, withFired } from './standing.ts'

/** What people of a tenant are watched for. */
export interface Watch {
  /** Each once. */
  triggers: readonly Trigger[]
  keys: ReadonlySet<string>
  /** Null: no trigger follows scores, or nothing scores. */
  levels: LevelWatch | null
}

export const NO_WATCH: Watch = { triggers: [], keys: new Set(), levels: null }

/** One trigger that fires. */
export interface Fire {
  trigger: Trigger
  /** What rules see as `trigger`. */
  seen: Record<string, unknown>
}

/** What follows from a look; the standing remembers it. */
export interface Look {
  fires: Fire[]
  asks: Ask[]
  standing: Standing
}

/** So much time has history to arrive that is imported. */
export const SETTLE_MS = 3_600_000

/** By which name it is remembered until when a change waits for its hour, or a silence for history to arrive. */
const waitOf = ({ key }: Trigger): string => `${key} waits`

/** What fires of a person now, each crossing once. */
export function lookAt(watched: Watched, watch: Watch, now: number): Look {
  const { standing } = watched.person
  const told: Record<string, number> = {}
  const fires: Fire[] = []
  for (const trigger of watch.triggers) {
    if (isLevelTrigger(trigger)) continue
    const crossing = crossingOf(trigger, watched, now)
    // Whatever else brought the look: a silence that history may still break waits its hour.
    if (crossing === null || crossing.at > now || waitEnd(trigger, standing) > now) continue
    told[trigger.key] = crossing.mark
    if (waitEnd(trigger, standing) !== OVER) told[waitOf(trigger)] = OVER
    fires.push({ trigger, seen: { kind: trigger.kind, ...trigger.written, ...crossing.seen } })
  }
  const asks = standing.asks.filter(({ at }) => at <= now)
  const left =
    asks.length === 0 ? standing : { ...standing, asks: standing.asks.filter(({ at }) => at > now) }
  const seen = Object.keys(told).length === 0 ? left : withFired(left, told, watch.keys)
  const changes = changesOf({ ...watched.person, standing: seen }, watch, now, null)
  return { fires: [...fires, ...changes.fires], asks, standing: changes.standing }
}

/** The changes of scores that fire now. `before`: how the person was, where nothing is remembered; null: not known. */
export function changesOf(
  person: Person,
  watch: Watch,
  now: number,
  before: Person | null,
): Pick<Look, 'fires' | 'standing'> {
  const { standing } = person
  const { levels } = watch
  if (levels === null) return { fires: [], standing }
  const is = levels.of(person, now)
  const was = levelsBefore(levels, standing.levels) ?? (before === null ? is : levels.of(before, now))
  const told: Record<string, number> = {}
  const fires = watch.triggers.flatMap((trigger) => {
    if (!isLevelTrigger(trigger)) return []
    const found = changed({ trigger, was, is, standing, zone: person.timezone ?? trigger.zone }, now)
    if (found === null) return []
    Object.assign(told, found.told)
    return found.fire === null ? [] : [found.fire]
  })
  const kept =
    standing.levels !== undefined && standing.levels.by === levels.by && sameLevels(standing.levels.of, is)
  const known = kept ? standing : { ...standing, levels: { by: levels.by, of: is } }
  return { fires, standing: Object.keys(told).length === 0 ? known : withFired(known, told, watch.keys) }
}

interface Comparison {
  trigger: LevelTrigger
  was: Levels
  is: Levels
  standing: Standing
  zone: string
}

/** Zero stands for a wait that is over. */
const OVER = 0

const waitEnd = (trigger: Trigger, { fired }: Standing): number => fired[waitOf(trigger)] ?? OVER

function changed(
  { trigger, was, is, standing, zone }: Comparison,
  now: number,
): { fire: Fire | null; told: Record<string, number> } | null {
  const wait = waitOf(trigger)
  const seen = changeSeen(trigger, was, is)
  const fire = (facts: Record<string, unknown>): Fire => ({
    trigger,
    seen: { kind: 'change', ...trigger.written, ...facts },
  })
  const waits = waitEnd(trigger, standing)
  const over = waits === OVER ? {} : { [wait]: OVER }
  if (seen !== null) {
    const at = hourFrom(now, trigger.at, zone)
    return at > now
      ? { fire: null, told: { [wait]: at } }
      : { fire: fire(seen), told: { [trigger.key]: now, ...over } }
  }
  if (waits === OVER) return null
  if (!stillThere(trigger, is)) return { fire: null, told: over }
  return waits > now ? null : { fire: fire({ to: is[trigger.of] }), told: { [trigger.key]: now, ...over } }
}

/** Of a period it is only told that begins while it is waited for. */
function crossingOf(trigger: Exclude<Trigger, LevelTrigger>, watched: Watched, now: number): Crossing | null {
  if (trigger.kind === 'every' && watched.person.standing.fired[trigger.key] === undefined) return null
  return nextCrossing(trigger, watched, now)
}

/** When the person is to be looked at next, at the latest; null: never. */
export function nextDue(watched: Watched, watch: Watch, now: number, after: 'look' | 'word'): number | null {
  const { standing } = watched.person
  const times = standing.asks.map(({ at }) => at)
  for (const trigger of watch.triggers) {
    const wait = waitEnd(trigger, standing)
    if (isLevelTrigger(trigger)) {
      if (wait !== OVER) times.push(wait)
      continue
    }
    const crossing = crossingOf(trigger, watched, now)
    if (crossing !== null) times.push(Math.max(crossing.at, wait))
  }
  if (watch.levels !== null) times.push(...nextOfLevels(watched.person, watch.levels, now, after))
  return times.length === 0 ? null : Math.ceil(Math.min(...times))
}

function nextOfLevels(person: Person, levels: LevelWatch, now: number, after: 'look' | 'word'): number[] {
  const before = levelsBefore(levels, person.standing.levels)
  if (before === null || !sameLevels(before, levels.of(person, now))) return [now]
  const next = nextLevels(levels, person, now, after)
  return next === null ? [] : [next]
}

/**
 * The person with a time to be looked at. `after` what: a look sets it anew; what was said only brings it nearer, so that
 * whoever is active is written no more often for it.
 */
export function armed(watched: Watched, watch: Watch, now: number, after: 'look' | 'word'): Person {
  const { id } = watched
  const person = after === 'word' ? settled(watched, watch, now) : watched.person
  if (person.mergedInto !== null) return person.dueAt === null ? person : { ...person, dueAt: null }
  if (isSoonEnough(person, watch, now) && after === 'word') return person
  const standing = withPeriods({ id, person }, watch, now)
  const begun = standing === person.standing ? person : { ...person, standing }
  const next = nextDue({ id, person: begun }, watch, now, after)
  const dueAt = after === 'look' ? next : nearer(person.dueAt, next)
  return dueAt === begun.dueAt ? begun : { ...begun, dueAt }
}

/**
 * The person after a word, with what waits for it.
 * Who has been silent for longer when something is said is likely being imported: the rest has to arrive. So such a silence
 * waits from the latest word on, and one that a word ends waits no more.
 */
export function settled(watched: Watched, watch: Watch, now: number): Person {
  const { person } = watched
  if (person.mergedInto !== null) return person
  const waits: Record<string, number> = {}
  for (const trigger of watch.triggers) {
    if (trigger.kind !== 'inactive_for') continue
    const end = isHistory(trigger, watched, now) ? now + SETTLE_MS : OVER
    if (end !== waitEnd(trigger, person.standing)) waits[waitOf(trigger)] = end
  }
  if (Object.keys(waits).length === 0) return person
  return { ...person, standing: withFired(person.standing, waits, watch.keys) }
}

/** Of whoever is active this is known without a calendar, which is dear. */
function isHistory(trigger: TimeTrigger & { kind: 'inactive_for' }, watched: Watched, now: number): boolean {
  const { lastSeen } = watched.person
  if (lastSeen === null || lastSeen + trigger.ms >= now - SETTLE_MS) return false
  const crossing = nextCrossing(trigger, watched, now)
  return crossing !== null && crossing.at < now - SETTLE_MS
}

/** Looked at by then all the same: it need not be known by when exactly. */
const isSoonEnough = ({ dueAt, standing }: Person, watch: Watch, now: number): boolean =>
  (watch.triggers.length === 0 && standing.asks.length === 0) || (dueAt !== null && dueAt <= now)

const nearer = (dueAt: number | null, next: number | null): number | null =>
  dueAt === null || next === null ? (dueAt ?? next) : Math.min(dueAt, next)

/** Periods count from when a person is first watched. */
function withPeriods(watched: Watched, watch: Watch, now: number): Standing {
  const { standing } = watched.person
  const begun: Record<string, number> = {}
  for (const trigger of watch.triggers)
    if (trigger.kind === 'every' && standing.fired[trigger.key] === undefined)
      begun[trigger.key] = periodAt(trigger, watched, now)
  return Object.keys(begun).length === 0 ? standing : withFired(standing, begun, watch.keys)
}
