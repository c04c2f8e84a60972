import { insertResultFacts } from '../ledger/facts-waiting.ts'
import type { Result } from './agenda.ts'
import type { Parts } from './engine.ts'

/**
 * Results of POSTs whose partition was lost while they were on the wire. Their new owner must hear of them, so they
 * become facts; they are tried again until the ledger took them or the process ends.
 */
export class LostResults {
  readonly #parts: Pick<Parts, 'pool' | 'nudger' | 'log'>
  #waiting: Result[] = []
  #writing: Promise<void> | undefined

  constructor(parts: Pick<Parts, 'pool' | 'nudger' | 'log'>) {
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
        await insertResultFacts(
          this.#parts.pool,
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
        await new Promise((resolve) => setTimeout(resolve, 500))
      }
    }
  }
}
