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

/** Something that is done again and again, one run at a time, and that others may ask for in between. */
export class Repeated {
  readonly #everyMs: number
  readonly #run: () => Promise<void>
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #freshAt = Number.NEGATIVE_INFINITY
  #isStopped = false

  constructor(everyMs: number, run: () => Promise<void>) {
    this.#everyMs = everyMs
    this.#run = run
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  /** Begins to repeat it. A run that fails is told to `failed`, and the next one comes all the same. */
  start(failed: (error: unknown) => void = () => undefined): void {
    this.#timer = setInterval(() => this.begin(failed), this.#everyMs)
    this.#timer.unref()
  }

  /** Begins a run, unless one is under way. */
  begin(failed: (error: unknown) => void): void {
    if (this.#running === undefined) this.now().catch(failed)
  }

  /** Runs it, or waits for the run that is under way; throws what that throws. */
  now(): Promise<void> {
    this.#running ??= this.#once().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** Whether the last run that succeeded began no longer than `ms` ago; by the monotonic clock. */
  isFresh(ms: number): boolean {
    return performance.now() - this.#freshAt <= ms
  }

  /** No run begins by itself any more; resolves when the last one has ended, however it did. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#timer)
    await this.#running?.catch(() => undefined)
  }

  async #once(): Promise<void> {
    const startedAt = performance.now()
    await this.#run()
    this.#freshAt = startedAt
  }
}
