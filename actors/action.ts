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
  | 'internal'

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
}

/** What one POST came to. `retryAfterMs` is the receiver's wish, null where it had none. */
export type AttemptResult =
  | { kind: 'delivered' }
  | { kind: 'failed'; permanent: boolean; retryAfterMs: number | null }

export type Message =
  | { kind: 'result'; attempt: number; result: AttemptResult }
  | { kind: 'outcome'; status: OutcomeStatus; result: unknown }
  | { kind: 'cancel' }
  | { kind: 'retry' }
  | { kind: 'deadline' }

/** `changed`: the next state. `unchanged`: nothing to write; the reason is for the log and for the one who asked. */
export type Decision =
  | { kind: 'changed'; next: ActionState }
  | {
      kind: 'unchanged'
      reason: 'same_outcome' | 'outcome_exists' | 'no_such_arrow' | 'old_result' | 'not_due'
    }
