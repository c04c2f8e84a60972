import { isBadData } from './transaction.ts'

export interface GroupCommitOptions<T, R> {
  /**
   * Commits these requests together, in this order, and gives what became of each. A throw means that none was
   * committed, or that nobody knows.
   */
  commit(requests: readonly T[]): Promise<readonly R[]>
  /** What a request adds to a group, in rows. */
  sizeOf(request: T): number
  /** A group takes no more than this, unless one request alone is larger. */
  sizeMax: number
  /** Groups on their way at a time, at most. */
  flightsMax: number
  /** So long after one went off, the next one waits for it in ms. */
  patienceMs: number
}

interface Waiting<T, R> {
  request: T
  resolve(result: R): void
  reject(error: unknown): void
}

/**
 * Lets requests that come at the same time share one commit: whatever comes while a group is on its way goes with the
 * next one, so nobody waits for company. Groups go off in the order of arrival.
 */
export class GroupCommit<T, R> {
  readonly #options: GroupCommitOptions<T, R>
  #waiting: Waiting<T, R>[] = []
  #flights = 0
  #lastAt = Number.NEGATIVE_INFINITY
  /** Set while the next group has a time to go off. */
  #isPlanned = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: GroupCommitOptions<T, R>) {
    this.#options = options
  }

  /** Resolves after the commit; throws what the commit threw, which says of a request only that it may be repeated. */
  accept(request: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject })
      this.#plan()
    })
  }

  #plan(): void {
    if (this.#isPlanned || this.#waiting.length === 0) return
    if (this.#flights === 0) {
      this.#isPlanned = true
      clearTimeout(this.#timer)
      this.#timer = undefined
      // Once all that has been read from the sockets is here.
      setImmediate(() => this.#depart())
    } else if (this.#flights < this.#options.flightsMax) {
      // One that is held up, by a lock or a connection that is dead without saying so, holds up only its own.
      const waitMs = this.#lastAt + this.#options.patienceMs - performance.now()
      this.#timer ??= setTimeout(() => this.#lostPatience(), Math.max(0, waitMs))
    }
  }

  #lostPatience(): void {
    this.#timer = undefined
    if (this.#waiting.length > 0 && !this.#isPlanned && this.#flights < this.#options.flightsMax)
      this.#depart()
  }

  #depart(): void {
    this.#isPlanned = false
    const group = this.#nextGroup()
    this.#flights++
    this.#lastAt = performance.now()
    void this.#fly(group).then(() => {
      this.#flights--
      this.#plan()
    })
    this.#plan()
  }

  #nextGroup(): Waiting<T, R>[] {
    const { sizeOf, sizeMax } = this.#options
    let size = 0
    const end = this.#waiting.findIndex(({ request }, i) => {
      size += sizeOf(request)
      return i > 0 && size > sizeMax
    })
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end)
  }

  async #fly(group: readonly Waiting<T, R>[]): Promise<void> {
    try {
      const results = await this.#options.commit(group.map(({ request }) => request))
      for (const [i, { resolve }] of group.entries()) resolve(results[i]!)
    } catch (error) {
      if (group.length > 1 && isBadData(error)) await this.#singly(group)
      else for (const { reject } of group) reject(error)
    }
  }

  /** Postgres refused what one of them says; which one, only it knows. Nothing of the others was wrong. */
  async #singly(group: readonly Waiting<T, R>[]): Promise<void> {
    for (const { request, resolve, reject } of group) {
      try {
        const [result] = await this.#options.commit([request])
        resolve(result!)
      } catch (error) {
        reject(error)
      }
    }
  }
}
