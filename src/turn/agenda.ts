import type { AttemptResult, WithheldReason } from '../../actors/action.ts'
import type { Suspect } from '../ledger/actions/suspects.ts'
import type { HeldAction } from './held.ts'

/** What one POST came to, or why there was none, on its way into a turn. */
export interface Result {
  held: HeldAction
  attempt: number
  result: AttemptResult | { kind: 'withheld'; reason: WithheldReason }
  /** What the attempt log keeps of it. */
  detail: Record<string, unknown>
  /** When it came back, by the monotonic clock. */
  at: number
}

/** What one turn looks at. */
export interface Work {
  results: Result[]
  /** Actions that ask for leave to be sent, or of which an earlier owner may have sent them. */
  asks: HeldAction[]
  /** Partitions that were said to have facts waiting. */
  facts: number[]
  /** Partitions that were said to have events waiting. */
  events: number[]
  /** The second's tick: look at every partition, and for deadlines too. */
  isTick: boolean
  /** Set in a turn of one: the action or event of a suspect partition that it is about. */
  alone?: Suspect
}

/** Whether there is nothing for a turn to look at. */
export const isEmpty = ({ results, asks, facts, events, isTick }: Work): boolean =>
  !isTick && [results, asks, facts, events].every(({ length }) => length === 0)

const RESULTS_A_TURN = 256
const ASKS_A_TURN = 256

/** Everything the next turn must look at, and the bell that wakes the loop. */
export class Agenda {
  readonly #results: Result[] = []
  readonly #asks: HeldAction[] = []
  readonly #facts = new Set<number>()
  readonly #events = new Set<number>()
  #isTick = false
  #goesRound = false
  #wake: (() => void) | undefined
  /** Taken by the turn that runs now, and not committed yet. */
  #inTurn = 0

  addResult(result: Result): void {
    this.#results.push(result)
    this.#ring()
  }

  addAsk(held: HeldAction): void {
    this.#asks.push(held)
    this.#ring()
  }

  hintFacts(p: number): void {
    this.#facts.add(p)
    this.#ring()
  }

  hintEvents(p: number): void {
    this.#events.add(p)
    this.#ring()
  }

  tick(): void {
    this.#isTick = true
    this.#ring()
  }

  /** Results not yet committed, those of the running turn included. */
  get uncommitted(): number {
    return this.#results.length + this.#inTurn
  }

  /** How long the oldest result not yet taken has waited, in ms. */
  oldestMs(now: number): number {
    return this.#results[0] === undefined ? 0 : now - this.#results[0].at
  }

  get isEmpty(): boolean {
    return this.#results.length === 0 && this.#hasOnlyResults
  }

  /** Nothing but results, and fewer than make a full turn. */
  get isSmall(): boolean {
    return this.#results.length < RESULTS_A_TURN && this.#hasOnlyResults
  }

  get #hasOnlyResults(): boolean {
    return (
      this.#asks.length === 0 &&
      this.#facts.size === 0 &&
      this.#events.size === 0 &&
      !this.#isTick &&
      !this.#goesRound
    )
  }

  /** Resolves when there is something to look at. */
  async ready(): Promise<void> {
    if (!this.isEmpty) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
  }

  take(): Work {
    const work = {
      results: this.#results.splice(0, RESULTS_A_TURN),
      asks: this.#asks.splice(0, ASKS_A_TURN),
      facts: [...this.#facts],
      events: [...this.#events],
      isTick: this.#isTick,
    }
    this.#facts.clear()
    this.#events.clear()
    this.#isTick = false
    this.#goesRound = false
    this.#inTurn = work.results.length
    return work
  }

  /** The turn that took the work has ended for good. */
  settle(): void {
    this.#inTurn = 0
  }

  /** The turn failed: its work is to be looked at again, results first; what asked for leave is loaded again. */
  putBack(work: Work): void {
    this.#inTurn = 0
    this.#results.unshift(...work.results)
    for (const p of work.facts) this.#facts.add(p)
    for (const p of work.events) this.#events.add(p)
    this.#isTick ||= work.isTick
    this.#ring()
  }

  /** Gives up the results of actions that went to another owner. */
  takeLost(): Result[] {
    const all = this.#results.splice(0)
    const lost = all.filter(({ held }) => held.isLost)
    this.#results.push(...all.filter(({ held }) => !held.isLost))
    return lost
  }

  /** Something that the agenda does not hold is to be worked on: the loop goes round once more. */
  goRound(): void {
    this.#goesRound = true
    this.#ring()
  }

  /** Empties the agenda of a buried worker; the results still have to be told to the new owners. */
  clear(): Result[] {
    this.#inTurn = 0
    this.#facts.clear()
    this.#events.clear()
    this.#asks.length = 0
    return this.#results.splice(0)
  }

  #ring(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}
