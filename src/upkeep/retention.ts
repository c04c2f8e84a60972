import { setTimeout as sleep } from 'node:timers/promises'
import { Repeated } from '../clock.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { dropMonths, type KeepMonths } from '../ledger/retention/drop-months.ts'
import { REMOVALS, removeOld, takeRun } from '../ledger/retention/retention.ts'
import type { Log } from '../log.ts'

const EVERY_MS = 3_600_000
/** Between two pieces; at least as long as the last one took, so that at most half of a connection is used. */
const PAUSE_MS = 20

/** Removes once a day what nobody needs any more. Of all processes that try, one does it. */
export class Retention {
  readonly #ledger: Ledger
  readonly #log: Log
  readonly #keep: KeepMonths
  readonly #stopping = new AbortController()
  readonly #removing = new Repeated(EVERY_MS, () => this.#run())
  /** A run of this process that failed is taken up again an hour later. */
  #isUnfinished = false

  constructor(ledger: Ledger, log: Log, keep: KeepMonths) {
    this.#ledger = ledger
    this.#log = log
    this.#keep = keep
  }

  start(): void {
    this.#removing.start(this.#failed)
    this.#removing.begin(this.#failed)
  }

  /** Resolves once nothing is asked of the ledger any more, after the present piece at the latest. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#removing.stop()
  }

  readonly #failed = (error: unknown): void => {
    if (this.#stopping.signal.aborted) return
    this.#log.warn(
      { error: String(error) },
      'upkeep: old rows could not be removed; the next try is in an hour',
    )
  }

  async #run(): Promise<void> {
    const { pool } = this.#ledger
    const { signal } = this.#stopping
    if (!this.#isUnfinished && !(await takeRun(pool))) return
    this.#isUnfinished = true
    for (const removal of REMOVALS) {
      let removed = 0
      let begunAt = performance.now()
      for await (const rows of removeOld(pool, removal)) {
        removed += rows
        await sleep(Math.max(PAUSE_MS, performance.now() - begunAt), undefined, { signal })
        begunAt = performance.now()
      }
      if (removed > 0) this.#log.info({ table: removal.table, removed }, 'upkeep: old rows removed')
    }
    await this.#dropMonths()
    this.#isUnfinished = false
  }

  async #dropMonths(): Promise<void> {
    for (const { kind, month, tables } of await dropMonths(this.#ledger.pool, this.#keep)) {
      const what =
        kind === 'dropped' ? 'a month was dropped' : 'a month stays, since something of it is not over'
      this.#log.info({ month, tables }, `upkeep: ${what}`)
    }
  }
}
