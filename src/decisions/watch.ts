import { NO_WATCH, type Watch } from '../../actors/due.ts'
import type { LevelWatch } from '../../actors/levels.ts'
import { type Person, seenByRules } from '../../actors/person.ts'
import type { RuleBook, RuleShelf } from '../documents/rule-book.ts'
import type { Scores, Scoring } from '../documents/scoring.ts'
import { changesByTime } from '../documents/thresholds.ts'
import { isLevelTrigger } from '../documents/triggers.ts'

const made = new WeakMap<RuleBook, { scoring: Scoring | null; watch: Watch }>()

/** What a user is watched for; the same for all for whom the same documents are in force. */
export function watchOf(rules: RuleShelf, tenant: string, user: string): Watch {
  const book = rules.forUser(tenant, user)
  if (book.triggers.length === 0) return NO_WATCH
  const scoring = rules.scoringOf(tenant, user)
  const known = made.get(book)
  if (known !== undefined && known.scoring === scoring) return known.watch
  const watch = compileWatch(book, scoring)
  made.set(book, { scoring, watch })
  return watch
}

/** The same, made anew. */
export function compileWatch({ triggers }: Pick<RuleBook, 'triggers'>, scoring: Scoring | null): Watch {
  const parts = [...new Set(triggers.filter(isLevelTrigger).map((trigger) => trigger.of))]
  return {
    triggers,
    keys: new Set(triggers.map(({ key }) => key)),
    levels: parts.length === 0 || scoring === null ? null : levelsBy(scoring, parts),
  }
}

function levelsBy({ digest, score, written }: Scoring, parts: readonly (keyof Scores)[]): LevelWatch {
  return {
    by: digest,
    byTime: changesByTime(parts.map((part) => logicOf(written[part]))),
    of(person: Person, now: number) {
      const scores = score({ user: { ...seenByRules(person, now) }, now: new Date(now).toISOString() })
      return Object.fromEntries(parts.map((part) => [part, scores[part]]))
    },
  }
}

const logicOf = (written: unknown): unknown =>
  Array.isArray(written) ? written.map(({ when }: { when: unknown }) => when) : written
