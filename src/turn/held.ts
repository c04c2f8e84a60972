import type { Permissions } from '../../actors/permissions.ts'
import type { DueAction } from '../ledger/actions/lanes-due.ts'
import type { ActionRow } from '../ledger/actions/rows.ts'

/**
 * Where a held action is: waiting for its turn to be sent, asking for leave to be sent, being sent, or sent with its
 * result not yet committed.
 */
export type Place = 'queued' | 'asking' | 'on-wire' | 'result-waiting'

export interface HeldAction {
  id: string
  p: number
  lane: string
  place: Place
  row: ActionRow
  /** What its user allowed when it was loaded; null: everything. */
  permissions: Permissions | null
  /** Its slice's, which it is counted in. */
  slice: HeldSlice
  /** When its POST is over at the latest, by the monotonic clock; null unless on the wire. */
  wireUntil: number | null
  /** It has leave to be sent until this, by the monotonic clock; null where it has none or needs none. */
  leaveUntil: number | null
  /** Its partition went to another worker: what comes back is the new owner's to hear. */
  isLost: boolean
  /** The row may not be what the ledger has, after a commit whose result is unknown: read it again. */
  isStale: boolean
}

/** How many are held of one partition's part of a lane, and how many of those are still to be sent or answered. */
export interface SliceCount {
  all: number
  unanswered: number
}
const NONE: Readonly<SliceCount> = { all: 0, unanswered: 0 }

/** The count of a slice of which something is held, under its key. */
interface HeldSlice extends SliceCount {
  key: string
}

/** A load that may answer with rows as they were before something was released. */
export type OpenLoad = number

/**
 * The actions that this worker has taken out of the ledger to send. Whatever is held is not taken again, and what was
 * released stays known as a tombstone until no load is open that was asked before: its late answer would show the
 * action as still to be sent.
 */
export class Held {
  readonly #held = new Map<string, HeldAction>()
  readonly #bySlice = new Map<string, HeldSlice>()
  readonly #tombstones = new Map<string, number>()
  readonly #open = new Set<OpenLoad>()
  readonly #reserved = new Set<string>()
  /** Sent by this process for a partition that it lost meanwhile, and not yet told to the next owner. */
  readonly #untold = new Set<string>()
  #clock = 0
  #bytes = 0

  /** Characters of parameters held. */
  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#held.size
  }

  /** How many were sent for a partition that was lost meanwhile, and are still to be told to the next owner. */
  get untold(): number {
    return this.#untold.size
  }

  get(id: string): HeldAction | undefined {
    return this.#held.get(id)
  }

  values(): Iterable<HeldAction> {
    return this.#held.values()
  }

  /** Marks the moment at which a load is asked; close it when it was answered and admitted, or has failed. */
  openLoad(): OpenLoad {
    const load = ++this.#clock
    this.#open.add(load)
    return load
  }

  closeLoad(load: OpenLoad): void {
    this.#open.delete(load)
    const oldest = Math.min(...this.#open)
    for (const [id, releasedAt] of this.#tombstones) {
      if (releasedAt < oldest) this.#tombstones.delete(id)
      else break
    }
  }

  /** Holds a row that a load brought; null where it is held already or was released after the load was asked. */
  admit(row: DueAction, key = sliceKey(row)): HeldAction | null {
    if (this.#held.has(row.id) || this.#tombstones.has(row.id)) return null
    if (this.#reserved.has(row.id) || this.#untold.has(row.id)) return null
    const slice = this.#slice(key)
    slice.all++
    slice.unanswered++
    const held: HeldAction = {
      id: row.id,
      p: row.p,
      lane: row.lane,
      place: 'queued',
      row,
      permissions: row.permissions ?? null,
      slice,
      wireUntil: null,
      leaveUntil: null,
      isLost: false,
      isStale: false,
    }
    this.#held.set(row.id, held)
    this.#bytes += row.parameters.length
    return held
  }

  release(id: string): void {
    const held = this.#held.get(id)
    if (held === undefined) return
    this.#held.delete(id)
    this.#bytes -= held.row.parameters.length
    const { slice } = held
    slice.all--
    if (held.place !== 'result-waiting') slice.unanswered--
    if (slice.all === 0) this.#bySlice.delete(slice.key)
    this.#bury(id)
  }

  /**
   * Releases an action whose partition was lost. Where it is being sent, or was, it is not taken again before `told`,
   * though this process may be its next owner: one process never sends an action twice at a time.
   */
  lose(action: HeldAction): void {
    action.isLost = true
    if (action.place === 'on-wire' || action.place === 'result-waiting') this.#untold.add(action.id)
    this.release(action.id)
  }

  /** What came of the POST of a lost action stands in the ledger; a load that was asked before may not show it. */
  told(id: string): void {
    if (this.#untold.delete(id)) this.#bury(id)
  }

  /** Keeps an action from being taken until `freeReserved`, because a turn is deciding whether it may be sent at all. */
  reserve(id: string): void {
    this.release(id)
    this.#reserved.add(id)
  }

  /** The turn has ended; a load that was asked before that may still bring the rows as they were. */
  freeReserved(): void {
    for (const id of this.#reserved) this.#bury(id)
    this.#reserved.clear()
  }

  /** Its result is back: it waits for a commit and not for the wire any more. */
  answered(held: HeldAction): void {
    held.place = 'result-waiting'
    held.wireUntil = null
    if (this.#held.get(held.id) === held) held.slice.unanswered--
  }

  /** What is held of the slice with this key. */
  countInSlice(key: string): SliceCount {
    return this.#bySlice.get(key) ?? NONE
  }

  /** Forgets everything, as a worker does that was buried; the new owners load it again. */
  clear(): HeldAction[] {
    const all = [...this.#held.values()]
    for (const held of all) this.release(held.id)
    return all
  }

  #slice(key: string): HeldSlice {
    let slice = this.#bySlice.get(key)
    if (slice === undefined) {
      slice = { key, all: 0, unanswered: 0 }
      this.#bySlice.set(key, slice)
    }
    return slice
  }

  // Without an open load nobody can bring the row as it was, so nothing needs remembering.
  #bury(id: string): void {
    if (this.#open.size === 0) return
    // The newest stands last, which is how they are removed.
    this.#tombstones.delete(id)
    this.#tombstones.set(id, this.#clock)
  }
}

/** The name of one partition's part of a lane. */
export const sliceKey = (slice: { p: number; lane: string }): string => `${slice.p}:${slice.lane}`
