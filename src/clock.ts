import { type IdPrefix, newId } from './ids.ts'

/** A timer that runs; it is only given back to the clock that made it. */
export type Timer = object

/** What one process knows of time and chance. Nothing of the engine asks for either elsewhere, so that both can be played. */
export interface Clock {
  /** This machine's idea of the time, in ms since the epoch; it may be wrong, and may be set. */
  wallMs(): number
  /** Ms since some moment; they only grow. */
  monotonicMs(): number
  /** A number from 0 up to 1. */
  chance(): number
  /** A new id; ids are made of time and chance. */
  newId(prefix: IdPrefix): string
  /** Runs something once, after so many ms. */
  after(ms: number, run: () => void): Timer
  /** Runs something again and again, every so many ms. */
  every(ms: number, run: () => void): Timer
  /** Ends a timer; one that has run, or none at all, is fine. */
  cancel(timer: Timer | undefined): void
  sleep(ms: number): Promise<void>
}

/** The clock of the machine that this process runs on. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  chance: () => Math.random(),
  newId,
  after: (ms, run) => setTimeout(run, ms),
  every: (ms, run) => setInterval(run, ms),
  cancel: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
}
