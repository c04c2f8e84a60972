import type { Result } from './agenda.ts'
import type { Parts } from './engine.ts'

/** A ledger that did not take them is asked again after this. */
const AGAIN_MS = 500
const BATCH = 500

export interface LostResultsOptions extends Pick<Parts, 'ledger' | 'clock' | 'nudger' | 'log'> {
  /** What came of this action's POST stands in the ledger. */
  onTold(id: string): void
}

/**
 * Results of POSTs whose partition was lost while they were on the wire. Their new owner must hear of them, so they
 * become facts; they are tried again until the ledger took them or the worker has ended.
 */
export class LostResults {
  readonly #parts: LostResultsOptions
  #waiting: Result[] = []
  #writing: Promise<void> | undefined
  #isOver = false

  constructor(parts: LostResultsOptions) {
    this.#parts = parts
  }

  add(results: readonly Result[]): void {
    for (const result of results) {
      // Nothing was sent, so the new owner has to hear of nothing: it finds out for itself.
      if (result.result.kind === 'withheld') this.#parts.onTold(result.held.id)
      else this.#waiting.push(result)
    }
    if (this.#isOver) this.#giveUp()
    if (this.#waiting.length === 0) return
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined
    })
  }

  /**
   * Resolves when the ledger took everything, or after so many ms, and then nothing is tried any more. What is not told is
   * as if no answer had come: the new owner sends it again once its POST must be over.
   */
  async end(withinMs: number): Promise<void> {
    const { clock } = this.#parts
    let timer: object | undefined
    const late = new Promise<void>((resolve) => {
      timer = clock.after(withinMs, resolve)
    })
    await Promise.race([this.#writing, late])
    clock.cancel(timer)
    this.#isOver = true
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH)
      try {
        await this.#parts.ledger.insertResultFacts(
          batch.map(({ held, attempt, result, detail }) => ({
            p: held.p,
            actionId: held.id,
            attempt,
            body: { result, detail },
          })),
        )
        for (const { held } of batch) this.#parts.onTold(held.id)
        this.#parts.nudger.nudge(batch.map(({ held }) => ({ kind: 'fact', p: held.p })))
      } catch (error) {
        this.#waiting.unshift(...batch)
        if (this.#isOver) return this.#giveUp()
        this.#parts.log.warn(
          { error: String(error), count: batch.length },
          'results of lost partitions wait for the ledger',
        )
        await this.#parts.clock.sleep(AGAIN_MS)
      }
    }
  }

  #giveUp(): void {
    const lost = this.#waiting.splice(0)
    if (lost.length === 0) return
    const attempts = lost.slice(0, 20).map(({ held, attempt }) => `${held.id} ${attempt}`)
    this.#parts.log.warn(
      { count: lost.length, attempts },
      'results could not be told before the worker ended',
    )
  }
}
