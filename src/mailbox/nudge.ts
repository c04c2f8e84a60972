/**
 * A nudge says "look at this now" to the owner of a partition. It carries no fact: losing one costs at most the
 * second until the sweep, sending one twice costs nothing.
 */
export type Nudge =
  /** New work stands in a lane. */
  | { kind: 'lane'; p: number; lane: string }
  /** A fact (outcome, cancel, retry) waits in a partition. */
  | { kind: 'fact'; p: number }
  /** Events wait in a partition. */
  | { kind: 'event'; p: number }

/** Sends nudges to whoever owns their partitions; never throws and never makes the caller wait. */
export interface Nudger {
  nudge(nudges: readonly Nudge[]): void
}
