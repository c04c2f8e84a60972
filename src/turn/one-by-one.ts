import type { Suspect } from '../ledger/actions/suspects.ts'
import type { Result, Work } from './agenda.ts'
import type { Engine } from './engine.ts'
import type { HeldAction } from './held.ts'
import { turn } from './turn.ts'

/** So long turns of one go on before the others have their turn. */
const PASS_MS = 100
/** What may have sent a POST stays in hand for a little longer, and longer still where a rate puts the POST off. */
const LINGER_MS = { sent: 2, paced: 30 }
/** Most actions that ask for leave at a time, so that they take no place on the wire from others. */
const ASKS_MAX = 2

/**
 * What suspect partitions have, worked on one by one. Two owners died soon after they had claimed such a partition, so one
 * of its actions or events may be what kills them: before one is decided on or sent, it is written down, and a worker
 * that dies with it in hand leaves its name behind. The wait for an answer is not part of it.
 */
export class OneByOne {
  readonly #engine: () => Engine
  #results: Result[] = []
  #asks: HeldAction[] = []
  /** The ledger may have facts, deadlines or events of suspect partitions. */
  #looks = false
  /** In hand, and not done with because its turn failed. */
  #unfinished: Suspect | null = null

  constructor(engine: () => Engine) {
    this.#engine = engine
  }

  /** Whether one more action may ask for leave to be sent. */
  get hasRoom(): boolean {
    return this.#asks.length < ASKS_MAX
  }

  /** An action asks for leave to be sent, and for a turn of its own. */
  addAsk(held: HeldAction): void {
    this.#asks.push(held)
    this.#engine().agenda.goRound()
  }

  /** Takes out of a turn's work what must not share a turn; gives back what may, once a partition is suspect no more. */
  setAside(work: Work): void {
    const { ownership } = this.#engine()
    if (!ownership.hasSuspects && !this.isWaiting) return
    const isAlone = ({ p }: { p: number }) => ownership.isSuspect(p)
    const results = [...this.#results, ...work.results]
    const asks = [...this.#asks, ...work.asks]
    this.#results = results.filter(({ held }) => isAlone(held))
    this.#asks = asks.filter(isAlone)
    work.results = results.filter(({ held }) => !isAlone(held))
    work.asks = asks.filter((held) => !isAlone(held))
    const isHinted = work.isTick || [...work.facts, ...work.events].some((p) => ownership.isSuspect(p))
    this.#looks ||= isHinted && ownership.hasSuspects
  }

  /** Whether there is something to work on at once. */
  get isWaiting(): boolean {
    return this.#looks || this.#results.length > 0 || this.#asks.length > 0 || this.#unfinished !== null
  }

  /** Forgets everything, as a worker does that was buried; the results still have to be told to the new owners. */
  clear(): Result[] {
    this.#asks = []
    this.#looks = false
    this.#unfinished = null
    return this.#results.splice(0)
  }

  /** Turns of one, for as long as others may be kept waiting. A throw: the ledger is away, and nothing was forgotten. */
  async pass(): Promise<void> {
    const { clock, ledger, lanes, ownership, pump } = this.#engine()
    const end = clock.monotonicMs() + PASS_MS
    while (clock.monotonicMs() < end) {
      const suspect = this.#unfinished ?? (await ledger.suspects.take(ownership.id, this.#ask()))
      if (suspect === null) return this.#nothingFound()
      if (!(await this.#turnOf(suspect))) return
      lanes.wake()
      pump()
    }
    await ledger.suspects.clear(ownership.id)
  }

  #nothingFound(): void {
    this.#looks = false
    // What this worker knows of is not its own to work on: a fence has to tell what is.
    if (this.isWaiting) this.#engine().agenda.tick()
  }

  #ask() {
    const { held, ownership, waitingOnWire } = this.#engine()
    const partitions = ownership.suspects()
    const known = this.#results[0]?.held ?? this.#asks[0] ?? null
    const unanswered = [...held.values()].filter(
      ({ p, place }) => ownership.isSuspect(p) && place !== 'queued',
    )
    return {
      partitions,
      known: known === null ? null : { p: known.p, id: known.id },
      except: [...waitingOnWire, ...unanswered.map(({ id }) => id)],
    }
  }

  /** Gives up what went to another owner: what came of its POSTs is to be told. */
  takeLost(): Result[] {
    const lost = this.#results.filter(({ held }) => held.isLost)
    this.#results = this.#results.filter(({ held }) => !held.isLost)
    this.#asks = this.#asks.filter((held) => !held.isLost)
    return lost
  }

  /** False where this worker turns out to be dead. */
  async #turnOf(suspect: Suspect): Promise<boolean> {
    const engine = this.#engine()
    const mine = ({ id }: { id: string }) => id === suspect.id
    const results = this.#results.filter(({ held }) => mine(held))
    const asks = this.#asks.filter(mine)
    this.#results = this.#results.filter(({ held }) => !mine(held))
    this.#asks = this.#asks.filter((held) => !mine(held))
    const work: Work = { results, asks: [...asks], facts: [], events: [], isTick: false, alone: suspect }
    this.#unfinished = suspect
    let isDone = false
    try {
      isDone = (await turn(engine, work, 'singly')) === 'committed'
    } finally {
      if (!isDone) this.#results.unshift(...work.results)
    }
    if (!isDone) return false
    this.#unfinished = null
    if (suspect.isCondemned)
      engine.log.error(
        { suspect: suspect.id, p: suspect.p },
        'workers died of it: put aside as a dead letter',
      )
    const [asked] = asks
    if (asked === undefined) return true
    const isPaced = engine.registry.cached(asked.row.type)?.limits.rate != null
    await engine.clock.sleep(isPaced ? LINGER_MS.paced : LINGER_MS.sent)
    return true
  }
}
