/** How often each outcome is; they sum to 1. */
export interface Outcomes {
  completed: number
  partial: number
  ignored: number
  rejected: number
}

export const STATUSES = ['completed', 'partial', 'ignored', 'rejected'] as const

/** After how many decisions an outcome is known. */
export interface Delay {
  mean: number
  /** Else exponential. */
  isFixed: boolean
}

export interface WorldAction {
  name: string
  confidence: number
  delay: Delay
  /** By status: how often its outcome never comes. */
  missing: Outcomes
}

/** From decision `at` on, within `over` decisions, outcomes become others. */
export interface Change {
  at: number
  over: number
  /** By segment, then by action; null: as before. */
  outcomes: (Outcomes | null)[][]
}

/** A world of users, nothing left out; what is by segment and action is in their order. */
export interface World {
  name: string
  decisions: number
  spanMs: number
  atOnce: number
  actions: WorldAction[]
  /** Shares sum to 1. */
  segments: { name: string; share: number }[]
  outcomes: Outcomes[][]
  /** Standard deviation that the logarithms of the odds have wandered in the end. */
  walk: number
  changes: Change[]
  /** At most so many times the regret of a contender, by its name. */
  aims: Record<string, number>
}

/** The mean reward of an outcome that counts: what the oracle knows. 0 where none ever counts. */
export function rewardOfOutcomes({ completed, partial, ignored }: Outcomes): number {
  const counted = completed + partial + ignored
  return counted === 0 ? 0 : (completed + partial / 2) / counted
}
