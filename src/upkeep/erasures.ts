import { Repeated } from '../clock.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { continueErasure, openErasures } from '../ledger/people/erasures.ts'
import type { Log } from '../log.ts'

const EVERY_MS = 1_000

/** Brings erasures to their end, step by step; several processes may do it at once. */
export class Erasures {
  readonly #ledger: Ledger
  readonly #partitions: number
  readonly #log: Log
  readonly #working = new Repeated(EVERY_MS, () => this.#run())

  constructor(ledger: Ledger, partitions: number, log: Log) {
    this.#ledger = ledger
    this.#partitions = partitions
    this.#log = log
  }

  start(): void {
    this.#working.start((error) => {
      this.#log.warn({ error: String(error) }, 'upkeep: an erasure could not go on; it is tried again')
    })
  }

  /** Resolves once nothing is asked of the ledger any more, after the present step at the latest. */
  stop(): Promise<void> {
    return this.#working.stop()
  }

  async #run(): Promise<void> {
    for (const id of await openErasures(this.#ledger.pool)) {
      if (this.#working.isStopped) return
      const step = await continueErasure(this.#ledger.pool, id, this.#partitions)
      if (step === 'done') this.#log.info({ erasure: id }, 'upkeep: a person was erased')
    }
  }
}
