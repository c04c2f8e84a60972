import { durationMs } from '../src/duration.ts'
import type { ActionState, Outcome, Status } from './action.ts'

/** What came of something that was decided for a user, as its user's actor is told. */
export interface Report {
  /** Of the action, or of the decision where the action was the client's own. */
  id: string
  /** `<domain>/<name>` */
  rule: string
  /** Of the users of whom it was learnt, where the teller knows; null: the user's actor does. */
  segment: string | null
  status: Status
  outcome: Pick<Outcome, 'status' | 'result'> | null
  /** It was counted as never answered before. */
  late: boolean
  /** False where it was for a test key: there is nothing to learn of it. */
  teaches: boolean
  /**
   * Name of the action where a client carried out itself what it was recommended: of that the user's actor hears first by
   * this, with status `pending` while its outcome is awaited. Left out: the actor made the action.
   */
  carried?: string
}

/** How `origin` of an action begins that a rule made. */
const RULE = 'rule:'

/** The rule that an action was made by, `<domain>/<name>`; null: by none. */
export const ruleOf = (origin: string): string | null =>
  origin.startsWith(RULE) ? origin.slice(RULE.length) : null

export const originOf = (rule: string): string => `${RULE}${rule}`

export const domainOf = (rule: string): string => rule.slice(0, rule.indexOf('/'))

/** Whether a step to this state ends something, or says more of what had ended. */
export const isReported = (before: ActionState, after: ActionState): boolean =>
  (after.status === 'completed' || after.status === 'failed' || after.status === 'expired') &&
  (after.status !== before.status || after.outcome !== before.outcome)

/** So much of the time within which the next action is wished passes before it is decided on: it has to get there too. */
const SHARE_OF_WISH = 0.9
const WISH_MS_MAX = 366 * 86_400_000

/** How long to wait with the next decision for the user, as the result of an outcome asks; null where it does not. */
export function waitFor(result: unknown): number | null {
  if (typeof result !== 'object' || result === null) return null
  const { next_action_within: within } = result as Record<string, unknown>
  const ms = typeof within === 'string' ? durationMs(within) : null
  return ms === null || ms > WISH_MS_MAX ? null : Math.floor(ms * SHARE_OF_WISH)
}
