import { disableFailing, warnOfFailing } from '../ledger/endpoint-health.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Log } from '../log.ts'

const EVERY_MS = 30_000

/** Warns of endpoints that do nothing but fail, and disables them in the end; several processes may do it at once. */
export class EndpointHealthKeeper {
  readonly #ledger: Ledger
  readonly #log: Log
  readonly #afterMs: number
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined

  /** `afterMs`: so long nothing may succeed. */
  constructor(ledger: Ledger, log: Log, afterMs: number) {
    this.#ledger = ledger
    this.#log = log
    this.#afterMs = afterMs
  }

  start(): void {
    this.#timer = setInterval(() => this.#begin(), Math.min(EVERY_MS, this.#afterMs / 10))
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
  }

  #begin(): void {
    this.#running ??= this.#look()
      .catch((error: unknown) => {
        this.#log.warn({ error: String(error) }, 'upkeep: the health of endpoints could not be judged')
      })
      .finally(() => {
        this.#running = undefined
      })
  }

  async #look(): Promise<void> {
    const { pool } = this.#ledger
    for (const endpoint of await disableFailing(pool, this.#afterMs))
      this.#log.warn({ endpoint }, 'upkeep: an endpoint did nothing but fail for too long, and is disabled')
    for (const endpoint of await warnOfFailing(pool, this.#afterMs))
      this.#log.info({ endpoint }, 'upkeep: an endpoint does nothing but fail; its tenant was told')
  }
}
