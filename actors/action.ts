import { isDeepStrictEqual } from 'node:util'
import type { Withheld } from './permissions.ts'

/**
 * The state machine of one action, as data and one pure function. docs/state-machine.md draws the same table and a
 * test holds the two together. No I/O, no clock, no chance: time is an argument in milliseconds since the epoch.
 */

export const STATUSES = ['pending', 'dispatched', 'retrying', 'completed', 'failed', 'expired'] as const
export type Status = (typeof STATUSES)[number]

export const OUTCOME_STATUSES = ['completed', 'partial', 'ignored', 'rejected'] as const
export type OutcomeStatus = (typeof OUTCOME_STATUSES)[number]

/** What the outside system said came of the action; `at` in ms. `result` is whatever JSON it sent, or null. */
export interface Outcome {
  status: OutcomeStatus
  result: unknown
  at: number
}

/** Why an action ended as failed. */
export type FailureReason =
  | 'retries_exhausted'
  | 'permanent'
  | 'rejected'
  | 'cancelled'
  | 'deadline'
  | 'ambiguous'
  | 'internal'
  | WithheldReason

/** Why an action is not sent though it is due: its user does not allow it, or its endpoint is told of nothing any more. */
export type WithheldReason = Withheld | 'endpoint_disabled'

/** The part of an action's row that changes; only the owner's turn writes it. */
export interface ActionState {
  status: Status
  /** + 1 with each transition. */
  version: number
  /** Recorded results of attempts so far. */
  attempt: number
  /** The attempt at which the present retry budget began. */
  budgetFrom: number
  /** When to send next; set exactly while pending or retrying. */
  nextAt: number | null
  /** When the action expires; set exactly while pending, retrying or dispatched. */
  deadline: number | null
  outcome: Outcome | null
  failureReason: FailureReason | null
  /** The outcome came after the action had ended without one. */
  late: boolean
}

/** What the action's type says about sending it; delays in ms, one for each retry after the first try. */
export interface Terms {
  delaysMs: readonly number[]
  /** Share of a delay that chance may take off it, 0 to 1. */
  jitter: number
  awaitsOutcome: boolean
  expiresAfterMs: number
  /** False: where it is not known what became of a POST, the action is not sent again. */
  mayRepeat: boolean
}

/**
 * What one POST came to. `retryAfterMs` is the receiver's wish, null where it had none; `unresolved`: no answer came, so
 * the receiver may or may not have acted on it.
 */
export type AttemptResult =
  | { kind: 'delivered' }
  | { kind: 'failed'; permanent: boolean; retryAfterMs: number | null; unresolved: boolean }

/** What an action can be told. The result of a POST comes with the number of its attempt, counting from 1. */
export type Message =
  | { kind: 'result'; attempt: number; result: AttemptResult }
  | { kind: 'outcome'; status: OutcomeStatus; result: unknown }
  | { kind: 'cancel' }
  /** Its receiver came for it and has it. */
  | { kind: 'pulled' }
  | { kind: 'retry' }
  | { kind: 'deadline' }
  /** An earlier owner said that it would begin a POST, and its result will not come any more. */
  | { kind: 'ambiguous' }
  /** It must not be sent; found when it was about to be. */
  | { kind: 'withheld'; reason: WithheldReason }
  /** Deciding about the action threw: a defect of ours, which must not stop its partition. */
  | { kind: 'internal' }

/** `changed`: the next state. `unchanged`: nothing to write; the reason is for the log and for whoever asked. */
export type Decision = { kind: 'changed'; next: ActionState } | { kind: 'unchanged'; reason: Unchanged }
export type Unchanged = 'same_outcome' | 'outcome_exists' | 'no_arrow' | 'old_result' | 'not_due'

/** One arrow of the machine: hearing `on` in a state of `from`, the action may go to a state of `to`. */
export interface Arrow {
  on: 'delivered' | 'failed' | Exclude<Message['kind'], 'result'>
  from: readonly Status[]
  /** The arrow is there only while no outcome is recorded. */
  needsNoOutcome: boolean
  to: readonly Status[]
}

/** The whole machine. Every pairing that is not here changes nothing. */
export const ARROWS: readonly Arrow[] = [
  { on: 'delivered', from: ['pending', 'retrying'], needsNoOutcome: false, to: ['dispatched', 'completed'] },
  { on: 'failed', from: ['pending', 'retrying'], needsNoOutcome: false, to: ['retrying', 'failed'] },
  { on: 'deadline', from: ['pending', 'retrying', 'dispatched'], needsNoOutcome: false, to: ['expired'] },
  {
    on: 'outcome',
    from: ['pending', 'retrying', 'dispatched'],
    needsNoOutcome: true,
    to: ['completed', 'failed'],
  },
  // Late, or for a type that awaited none: what was acknowledged is never dropped.
  {
    on: 'outcome',
    from: ['failed', 'expired', 'completed'],
    needsNoOutcome: true,
    to: ['completed', 'failed'],
  },
  { on: 'pulled', from: ['pending', 'retrying'], needsNoOutcome: false, to: ['dispatched', 'completed'] },
  { on: 'cancel', from: ['pending', 'retrying'], needsNoOutcome: false, to: ['failed'] },
  { on: 'withheld', from: ['pending', 'retrying'], needsNoOutcome: false, to: ['failed'] },
  { on: 'retry', from: ['failed', 'expired'], needsNoOutcome: true, to: ['retrying'] },
  { on: 'ambiguous', from: ['pending', 'retrying'], needsNoOutcome: false, to: ['failed'] },
  { on: 'internal', from: ['pending', 'retrying', 'dispatched'], needsNoOutcome: false, to: ['failed'] },
]

/** Whether an action in this state, with or without an outcome, may hear `on` at all. */
export function hasArrow(status: Status, hasOutcome: boolean, on: Arrow['on']): boolean {
  return ARROWS.some(
    (arrow) => arrow.on === on && arrow.from.includes(status) && !(arrow.needsNoOutcome && hasOutcome),
  )
}

const arrowName = (message: Message): Arrow['on'] =>
  message.kind === 'result' ? message.result.kind : message.kind

/** What a newly accepted action is, in ms: due at `nextAt`, over at `deadline`. */
export function accepted(nextAt: number, deadline: number): ActionState {
  return {
    status: 'pending',
    version: 0,
    attempt: 0,
    budgetFrom: 0,
    nextAt,
    deadline,
    outcome: null,
    failureReason: null,
    late: false,
  }
}

/** When and by what an action is told something: `now` in ms by the ledger's clock, `chance` from 0 up to 1. */
export interface Moment {
  now: number
  chance: number
}

/** The next state of an action that hears a message; the same message again changes nothing. */
export function decide(state: ActionState, message: Message, terms: Terms, moment: Moment): Decision {
  if (!hasArrow(state.status, state.outcome !== null, arrowName(message))) return refusal(state, message)
  switch (message.kind) {
    case 'result':
      return message.result.kind === 'delivered'
        ? delivered(state, terms)
        : attemptFailed(state, message.attempt, message.result, terms, moment)
    case 'outcome':
      return reported(state, { status: message.status, result: message.result, at: moment.now })
    case 'pulled':
      return changed(received(state, terms))
    case 'cancel':
      return changed(ended(state, 'failed', 'cancelled'))
    case 'retry':
      return forced(state, terms, moment.now)
    case 'deadline':
      if (state.deadline === null || moment.now < state.deadline)
        return { kind: 'unchanged', reason: 'not_due' }
      return changed(ended(state, 'expired', null))
    case 'ambiguous':
      return changed({ ...ended(state, 'failed', 'ambiguous'), attempt: state.attempt + 1 })
    case 'withheld':
      return changed(ended(state, 'failed', message.reason))
    case 'internal':
      return changed(ended(state, 'failed', 'internal'))
    default:
      return message satisfies never
  }
}

const changed = (next: ActionState): Decision => ({ kind: 'changed', next })

function ended(state: ActionState, status: Status, failureReason: FailureReason | null): ActionState {
  return { ...state, status, version: state.version + 1, nextAt: null, deadline: null, failureReason }
}

function refusal(state: ActionState, message: Message): Decision {
  if (message.kind !== 'outcome' || state.outcome === null) return { kind: 'unchanged', reason: 'no_arrow' }
  const isSame =
    state.outcome.status === message.status && isDeepStrictEqual(state.outcome.result, message.result)
  return { kind: 'unchanged', reason: isSame ? 'same_outcome' : 'outcome_exists' }
}

/** A success counts whatever its attempt: the receiver has the action, and sending again would be wrong. */
function delivered(state: ActionState, terms: Terms): Decision {
  return changed({ ...received(state, terms), attempt: state.attempt + 1 })
}

function received(state: ActionState, terms: Terms): ActionState {
  if (!terms.awaitsOutcome) return ended(state, 'completed', null)
  return { ...state, status: 'dispatched', version: state.version + 1, nextAt: null }
}

/** A failure counts only for the attempt that is due; an older one was recorded before. */
function attemptFailed(
  state: ActionState,
  attempt: number,
  result: Extract<AttemptResult, { kind: 'failed' }>,
  terms: Terms,
  moment: Moment,
): Decision {
  if (attempt !== state.attempt + 1) return { kind: 'unchanged', reason: 'old_result' }
  const giveUp = (reason: FailureReason) => changed({ ...ended(state, 'failed', reason), attempt })
  if (result.permanent) return giveUp('permanent')
  if (result.unresolved && !terms.mayRepeat) return giveUp('ambiguous')
  const delayMs = delayAfter(terms, attempt - state.budgetFrom, result.retryAfterMs, moment.chance)
  if (delayMs === null) return giveUp('retries_exhausted')
  const nextAt = moment.now + delayMs
  // A retry that would start too late is refused now, so that the caller hears early.
  if (state.deadline !== null && nextAt >= state.deadline) return giveUp('deadline')
  return changed({ ...state, status: 'retrying', version: state.version + 1, attempt, nextAt })
}

/**
 * The wait in ms after the `tries`-th failed try of a budget; null when none is left. `Retry-After` lengthens a wait,
 * at most to the longest of the schedule.
 */
export function delayAfter(
  terms: Terms,
  tries: number,
  retryAfterMs: number | null,
  chance: number,
): number | null {
  const scheduled = terms.delaysMs[tries - 1]
  if (scheduled === undefined) return null
  const jittered = Math.round(scheduled * (1 - terms.jitter * chance))
  const asked = Math.min(retryAfterMs ?? 0, Math.max(...terms.delaysMs))
  return Math.max(jittered, asked)
}

function reported(state: ActionState, outcome: Outcome): Decision {
  const late = state.status === 'failed' || state.status === 'expired'
  const isRejected = outcome.status === 'rejected'
  const next = ended(state, isRejected ? 'failed' : 'completed', isRejected ? 'rejected' : null)
  return changed({ ...next, outcome, late })
}

/** A forced retry starts over: a fresh budget and a fresh deadline. */
function forced(state: ActionState, terms: Terms, now: number): Decision {
  return changed({
    ...state,
    status: 'retrying',
    version: state.version + 1,
    budgetFrom: state.attempt,
    nextAt: now,
    deadline: now + terms.expiresAfterMs,
    failureReason: null,
  })
}
