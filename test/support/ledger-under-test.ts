import type { ActionState } from '../../actors/action.ts'
import type { Step } from '../../src/ledger/actions/transitions.ts'
import type { EngineLedger } from '../../src/turn/ports.ts'

export interface ContractAction {
  id: string
  p: number
  lane: string
  /** In ms from now; negative: overdue already. */
  dueInMs: number
  expiresInMs: number
}

/** An open transaction that has inserted an event. */
export interface OpenEvent {
  commit(): Promise<void>
}

/**
 * A ledger as the contract uses it: the port under test, and what the contract needs to make and see rows. One is made of
 * Postgres, one of the simulation's model of it.
 */
export interface LedgerUnderTest {
  ledger: EngineLedger
  /** The ledger's clock, in ms. */
  now(): Promise<number>
  /** Lets time pass. */
  wait(ms: number): Promise<void>
  insert(actions: readonly ContractAction[]): Promise<void>
  /** True where this outcome is the action's now. */
  report(id: string, status: 'completed' | 'rejected'): Promise<boolean>
  /** Inserts a fact that waits for the action's owner. */
  ask(id: string, kind: 'cancel' | 'retry'): Promise<void>
  /** Inserts an event in a transaction of its own, and leaves that open. */
  beginEvent(id: string, p: number): Promise<OpenEvent>
  state(id: string): Promise<ActionState & { claimed: number | null }>
  history(id: string): Promise<Step[]>
  /** The times at which timers of an action stand, in ms, those of its deadline left out. */
  timers(id: string): Promise<number[]>
  owners(): Promise<Map<number, string | null>>
  /** Ends a session as a dying process does: nobody says goodbye. */
  close(): Promise<void>
}
