import type { Outcome, Status } from '../../actors/action.ts'
import type { FaultKind } from './schedule.ts'

/** What a run saw from outside, and what the ledger said when it was over. All times are ms since the epoch. */

/** An action that a client was told is accepted. */
export interface Accepted {
  id: string
  /** The idempotency key that it was asked for with. */
  key: string
  awaitsOutcome: boolean
  /** Its type says that it must not be sent again where it is not known what became of a POST. */
  isSentOnce: boolean
  /** Most POSTs of its type at a time; null: no limit. */
  inFlightMax: number | null
}

export type ReceiverAnswer = 'ok' | 'failed' | 'hung'

/** One POST that a receiver got. */
export interface Receipt {
  id: string
  at: number
  answer: ReceiverAnswer
  /** POSTs of the same type that the receiver was busy with when it came, itself included. */
  together: number
}

/** A fault that was done; `processes` names whom it concerned, `until` is when it was over. */
export interface Fault {
  kind: FaultKind
  processes: readonly string[]
  from: number
  until: number
}

/** From `at` on, the process called `owner` owned the partition; null: nobody did. */
export interface OwnerChange {
  p: number
  at: number
  owner: string | null
}

/** An outcome that a client was told is recorded. */
export interface AcknowledgedOutcome {
  id: string
  status: string
  result: unknown
}

/** The row of an action at the end. */
export interface Row {
  id: string
  p: number
  status: Status
  version: number
  attempt: number
  deadline: number | null
  outcome: Outcome | null
  failureReason: string | null
}

/** One step of an action's history; `httpStatus` is null where a POST had no answer, or the step is of another kind. */
export interface Step {
  id: string
  version: number
  at: number
  kind: string
  from: Status
  to: Status
  attempt: number
  httpStatus: number | null
}

/** What the ledger says when a run is over. */
export interface LedgerEnd {
  now: number
  rows: ReadonlyMap<string, Row>
  /** By action, in the order of versions. */
  steps: ReadonlyMap<string, readonly Step[]>
  deadLetters: readonly { id: string; actionId: string | null; error: string }[]
  /** Actions with facts that nobody has heard. */
  factsWaiting: readonly string[]
  /** Timers that should not be there, or are not: ids with what is wrong. */
  wrongTimers: readonly string[]
  /** Partitions that were taken from a dead worker, each time counted. */
  takeovers: number
  /** Workers that there were, under all their names. */
  workers: number
}

/** Something that must not be; `about` is the id of an action, a process or a dead letter. */
export interface Finding {
  kind: string
  about: string
  text: string
}
