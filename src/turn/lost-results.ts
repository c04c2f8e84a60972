import type { Result } from './agenda.ts'
import type { Parts } from './engine.ts'

/** A ledger that did not take them is asked again after this. */
const AGAIN_MS = 500

/**
 * Results of POSTs whose partition was lost while they were on the wire. Their new owner must hear of them, so they
 * become facts; they are tried again until the ledger took them or the process ends.
 */
export class LostResults {
  readonly #parts: Pick<Parts, 'ledger' | 'clock' | 'nudger' | 'log'>
  #waiting: Result[] = []
  #writing: Promise<void> | undefined

  constructor(parts: Pick<Parts, 'ledger' | 'clock' | 'nudger' | 'log'>) {
    this.#parts = parts
  }

  add(results: readonly Result[]): void {
    this.#waiting.push(...results)
    if (this.#waiting.length === 0) return
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined
    })
  }

  async flushed(): Promise<void> {
    await this.#writing
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, 500)
      try {
        await this.#parts.ledger.insertResultFacts(
          batch.map(({ held, attempt, result, detail }) => ({
            p: held.p,
            actionId: held.id,
            attempt,
            body: { result, detail },
          })),
        )
        this.#parts.nudger.nudge(batch.map(({ held }) => ({ kind: 'fact', p: held.p })))
      } catch (error) {
        this.#parts.log.warn(
          { error: String(error), count: batch.length },
          'results of lost partitions wait for the ledger',
        )
        this.#waiting.unshift(...batch)
        await this.#parts.clock.sleep(AGAIN_MS)
      }
    }
  }
}
