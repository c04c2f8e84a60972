import { isBadData } from './transaction.ts'

export interface GroupCommitOptions<T, R> {
  /**
   * Commits these requests together, in this order, and gives what became of each. A throw means that none was
   * committed, or that nobody knows.
   */
  commit(requests: readonly T[]): Promise<readonly R[]>
  /** What a request adds to a group, in rows. */
  sizeOf(request: T): number
  /** Whose order must be kept: a request waits for an earlier one that has a name in common with it. */
  namesOf(request: T): readonly string[]
  /** A group takes no more than this, unless one request alone is larger. */
  sizeMax: number
  /** Groups on their way at a time, at most. */
  flightsMax: number
}

interface Waiting<T, R> {
  request: T
  names: readonly string[]
  resolve(result: R): void
  reject(error: unknown): void
}

/**
 * Lets requests that come at the same time share one commit. Nobody waits for company: a group goes off as soon as one of
 * a few flights is free, with whatever came meanwhile, in the order of arrival.
 */
export class GroupCommit<T, R> {
  readonly #options: GroupCommitOptions<T, R>
  #waiting: Waiting<T, R>[] = []
  #flights = 0
  /** Names of the requests that are on their way. */
  readonly #flying = new Set<string>()
  #isPlanned = false

  constructor(options: GroupCommitOptions<T, R>) {
    this.#options = options
  }

  /** Resolves after the commit; throws what the commit threw, which leaves open whether the request was committed. */
  accept(request: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, names: this.#options.namesOf(request), resolve, reject })
      this.#plan()
    })
  }

  #plan(): void {
    if (this.#isPlanned) return
    this.#isPlanned = true
    // Once all that has been read from the sockets is here.
    setImmediate(() => {
      this.#isPlanned = false
      this.#depart()
    })
  }

  #depart(): void {
    while (this.#waiting.length > 0 && this.#flights < this.#options.flightsMax) {
      const group = this.#nextGroup()
      if (group.length === 0) return
      this.#flights++
      void this.#fly(group).then(() => {
        this.#flights--
        this.#plan()
      })
    }
  }

  /** Takes from the front whoever shares no name with one on its way, or with one that stays behind. */
  #nextGroup(): Waiting<T, R>[] {
    const { sizeOf, sizeMax } = this.#options
    const staying = new Set<string>()
    const group: Waiting<T, R>[] = []
    const rest: Waiting<T, R>[] = []
    let size = 0
    for (const [i, each] of this.#waiting.entries()) {
      if (each.names.some((name) => this.#flying.has(name) || staying.has(name))) {
        for (const name of each.names) staying.add(name)
        rest.push(each)
        continue
      }
      size += sizeOf(each.request)
      if (group.length > 0 && size > sizeMax) {
        rest.push(...this.#waiting.slice(i))
        break
      }
      group.push(each)
    }
    this.#waiting = rest
    return group
  }

  /** Never throws. */
  async #fly(group: readonly Waiting<T, R>[]): Promise<void> {
    const names = group.flatMap((each) => each.names)
    for (const name of names) this.#flying.add(name)
    try {
      const results = await this.#options.commit(group.map(({ request }) => request))
      for (const [i, { resolve }] of group.entries()) resolve(results[i]!)
    } catch (error) {
      if (group.length > 1 && isBadData(error)) await this.#singly(group)
      else for (const { reject } of group) reject(error)
    }
    for (const name of names) this.#flying.delete(name)
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
