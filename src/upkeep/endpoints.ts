import { Repeated } from '../clock.ts'
import { disableFailing, warnOfFailing } from '../ledger/endpoints/endpoint-health.ts'
import { endWaitingOfDeleted } from '../ledger/endpoints/endpoints.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Log } from '../log.ts'

const EVERY_MS = 30_000

/**
 * Warns of endpoints that do nothing but fail, and disables them in the end; ends what waits for those that are deleted.
 * Several processes may do it at once.
 */
export class EndpointHealthKeeper {
  readonly #ledger: Ledger
  readonly #log: Log
  readonly #afterMs: number
  readonly #looking: Repeated

  /** `afterMs`: so long nothing may succeed. */
  constructor(ledger: Ledger, log: Log, afterMs: number) {
    this.#ledger = ledger
    this.#log = log
    this.#afterMs = afterMs
    this.#looking = new Repeated(Math.min(EVERY_MS, afterMs / 10), () => this.#look())
  }

  start(): void {
    this.#looking.start((error) => {
      this.#log.warn({ error: String(error) }, 'upkeep: the health of endpoints could not be judged')
    })
  }

  stop(): Promise<void> {
    return this.#looking.stop()
  }

  async #look(): Promise<void> {
    const { pool } = this.#ledger
    for (const endpoint of await disableFailing(pool, this.#afterMs))
      this.#log.warn({ endpoint }, 'upkeep: an endpoint did nothing but fail for too long, and is disabled')
    for (const endpoint of await warnOfFailing(pool, this.#afterMs))
      this.#log.info({ endpoint }, 'upkeep: an endpoint does nothing but fail; its tenant was told')
    // Their owners hear of it within a second, by the tick.
    while ((await endWaitingOfDeleted(pool)) > 0 && !this.#looking.isStopped);
  }
}
