import type { Timer } from '../clock.ts'
import type { DueAction, LaneSlice, MetSlice, SliceAsk } from '../ledger/actions/lanes-due.ts'
import type { ActionRow } from '../ledger/actions/rows.ts'
import { PULL_LANE, SLEEP_LANE } from '../ledger/actions/timers.ts'
import type { Engine } from './engine.ts'
import { sliceKey } from './held.ts'
import { Wanting } from './wanting.ts'

/** Most actions held by one worker, and least and most by one slice of a lane; the rest stays in Postgres. */
const HELD_MAX = 20_000
const SLICE_MIN = 4
const SLICE_MAX = 128
/** Most bytes of parameters held. */
const BYTES_MAX = 64 * 1024 * 1024
/**
 * So many times that may be held in all: what is held of lanes that are passed over may stay for days, and whoever comes then is
 * given a few places beyond.
 */
const SPARE = 2
/** Most slices asked about in one load, most rows that it brings, and most slices met in one page of the walk. */
const SLICES_A_LOAD = 512
const ROWS_A_LOAD = 128
const SLICES_A_PAGE = 2_000
/**
 * While so many lanes could be sent from at once, whatever is held besides only grows old: it would wait as long in the ledger,
 * where it costs no memory and nothing to collect.
 */
const READY_ENOUGH = 1_000
/** Most sleeping sends of one partition that are moved at a time. */
const WOKEN_A_PARTITION = 1_000
/** The sweep looks a little further than the next one, so that a retry starts on time and not on the second. */
const AHEAD_MS = 1_200
/** A timer by this machine's clock must not ask before the row is due by the ledger's. */
const TIMER_SLACK_MS = 4

interface Slice extends LaneSlice {
  key: string
  /** + 1 each time somebody says that there may be due work; compared with what the last complete pass had seen. */
  asked: number
  emptyAt: number
  /** A pass over the slice, from its first due action to its last: what it had seen at its start, how far it came. */
  pass: { seen: number; after: { at: number; id: string } | null } | null
  /** A load of it is under way; one at a time. */
  isLoading: boolean
  /** Looks again at `at`, by the monotonic clock; the earliest that was asked for. */
  timer: { at: number; handle: Timer } | undefined
}

interface Ask extends SliceAsk {
  slice: Slice
}

/** What a load brought of one slice. */
interface Found {
  rows: number
  last: ActionRow
}

/** Brings due actions from the ledger into the lanes that have room, beside the turn and never in its way. */
export class Feeder {
  readonly #engine: () => Engine
  readonly #slices = new Map<string, Slice>()
  /** Slices that may have more than was loaded. */
  readonly #wanting = new Wanting<Slice>(({ key }) => this.#engine().held.countInSlice(key).all > 0)
  /** Loads for slices of which nothing is held, and for the others: a backlog must not stand before a newcomer. */
  readonly #refilling: { fresh?: Promise<void>; more?: Promise<void> } = {}
  #sweeping: Promise<void> | undefined
  /** The last lane met in each partition, where the walk has not reached its end. */
  #walked: readonly MetSlice[] = []

  constructor(engine: () => Engine) {
    this.#engine = engine
  }

  /** Due work may stand in this slice of a lane. */
  look(at: LaneSlice): void {
    this.lookAtAll([at])
  }

  /** Due work may stand in these slices. */
  lookAtAll(all: readonly LaneSlice[]): void {
    // What is pulled is never sent, and would only be held here.
    for (const at of all) if (at.lane !== PULL_LANE) this.#want(this.#slice(at))
    this.refill()
  }

  /**
   * Takes up actions that a turn has just inserted, where nothing else waits in their slice: they need not be read again. Gives
   * the ids of those that it took.
   */
  takeNew(rows: readonly ActionRow[]): Set<string> {
    const { held, lanes, ownership } = this.#engine()
    const taken = new Set<string>()
    for (const row of rows) {
      const key = sliceKey(row)
      const slice = this.#slices.get(key)
      const hasBacklog = slice !== undefined && this.#wanting.has(slice)
      if (hasBacklog || held.countInSlice(key).all >= this.#window()) continue
      if (!this.#hasRoom() || lanes.ready >= READY_ENOUGH || !ownership.owns(row.p)) continue
      const action = held.admit(row, key)
      if (action === null) continue
      lanes.push(action)
      taken.add(row.id)
    }
    return taken
  }

  /** Work of this slice comes due in so many ms, by the ledger's clock. */
  lookIn(at: LaneSlice, ms: number): void {
    if (ms <= 0) {
      this.look(at)
      return
    }
    const { clock } = this.#engine()
    const slice = this.#slice(at)
    const dueAt = clock.monotonicMs() + ms + TIMER_SLACK_MS
    if (slice.timer !== undefined && slice.timer.at <= dueAt) return
    clock.cancel(slice.timer?.handle)
    const handle = clock.after(ms + TIMER_SLACK_MS, () => {
      slice.timer = undefined
      this.look(at)
    })
    slice.timer = { at: dueAt, handle }
  }

  /** Finds the slices with due work: retries, lost nudges and takeovers are this one walk. One runs at a time. */
  sweep(): Promise<void> {
    this.#sweeping ??= this.#sweep().finally(() => {
      this.#sweeping = undefined
    })
    return this.#sweeping
  }

  async #sweep(): Promise<void> {
    this.#forgetIdle()
    // What was committed late stands before what was loaded since: each second begins at the beginning.
    for (const slice of this.#wanting) slice.pass = null
    await this.#wake()
    do {
      await this.#walkPage()
      this.refill()
      // A full page goes on at once, unless there is enough to do: then one a second finds what nobody told us of.
    } while (
      this.#walked.length > 0 &&
      this.#engine().isSending &&
      this.#hasRoom() &&
      this.#wanting.freshSize < SLICES_A_PAGE
    )
  }

  async #wake(): Promise<void> {
    const { ledger, ownership } = this.#engine()
    const partitions = ownership.list()
    if (partitions.length > 0) await ledger.wakeSleeping(partitions, WOKEN_A_PARTITION)
  }

  async #walkPage(): Promise<void> {
    const { ledger, held, ownership } = this.#engine()
    const last = new Map(this.#walked.map((met) => [met.p, met.lane]))
    const starts = ownership.list().map((p) => ({ p, lane: last.get(p) ?? SLEEP_LANE }))
    const isRest = last.size > 0
    const met = await ledger.walkLanes(isRest ? starts.filter(({ p }) => last.has(p)) : starts, SLICES_A_PAGE)
    for (const slice of met) {
      // What is held of a slice is its first; whatever nobody told us of stands behind, and has no turn before.
      if (slice.inMs <= 0 && held.countInSlice(sliceKey(slice)).all === 0) this.#want(this.#slice(slice))
      else if (slice.inMs <= 0) continue
      else if (slice.inMs <= AHEAD_MS) this.lookIn(slice, slice.inMs)
    }
    this.#walked = met.length < SLICES_A_PAGE ? [] : lastOfEach(met)
  }

  /** Fills the slices that have room and may have more; returns at once. */
  refill(): void {
    this.#begin('more')
    this.#begin('fresh')
  }

  #begin(kind: 'fresh' | 'more'): void {
    this.#refilling[kind] ??= this.#refill(kind)
      .catch((error) => {
        // The next sweep asks again.
        this.#engine().log.warn({ error: String(error) }, 'due work could not be loaded')
      })
      .finally(() => {
        this.#refilling[kind] = undefined
      })
  }

  /** Forgets all slices and ends the timers; resolves when no load is open. */
  async stop(): Promise<void> {
    const { clock } = this.#engine()
    for (const slice of this.#slices.values()) clock.cancel(slice.timer?.handle)
    this.#slices.clear()
    this.#wanting.clear()
    this.#walked = []
    await this.#sweeping?.catch(() => undefined)
    await Promise.all([this.#refilling.fresh, this.#refilling.more])
  }

  #slice(at: LaneSlice): Slice {
    const key = sliceKey(at)
    let slice = this.#slices.get(key)
    if (slice === undefined) {
      slice = {
        key,
        p: at.p,
        lane: at.lane,
        asked: 0,
        emptyAt: 0,
        pass: null,
        isLoading: false,
        timer: undefined,
      }
      this.#slices.set(key, slice)
    }
    return slice
  }

  #want(slice: Slice): void {
    slice.asked++
    this.#wanting.add(slice)
  }

  #forgetIdle(): void {
    for (const [key, slice] of this.#slices) {
      if (!this.#engine().ownership.owns(slice.p)) this.#wanting.delete(slice)
      if (!this.#wanting.has(slice) && slice.timer === undefined) this.#slices.delete(key)
    }
  }

  #hasRoom(times = 1): boolean {
    const { held } = this.#engine()
    return held.size < times * HELD_MAX && held.bytes < times * BYTES_MAX
  }

  /** How many may be held of a slice. */
  #window(): number {
    const even = Math.floor(HELD_MAX / Math.max(1, this.#wanting.size))
    return Math.max(SLICE_MIN, Math.min(SLICE_MAX, even))
  }

  /** What to load next: of slices that are half empty, so that loads are few and full. */
  #asks(kind: 'fresh' | 'more'): Ask[] {
    const { held, lanes, ownership } = this.#engine()
    const asks: Ask[] = []
    if (kind === 'more' ? !this.#hasRoom() : !this.#hasRoom(SPARE) || lanes.ready >= READY_ENOUGH) return asks
    const window = this.#hasRoom() ? this.#window() : SLICE_MIN
    let rows = 0
    for (const slice of this.#wanting[kind]()) {
      // What waits for its commit keeps nobody from being sent; how much of that there may be is the sender's to say.
      const { all, unanswered } = held.countInSlice(slice.key)
      if (slice.isLoading || unanswered > window / 2 || !ownership.owns(slice.p)) continue
      slice.pass ??= { seen: slice.asked, after: null }
      const { after } = slice.pass
      // From the beginning it meets what is held already, which is not taken twice.
      const room = window - unanswered + (after === null ? all : 0)
      asks.push({ slice, p: slice.p, lane: slice.lane, room, after })
      rows += room
      if (asks.length === SLICES_A_LOAD || (kind === 'more' && rows >= ROWS_A_LOAD)) break
    }
    return asks
  }

  async #refill(kind: 'fresh' | 'more'): Promise<void> {
    for (;;) {
      const asks = this.#asks(kind)
      if (asks.length === 0 || !this.#engine().isSending) return
      await this.#load(asks)
    }
  }

  async #load(asks: readonly Ask[]): Promise<void> {
    const engine = this.#engine()
    // From here on, whatever is released stays known until this load has answered.
    const load = engine.held.openLoad()
    for (const { slice } of asks) slice.isLoading = true
    try {
      const rows = await engine.ledger.dueInLanes(asks)
      await engine.registry.byIds(rows.map((row) => row.type))
      const found = this.#admit(rows)
      for (const ask of asks) this.#advance(ask, found.get(ask.slice.key))
    } finally {
      engine.held.closeLoad(load)
      for (const { slice } of asks) slice.isLoading = false
    }
    // Sent first: lanes that are passed over make room for others. A slice that was fresh may have more.
    engine.pump()
    this.refill()
  }

  /** The pass goes on behind the last row; a load that came back short has ended it. */
  #advance({ slice, room }: Ask, found: Found | undefined): void {
    const pass = slice.pass
    // Without a pass, the sweep has meanwhile said that it is to begin again.
    if (pass === null) return
    if (found !== undefined && found.rows >= room) {
      pass.after = { at: found.last.state.nextAt!, id: found.last.id }
      // Behind those that wait too, so that everybody's turn comes.
      this.#wanting.again(slice)
      return
    }
    slice.emptyAt = pass.seen
    slice.pass = null
    if (slice.asked === slice.emptyAt) this.#wanting.delete(slice)
  }

  /** Holds and queues what is still ours; says what came of each slice. */
  #admit(rows: readonly DueAction[]): Map<string, Found> {
    const { held, lanes, ownership } = this.#engine()
    const found = new Map<string, Found>()
    for (const row of rows) {
      const key = sliceKey(row)
      const known = found.get(key)
      if (known === undefined) found.set(key, { rows: 1, last: row })
      else {
        known.rows++
        known.last = row
      }
      const action = ownership.owns(row.p) ? held.admit(row, key) : null
      if (action !== null) lanes.push(action)
    }
    return found
  }
}

function lastOfEach(met: readonly MetSlice[]): MetSlice[] {
  return [...new Map(met.map((slice) => [slice.p, slice])).values()]
}
