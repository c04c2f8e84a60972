import { dueInLanes, type LaneSlice, sweepLanes } from '../ledger/lanes-due.ts'
import type { ActionRow } from '../ledger/rows.ts'
import type { Engine } from './engine.ts'
import { sliceKey } from './held.ts'

/** Most actions held by one worker, and by one slice of a lane; what does not fit stays in Postgres. */
const HELD_MAX = 20_000
const SLICE_MAX = 128
/** Most bytes of parameters held. */
const BYTES_MAX = 64 * 1024 * 1024
/** Most slices asked about in one load. */
const SLICES_A_LOAD = 512
/** The sweep looks a little further than the next one, so that a retry starts on time and not on the second. */
const AHEAD_MS = 1_200
/** A timer by this machine's clock must not ask before the row is due by the ledger's. */
const TIMER_SLACK_MS = 4

interface Slice extends LaneSlice {
  /** + 1 each time somebody says that there may be due work; compared with what the last complete load had seen. */
  asked: number
  emptyAt: number
  /** Looks again at `at`, by the monotonic clock; the earliest that was asked for. */
  timer: { at: number; handle: NodeJS.Timeout } | undefined
}

/** Brings due actions from the ledger into the lanes that have room, beside the turn and never in its way. */
export class Feeder {
  readonly #engine: () => Engine
  readonly #slices = new Map<string, Slice>()
  #refilling: Promise<void> | undefined

  constructor(engine: () => Engine) {
    this.#engine = engine
  }

  /** Due work may stand in this slice of a lane. */
  look(at: LaneSlice): void {
    this.#slice(at).asked++
    this.refill()
  }

  /** Work of this slice comes due in so many ms, by the ledger's clock. */
  lookIn(at: LaneSlice, ms: number): void {
    if (ms <= 0) {
      this.look(at)
      return
    }
    const slice = this.#slice(at)
    const dueAt = performance.now() + ms + TIMER_SLACK_MS
    if (slice.timer !== undefined && slice.timer.at <= dueAt) return
    clearTimeout(slice.timer?.handle)
    const handle = setTimeout(() => {
      slice.timer = undefined
      this.look(at)
    }, ms + TIMER_SLACK_MS)
    slice.timer = { at: dueAt, handle }
  }

  /** Finds every slice with due work: retries, lost nudges and takeovers are this one query. */
  async sweep(): Promise<void> {
    const engine = this.#engine()
    for (const [key, slice] of this.#slices) {
      if (slice.asked === slice.emptyAt && slice.timer === undefined) this.#slices.delete(key)
    }
    for (const slice of await sweepLanes(engine.pool, engine.ownership.list(), AHEAD_MS)) {
      if (slice.inMs <= 0) this.#slice(slice).asked++
      else this.lookIn(slice, slice.inMs)
    }
    this.refill()
  }

  /** Fills the slices that have room and may have more; returns at once. */
  refill(): void {
    this.#refilling ??= this.#refill()
      .catch((error) => {
        // The next sweep asks again.
        this.#engine().log.warn({ error: String(error) }, 'due work could not be loaded')
      })
      .finally(() => {
        this.#refilling = undefined
      })
  }

  /** Forgets all slices and ends the timers; resolves when no load is open. */
  async stop(): Promise<void> {
    for (const slice of this.#slices.values()) clearTimeout(slice.timer?.handle)
    this.#slices.clear()
    await this.#refilling
  }

  #slice(at: LaneSlice): Slice {
    const key = sliceKey(at)
    let slice = this.#slices.get(key)
    if (slice === undefined) {
      slice = { p: at.p, lane: at.lane, asked: 0, emptyAt: 0, timer: undefined }
      this.#slices.set(key, slice)
    }
    return slice
  }

  #window(): number {
    return Math.max(1, Math.min(SLICE_MAX, Math.floor(HELD_MAX / Math.max(1, this.#slices.size))))
  }

  /** Slices worth a load: half empty, so that loads are few and full. */
  #hungry(window: number): Slice[] {
    const { held, ownership } = this.#engine()
    if (held.bytes > BYTES_MAX) return []
    const hungry: Slice[] = []
    for (const slice of this.#slices.values()) {
      if (slice.asked === slice.emptyAt || !ownership.owns(slice.p)) continue
      if (held.countInSlice(slice) <= window / 2) hungry.push(slice)
      if (hungry.length === SLICES_A_LOAD) break
    }
    return hungry
  }

  async #refill(): Promise<void> {
    const { held } = this.#engine()
    for (;;) {
      const window = this.#window()
      const hungry = this.#hungry(window)
      if (hungry.length === 0 || !this.#engine().isSending) return
      const asks = hungry.map((slice) => ({
        slice,
        seen: slice.asked,
        room: window - held.countInSlice(slice),
      }))
      await this.#load(asks)
    }
  }

  async #load(asks: { slice: Slice; seen: number; room: number }[]): Promise<void> {
    const engine = this.#engine()
    // From here on, whatever is released stays known until this load has answered.
    const load = engine.held.openLoad()
    try {
      const wanted = asks.map(({ slice, room }) => ({
        p: slice.p,
        lane: slice.lane,
        room,
        held: engine.held.inSlice(slice),
      }))
      const rows = await dueInLanes(engine.pool, wanted)
      await engine.registry.byIds(rows.map((row) => row.type))
      const found = this.#admit(rows)
      for (const { slice, seen, room } of asks) {
        if ((found.get(sliceKey(slice)) ?? 0) < room) slice.emptyAt = seen
      }
    } finally {
      engine.held.closeLoad(load)
    }
    engine.pump()
  }

  /** Holds and queues what is still ours; returns how many rows each slice gave. */
  #admit(rows: readonly ActionRow[]): Map<string, number> {
    const { held, lanes, ownership } = this.#engine()
    const found = new Map<string, number>()
    for (const row of rows) {
      found.set(sliceKey(row), (found.get(sliceKey(row)) ?? 0) + 1)
      const action = ownership.owns(row.p) ? held.admit(row) : null
      if (action !== null) lanes.push(action)
    }
    return found
  }
}
