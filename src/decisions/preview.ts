import { isDeepStrictEqual } from 'node:util'
import { countedBudgets } from '../documents/evaluate.ts'
import type { Rule } from '../documents/rule-book.ts'
import { type Candidate, type DecidingData, decide } from './decide.ts'

/** An event as rules would see it, and whom it is about. */
export interface PreviewEvent {
  id: string
  type: string
  userId: string
  data: DecidingData
}

/** What rules of one domain would do with a number of events. */
export interface Reach {
  decisions: number
  users: number
  /** Decisions of each rule that won one. */
  byRule: Record<string, number>
  /** Decisions of each action. */
  byAction: Record<string, number>
  /** Rules that failed over at least one event, each with its first error. */
  failed: Record<string, string>
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
  const [was, becomes] = [tally(before), tally(after)]
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
function tally(rulesFor: RulesFor) {
  const users = new Set<string>()
  const [byRule, byAction, failed] = [
    new Map<string, number>(),
    new Map<string, number>(),
    new Map<string, string>(),
  ]
  const budgets = countedBudgets()
  let decisions = 0
  const oneMore = (counts: Map<string, number>, name: string) => counts.set(name, (counts.get(name) ?? 0) + 1)
  return {
    steps: budgets.taken,
    ask({ type, userId, data }: PreviewEvent): Candidate | null {
      const { recommendation, considered } = decide(rulesFor(type, userId), data, null, budgets.next)
      for (const { rule, error } of considered)
        if (error !== undefined && !failed.has(rule)) failed.set(rule, error)
      if (recommendation === null) return null
      decisions += 1
      users.add(userId)
      oneMore(byRule, recommendation.rule)
      oneMore(byAction, recommendation.action)
      return recommendation
    },
    reach: (): Reach => ({
      decisions,
      users: users.size,
      byRule: Object.fromEntries(byRule),
      byAction: Object.fromEntries(byAction),
      failed: Object.fromEntries(failed),
    }),
  }
}
