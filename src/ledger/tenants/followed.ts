import { Repeated } from '../../clock.ts'

/** How often changes are asked for; a secret, a URL and a kill switch in use are never older than a second. */
export const REFRESH_MS = 500
/** A change commits a little after the time it carries; looking back this far finds it all the same. */
export const LOOK_BACK = '5 seconds'

/** What a process knows of the ledger, kept fresh while it runs. */
export abstract class Followed {
  readonly #reading = new Repeated(REFRESH_MS, () => this.read())

  /** Reads what has changed since the last time. */
  protected abstract read(): Promise<void>

  /** Begins to follow changes; throws where the ledger cannot be reached. */
  async start(): Promise<void> {
    await this.refresh()
    this.#reading.start()
  }

  stop(): Promise<void> {
    return this.#reading.stop()
  }

  /** Reads what has changed, or waits for whoever is reading it. */
  refresh(): Promise<void> {
    return this.#reading.now()
  }

  /** Whether what is known is known to be no older than `ms`; by the monotonic clock. */
  isFresh(ms: number): boolean {
    return this.#reading.isFresh(ms)
  }
}
