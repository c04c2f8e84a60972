import { isBadData } from '../transaction.ts'

export interface GroupCommitOptions<T, R> {
  /**
   * Commits these requests together, in this order, and gives what became of each. A throw means that none was
   * committed, or that nobody knows.
   */
  commit(requests: readonly T[]): Promise<readonly R[]>
  /** What a request adds to a group, in rows; at least 1. */
  sizeOf(request: T): number
  /** Whose order must be kept: a request waits for an earlier one that has a name in common with it. */
  namesOf(request: T): readonly string[]
  /** A group takes no more than this, unless one request alone is larger. */
  sizeMax: number
  /** Groups on their way at a time, at most. */
  flightsMax: number
  /** Rows that are worth a commit of their own beside one that is on its way. */
  sizeBeside: number
  /** Fewer than those wait so long for the ones on their way, in ms. */
  waitMsMax: number
}

interface Waiting<T, R> {
  request: T
  names: readonly string[]
  size: number
  resolve(result: R): void
  reject(error: unknown): void
}

/**
 * Lets requests that come at the same time share one commit, in the order of arrival. What comes alone goes off at once.
 * What comes while a group is on its way goes when that one has landed, or beside it once there is enough of it or it has
 * waited for a moment: a commit has its cost, and one that is held up must not hold up everybody.
 */
export class GroupCommit<T, R> {
  readonly #options: GroupCommitOptions<T, R>
  #waiting: Waiting<T, R>[] = []
  #rowsWaiting = 0
  #flights = 0
  /** Names of the requests that are on their way. */
  readonly #flying = new Set<string>()
  #isPlanned = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: GroupCommitOptions<T, R>) {
    this.#options = options
  }

  /** Resolves after the commit; throws what the commit threw, which leaves open whether the request was committed. */
  accept(request: T): Promise<R> {
    return new Promise((resolve, reject) => {
      const { namesOf, sizeOf } = this.#options
      const size = sizeOf(request)
      this.#waiting.push({ request, names: namesOf(request), size, resolve, reject })
      this.#rowsWaiting += size
      this.#plan()
    })
  }

  #plan(): void {
    if (this.#isPlanned || this.#waiting.length === 0) return
    if (this.#flights > 0 && this.#rowsWaiting < this.#options.sizeBeside) {
      this.#timer ??= setTimeout(() => this.#depart(), this.#options.waitMsMax)
      return
    }
    this.#isPlanned = true
    // Once all that has been read from the sockets is here.
    setImmediate(() => {
      this.#isPlanned = false
      this.#depart()
    })
  }

  #depart(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
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
    const { sizeMax } = this.#options
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
      size += each.size
      if (group.length > 0 && size > sizeMax) {
        rest.push(...this.#waiting.slice(i))
        break
      }
      group.push(each)
    }
    this.#waiting = rest
    this.#rowsWaiting = rest.reduce((sum, each) => sum + each.size, 0)
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
