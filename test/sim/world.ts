import { Random } from './random.ts'

interface Planned {
  at: number
  seq: number
  run: (() => void) | null
}

/** Something that will happen; give it to `cancel` to keep it from happening. */
export type Happening = object

/** The simulation's start, in ms since the epoch. */
const EPOCH = 1_800_000_000_000

/**
 * One virtual time for everything in a simulation. Nothing happens beside it: each step takes the earliest thing that is to
 * happen, lets it run, and lets every promise that follows from it settle before the next.
 */
export class World {
  readonly random: Random
  /** The longest that a message takes. */
  slowestMs = 1_500
  /** Called after each step, with everything settled. */
  afterStep: () => void = () => undefined
  #now = EPOCH
  #seq = 0
  readonly #heap: Planned[] = []

  constructor(seed: number) {
    this.random = new Random(seed)
  }

  /** Ms since the epoch. */
  get now(): number {
    return this.#now
  }

  /** Ms since the simulation began. */
  get elapsedMs(): number {
    return this.#now - EPOCH
  }

  /** Has something happen in so many ms. */
  in(ms: number, run: () => void): Happening {
    const planned: Planned = { at: this.#now + Math.max(0, ms), seq: ++this.#seq, run }
    this.#push(planned)
    return planned
  }

  cancel(happening: Happening | undefined): void {
    if (happening !== undefined) (happening as Planned).run = null
  }

  /**
   * How long a message takes on its way, in ms: mostly one or two, at times so long that much happens meanwhile. Every
   * order in which answers can come back follows from this.
   */
  latencyMs(): number {
    const kind = this.random.next()
    if (kind < 0.9) return this.random.between(0.2, 3)
    if (kind < 0.985) return this.random.between(3, 60)
    return this.random.between(60, this.slowestMs)
  }

  /** Runs until nothing is left to happen, `isOver` says so, or the time is up; `forMs` from now. */
  async run(forMs: number, isOver: () => boolean = () => false): Promise<void> {
    const end = this.#now + forMs
    while (!isOver()) {
      const next = this.#heap[0]
      if (next === undefined || next.at > end) {
        this.#now = end
        return
      }
      this.#pop()
      if (next.run === null) continue
      this.#now = Math.max(this.#now, next.at)
      next.run()
      await settled()
      this.afterStep()
    }
  }

  #push(planned: Planned): void {
    const heap = this.#heap
    let i = heap.push(planned) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (isBefore(heap[parent]!, planned)) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = planned
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (isBefore(last, heap[child]!)) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
  }
}

const isBefore = (a: Planned, b: Planned): boolean => a.at < b.at || (a.at === b.at && a.seq < b.seq)

/** Every promise that can settle has settled: they all come before the loop's next turn. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
