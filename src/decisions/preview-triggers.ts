import { changedWithin, firedWithin, type PastFire, type Window } from '../../actors/fired.ts'
import { type Person, seenByRules, unknownPerson } from '../../actors/person.ts'
import { countedBudgets } from '../documents/evaluate.ts'
import type { Rule, RuleBook } from '../documents/rule-book.ts'
import type { Scores, Scoring } from '../documents/scoring.ts'
import { isLevelTrigger, type Trigger } from '../documents/triggers.ts'
import { type Decided, type DecidingData, decide } from './decide.ts'
import { type Reach, tally } from './reach.ts'
import { scoresOf } from './scores.ts'

/** The rules of one domain that decide for a user; null: none do. */
export type BookFor = (userId: string) => RuleBook | null

/** What triggers would have done with people. */
export interface TriggerReach extends Reach {
  /** Decisions for what was there before already, and of which nobody was told: they come as soon as rules wait for it. */
  atOnce: number
}

export interface TriggersAsked {
  window: Window
  before: BookFor
  after: BookFor
  scoringOf(userId: string): Scoring | null
}

/** All that one preview may take. */
const STEPS_MAX = 1_000_000
/** A calendar is as dear as so many steps of a rule. */
const STEPS_A_CROSSING = 200

/**
 * What triggers of two versions of the rules of a domain would have done in a time that is over, person by person;
 * nothing is sent. A look stops after each trigger, so that whoever drives it may do something else meanwhile; once it
 * `isSpent`, it finds nothing more.
 */
export function previewTriggers({ window, before, after, scoringOf }: TriggersAsked): {
  look(id: string, person: Person): Iterable<void>
  isSpent(): boolean
  reach(): { before: TriggerReach; after: TriggerReach }
} {
  const budgets = countedBudgets()
  const [was, becomes] = [counting(), counting()]
  let crossings = 0
  const isSpent = () => budgets.taken() + crossings * STEPS_A_CROSSING > STEPS_MAX
  const scores = (person: Person, id: string, at: number): Scores =>
    scoresOf(scoringOf(id), { ...seenByRules(person, at) }, at, budgets.next)
  const levelsOf = (person: Person, id: string) => {
    const { since, now } = window
    // Who was not there yet comes from nothing, as at a first event.
    const isNew = person.firstSeen !== null && person.firstSeen > since
    const earlier = isNew ? unknownPerson(person.isAnonymous) : person
    return { was: scores(earlier, id, since), is: scores(person, id, now) }
  }
  return {
    isSpent,
    *look(id, person) {
      const books = [before(id), after(id)] as const
      let levels: ReturnType<typeof levelsOf> | undefined
      for (const trigger of triggersOf(books)) {
        if (isSpent()) return
        crossings += 1
        // Scoring is asked of those alone whose rules follow it.
        if (isLevelTrigger(trigger)) levels ??= levelsOf(person, id)
        const fire = isLevelTrigger(trigger)
          ? changedWithin(trigger, levels!, window)
          : firedWithin(trigger, { id, person }, window)
        yield
        if (fire === null) continue
        const data = dataOf(id, person, fire, scores(person, id, fire.at))
        const ask = (rules: readonly Rule[]) => decide(rules, data, null, budgets.next)
        was.count(id, fire, books[0], ask)
        becomes.count(id, fire, books[1], ask)
      }
    },
    reach: () => ({ before: was.reach(), after: becomes.reach() }),
  }
}

/** Of both, each once. */
function triggersOf(books: readonly (RuleBook | null)[]): Iterable<Trigger> {
  const all = books.flatMap((book) => book?.triggers ?? [])
  return new Map(all.map((trigger) => [trigger.key, trigger])).values()
}

function counting() {
  const counts = tally()
  let atOnce = 0
  return {
    count(id: string, fire: PastFire, book: RuleBook | null, ask: (rules: readonly Rule[]) => Decided): void {
      for (const { rules } of book?.firedBy(fire.trigger.key) ?? []) {
        const decided = ask(rules)
        const winner = rules.find(({ name }) => name === decided.recommendation?.rule)
        counts.count(id, decided, winner === undefined ? 0 : timesOf(fire, winner))
        if (fire.isOverdue && winner !== undefined) atOnce += 1
      }
    },
    reach: (): TriggerReach => ({ ...counts.reach(), atOnce }),
  }
}

/** Periods in which a rule leaves the user alone whom it offered something come to nothing. */
function timesOf({ trigger, times }: PastFire, { cooldownMs }: Rule): number {
  if (trigger.kind !== 'every') return times
  const apart = Math.max(1, Math.ceil(cooldownMs / trigger.ms))
  return Math.ceil(times / apart)
}

function dataOf(
  id: string,
  person: Person,
  { seen, at }: PastFire,
  scores: Scores,
): DecidingData & { trigger: unknown } {
  return {
    event: null,
    trigger: seen,
    user: { id, ...scores, ...seenByRules(person, at) },
    context: {},
    now: new Date(at).toISOString(),
  }
}
