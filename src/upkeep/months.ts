import type { Ledger } from '../ledger/ledger.ts'
import type { Log } from '../log.ts'

const EVERY_MS = 6 * 3_600_000

/** Keeps the coming months' partitions in place; several processes may do it at once. */
export class MonthKeeper {
  readonly #ledger: Ledger
  readonly #log: Log
  #timer: NodeJS.Timeout | undefined

  constructor(ledger: Ledger, log: Log) {
    this.#ledger = ledger
    this.#log = log
  }

  start(): void {
    this.#timer = setInterval(() => void this.#run(), EVERY_MS)
    this.#timer.unref()
    void this.#run()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #run(): Promise<void> {
    try {
      await this.#ledger.ensureMonths()
    } catch (error) {
      // Three months exist ahead, so the next run is soon enough.
      this.#log.warn({ error: String(error) }, 'upkeep: the coming months could not be created')
    }
  }
}
