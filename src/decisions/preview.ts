import { isDeepStrictEqual } from 'node:util'
import { countedBudgets } from '../documents/evaluate.ts'
import type { Rule } from '../documents/rule-book.ts'
import { type Candidate, type DecidingData, decide } from './decide.ts'
import { type Reach, tally } from './reach.ts'

/** An event as rules would see it, and whom it is about. */
export interface PreviewEvent {
  id: string
  type: string
  userId: string
  data: DecidingData
}

/** One event about which the two disagree. */
export interface Disagreement {
  event: Pick<PreviewEvent, 'id' | 'type' | 'userId'>
  before: Candidate | null
  after: Candidate | null
}

export interface Preview {
  /** How many of the events were asked about; fewer than given where they took too long. */
  events: number
  before: Reach
  after: Reach
  /** Events that would get something at last, nothing any more, or something else. */
  gained: number
  lost: number
  changed: number
  examples: Disagreement[]
}

/** Finds the rules of one domain that an event of a type asks about a user. */
export type RulesFor = (type: string, userId: string) => readonly Rule[]

/** All that one preview may take: a web process has others to answer. */
const STEPS_MAX = 300_000
const EXAMPLES_MAX = 20

/** What two versions of the rules of a domain say of the same events, each asked as of its own time; nothing is sent. */
export function preview(events: readonly PreviewEvent[], before: RulesFor, after: RulesFor): Preview {
  const [was, becomes] = [asking(before), asking(after)]
  const examples: Disagreement[] = []
  const count = { gained: 0, lost: 0, changed: 0 }
  let asked = 0
  for (const event of events) {
    if (was.steps() + becomes.steps() > STEPS_MAX) break
    asked += 1
    const [old, next] = [was.ask(event), becomes.ask(event)]
    const kind = difference(old, next)
    if (kind === null) continue
    count[kind] += 1
    const { id, type, userId } = event
    if (examples.length < EXAMPLES_MAX)
      examples.push({ event: { id, type, userId }, before: old, after: next })
  }
  return { events: asked, before: was.reach(), after: becomes.reach(), ...count, examples }
}

function difference(old: Candidate | null, next: Candidate | null): 'gained' | 'lost' | 'changed' | null {
  if (old === null) return next === null ? null : 'gained'
  if (next === null) return 'lost'
  const isSame = old.action === next.action && isDeepStrictEqual(old.parameters, next.parameters)
  return isSame ? null : 'changed'
}

/** Asks the rules of one version, and keeps count. */
function asking(rulesFor: RulesFor) {
  const budgets = countedBudgets()
  const counts = tally()
  return {
    steps: budgets.taken,
    ask({ type, userId, data }: PreviewEvent): Candidate | null {
      const decided = decide(rulesFor(type, userId), data, null, budgets.next)
      counts.count(userId, decided)
      return decided.recommendation
    },
    reach: counts.reach,
  }
}
