/** What waits in a lane; the lane itself knows nothing else of it. */
export interface Queued {
  id: string
  p: number
  lane: string
}

interface Lane<T> {
  queue: T[]
  onWire: number
  /** How many may be on the wire: halved by each timeout, grown by successes. */
  limit: number
  isReady: boolean
  /** It asked and was told to wait; it is passed over until it is woken. */
  isParked: boolean
}

/**
 * Asked before an item leaves its lane: true lets it go. False parks the lane: a kill switch, an open breaker and a
 * limit are all the same to it, and whoever said no wakes it again.
 */
export type Gate<T> = (item: T) => boolean

/**
 * Most that may be on the wire of the lane whose first item this is, whatever the share of a lane is: what the limit of
 * the lane's own type is now, since people change it while thousands wait.
 */
export type Cap<T> = (first: T) => number

/**
 * Who is sent next: lanes take turns, and none has more on the wire than its share, so that a slow or flooding
 * destination waits for itself. Keeps no clock and opens no connection.
 */
export class Lanes<T extends Queued> {
  readonly #lanes = new Map<string, Lane<T>>()
  /** Lanes that have something queued and room on the wire, in the order of their turns. */
  readonly #ready: string[] = []
  readonly #parked = new Set<string>()
  readonly #wireMax: number
  readonly #laneMax: number
  readonly #cap: Cap<T>
  #onWire = 0

  /** `wireMax`: most on the wire at a time; a lane gets at most an eighth of it. */
  constructor(wireMax: number, cap: Cap<T> = () => Number.POSITIVE_INFINITY) {
    this.#wireMax = wireMax
    this.#cap = cap
    this.#laneMax = Math.max(1, Math.floor(wireMax / 8))
  }

  get onWire(): number {
    return this.#onWire
  }

  /** How many lanes have something to be sent and room for it. */
  get ready(): number {
    return this.#ready.length
  }

  /** Queues an item behind the others of its lane. */
  push(item: T): void {
    const lane = this.#lane(item.lane)
    lane.queue.push(item)
    this.#makeReady(item.lane, lane)
  }

  /** Takes back an item that `next` gave and that was not sent after all; it is the first of its lane again. */
  putBack(item: T): void {
    const lane = this.#lane(item.lane)
    lane.queue.unshift(item)
    lane.onWire--
    this.#onWire--
    this.#makeReady(item.lane, lane)
  }

  /** The next to be sent, counted as on the wire until `done` or `putBack`; null when nothing may be sent now. */
  next(gate: Gate<T> = () => true): T | null {
    if (this.#onWire >= this.#wireMax) return null
    for (;;) {
      const key = this.#ready.shift()
      if (key === undefined) return null
      const lane = this.#lanes.get(key)
      if (lane === undefined) continue
      lane.isReady = false
      const item = lane.queue[0]
      if (item === undefined || lane.isParked) continue
      if (!gate(item)) {
        this.#park(key, lane)
        continue
      }
      lane.queue.shift()
      lane.onWire++
      this.#onWire++
      this.#makeReady(key, lane)
      return item
    }
  }

  /** Passes over a lane until it is woken. */
  park(key: string): void {
    const lane = this.#lanes.get(key)
    if (lane !== undefined) this.#park(key, lane)
  }

  /** Lets a lane ask again; without a name, every one that is parked. */
  wake(key?: string): void {
    for (const each of key === undefined ? [...this.#parked] : [key]) {
      const lane = this.#lanes.get(each)
      if (!this.#parked.delete(each) || lane === undefined) continue
      lane.isParked = false
      this.#makeReady(each, lane)
    }
  }

  /** An item left the wire. A timeout halves its lane's limit; an answer grows it by one in a limit's worth. */
  done(item: T, wasTimeout: boolean): void {
    const lane = this.#lanes.get(item.lane)
    this.#onWire--
    if (lane === undefined) return
    lane.onWire--
    lane.limit = wasTimeout
      ? Math.max(1, lane.limit / 2)
      : Math.min(this.#laneMax, lane.limit + 1 / lane.limit)
    this.#makeReady(item.lane, lane)
    if (lane.queue.length === 0 && lane.onWire === 0 && lane.limit === this.#laneMax) {
      this.#lanes.delete(item.lane)
      this.#parked.delete(item.lane)
    }
  }

  /** Takes out of the queues what is no longer to be sent, and returns it. */
  drop(isGone: (item: T) => boolean): T[] {
    const gone: T[] = []
    for (const lane of this.#lanes.values()) {
      if (!lane.queue.some(isGone)) continue
      gone.push(...lane.queue.filter(isGone))
      lane.queue = lane.queue.filter((item) => !isGone(item))
    }
    return gone
  }

  #lane(key: string): Lane<T> {
    let lane = this.#lanes.get(key)
    if (lane === undefined) {
      lane = { queue: [], onWire: 0, limit: this.#laneMax, isReady: false, isParked: false }
      this.#lanes.set(key, lane)
    }
    return lane
  }

  #park(key: string, lane: Lane<T>): void {
    lane.isParked = true
    this.#parked.add(key)
  }

  #makeReady(key: string, lane: Lane<T>): void {
    const first = lane.queue[0]
    if (lane.isReady || lane.isParked || first === undefined) return
    if (Math.floor(Math.min(lane.limit, this.#cap(first))) <= lane.onWire) return
    lane.isReady = true
    this.#ready.push(key)
  }
}
