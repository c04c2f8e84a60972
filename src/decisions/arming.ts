import type { DocumentSet } from '../documents/shelf.ts'
import { scoringIn } from '../documents/shelf.ts'
import { isLevelTrigger, type Trigger } from '../documents/triggers.ts'

/** By when people have to be looked at for something new to be found out, as far as can be told without looking. */
export interface Bound {
  /** After so many ms without an event; null: silence asks nothing. */
  inactiveMs: number | null
  /** Those who have one of these traits: at once. */
  traits: string[]
  /** Everybody: at once. */
  everybody: boolean
}

/** What the people of a tenant have to be armed for, by name; the same names, the same things. */
export type Wants = ReadonlyMap<string, Trigger>

/** What the rules of a tenant wait for that are in force for some of its users or all. */
export function wantsOf(sets: readonly DocumentSet[]): Wants {
  return new Map(
    sets.flatMap((set) => {
      const scoring = scoringIn(set)
      return set.rules.triggers.flatMap((trigger): [string, Trigger][] => {
        if (!isLevelTrigger(trigger)) return [[trigger.key, trigger]]
        // Another scoring document finds other changes at other times.
        return scoring === null ? [] : [[`${trigger.key} by ${scoring.digest.slice(0, 16)}`, trigger]]
      })
    }),
  )
}

/** The bound of all of these triggers. */
export function boundOf(triggers: readonly Trigger[]): Bound {
  const silences = triggers.flatMap((trigger) => (trigger.kind === 'inactive_for' ? [trigger.ms] : []))
  const dates = triggers.flatMap((trigger) => (trigger.kind === 'date' ? [trigger.path] : []))
  return {
    inactiveMs: silences.length === 0 ? null : Math.min(...silences),
    traits: [...new Set(dates.flatMap(([root, name]) => (root === 'traits' ? [name!] : [])))],
    everybody:
      dates.some(([root]) => root === 'first_seen') ||
      triggers.some(({ kind }) => kind === 'every' || kind === 'stage' || kind === 'score'),
  }
}
