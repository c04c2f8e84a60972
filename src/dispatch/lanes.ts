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
}

/**
 * Who is sent next: lanes take turns, and none has more on the wire than its share, so that a slow or flooding
 * destination waits for itself. Keeps no clock and opens no connection.
 */
export class Lanes<T extends Queued> {
  readonly #lanes = new Map<string, Lane<T>>()
  /** Lanes that have something queued and room on the wire, in the order of their turns. */
  readonly #ready: string[] = []
  readonly #wireMax: number
  readonly #laneMax: number
  #onWire = 0

  /** `wireMax`: most on the wire at a time; a lane gets at most an eighth of it. */
  constructor(wireMax: number) {
    this.#wireMax = wireMax
    this.#laneMax = Math.max(1, Math.floor(wireMax / 8))
  }

  get onWire(): number {
    return this.#onWire
  }

  push(item: T): void {
    let lane = this.#lanes.get(item.lane)
    if (lane === undefined) {
      lane = { queue: [], onWire: 0, limit: this.#laneMax, isReady: false }
      this.#lanes.set(item.lane, lane)
    }
    lane.queue.push(item)
    this.#makeReady(item.lane, lane)
  }

  /** The next to be sent, counted as on the wire until `done`; null when nothing may be sent now. */
  next(): T | null {
    if (this.#onWire >= this.#wireMax) return null
    for (;;) {
      const key = this.#ready.shift()
      if (key === undefined) return null
      const lane = this.#lanes.get(key)
      if (lane === undefined) continue
      lane.isReady = false
      const item = lane.queue.shift()
      if (item === undefined) continue
      lane.onWire++
      this.#onWire++
      this.#makeReady(key, lane)
      return item
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
    if (lane.queue.length === 0 && lane.onWire === 0 && lane.limit === this.#laneMax)
      this.#lanes.delete(item.lane)
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

  #makeReady(key: string, lane: Lane<T>): void {
    if (lane.isReady || lane.queue.length === 0 || lane.onWire >= Math.floor(lane.limit)) return
    lane.isReady = true
    this.#ready.push(key)
  }
}
