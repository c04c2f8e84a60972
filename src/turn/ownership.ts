import type { Clock, Timer } from '../clock.ts'
import type { Log } from '../log.ts'
import type { EngineLedger, OwnershipSession } from './ports.ts'

const TICK_MS = 1_000
/** What a clock may do between the beat's commit and its answer; taken off the end of the beat. */
const MARGIN_MS = 1_000

export interface OwnershipOptions {
  ledger: Pick<EngineLedger, 'openSession'>
  clock: Clock
  log: Log
  partitions: number
  /** How long a beat keeps the worker alive; it is sent three times as often. */
  beatMs: number
  /** After a claim: what the partitions have waiting is to be looked at now. */
  onClaimed(partitions: readonly number[]): void
  /** Before partitions are given away: stops work on them and tells what is on the wire, with its remaining ms. */
  onReleasing(partitions: readonly number[]): { id: string; remainingMs: number }[]
  /** Runs between two turns, never during one: a turn's commit and a release must not cross. */
  betweenTurns(work: () => Promise<void>): Promise<void>
  /** The ledger says that this worker is dead: everything held is somebody else's now. */
  onBuried(id: string): Promise<void>
}

/** One worker's claim to be alive and to own partitions: its beat, the burial of others, its fair share. */
export class Ownership {
  readonly #options: OwnershipOptions
  #id: string
  #owned = new Set<number>()
  #suspectPartitions = new Set<number>()
  /** + 1 each time something was lost: what was asked before is not to be believed. */
  #losses = 0
  #session: OwnershipSession | undefined
  #beatAt = Number.NEGATIVE_INFINITY
  /** The end of the beat, by both clocks: the one stops in a suspended machine, the other can be set. */
  #alive = { monotonic: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY }
  #timer: Timer | undefined
  #ticking: Promise<void> | undefined
  #isStopped = false
  /** Workers whose lock was free at the last tick; twice in a row is a death, once may be a reconnection. */
  #lockFree = new Set<string>()

  constructor(options: OwnershipOptions) {
    this.#options = options
    this.#id = options.clock.newId('w')
  }

  /** The present id; another one after a burial. */
  get id(): string {
    return this.#id
  }

  /** Registers and claims for the first time; throws where the ledger cannot be reached. */
  async start(): Promise<void> {
    await this.#register()
    await this.#tick()
    this.#timer = this.#options.clock.every(TICK_MS, () => void this.#tickSafely())
  }

  /** Whether the beat still runs by this machine's clocks; nothing may be sent or committed past it. */
  isAlive(): boolean {
    const { clock } = this.#options
    return clock.monotonicMs() < this.#alive.monotonic && clock.wallMs() < this.#alive.wall
  }

  owns(p: number): boolean {
    return this.#owned.has(p)
  }

  list(): number[] {
    return [...this.#owned]
  }

  /** Whether what this partition has must be worked on alone, since its last owners died soon after each other. */
  isSuspect(p: number): boolean {
    return this.#suspectPartitions.has(p)
  }

  get hasSuspects(): boolean {
    return this.#suspectPartitions.size > 0
  }

  suspects(): number[] {
    return this.list().filter((p) => this.isSuspect(p))
  }

  /** Forgets partitions that a turn's fence no longer showed. */
  lose(partitions: readonly number[]): void {
    this.#losses++
    for (const p of partitions) this.#owned.delete(p)
  }

  /** Gives everything back and ends the worker; what is on the wire is put off first. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#options.clock.cancel(this.#timer)
    await this.#ticking?.catch(() => undefined)
    try {
      await this.#release(this.list())
    } catch (error) {
      // The session's end frees the lock, so the others bury this worker within two seconds.
      this.#options.log.warn({ error: String(error) }, 'partitions could not be released')
    }
  }

  /** After `stop`, once the last results were told: the worker's row ends. */
  async retire(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    if (session === undefined) return
    await session.retire(this.#id).catch(() => undefined)
    await session.end().catch(() => undefined)
  }

  /** Begins again under a new id, after a burial. */
  async rebirth(): Promise<void> {
    this.#owned.clear()
    this.#suspectPartitions.clear()
    this.#alive = { monotonic: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY }
    await this.#hangUp()
    this.#beatAt = Number.NEGATIVE_INFINITY
    this.#id = this.#options.clock.newId('w')
    await this.#register()
  }

  async #tickSafely(): Promise<void> {
    if (this.#ticking !== undefined || this.#isStopped) return
    this.#ticking = this.#tick()
      .catch(async (error) => {
        this.#options.log.warn({ error: String(error) }, 'ownership: this second was lost')
        await this.#hangUp()
      })
      .finally(() => {
        this.#ticking = undefined
      })
    await this.#ticking
  }

  async #tick(): Promise<void> {
    const session = await this.#connected()
    const id = this.#id
    if (!(await this.#beat(session))) {
      await this.#options.onBuried(id)
      return
    }
    const workers = await this.#buryTheDead(session)
    await this.#takeShare(session, workers)
  }

  // After any fault the session is in doubt; a new one takes the lock again before two ticks have passed.
  async #hangUp(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    await session?.end().catch(() => undefined)
  }

  async #register(): Promise<void> {
    const session = await this.#connected()
    const sentAt = this.#now()
    await session.register({ id: this.#id, beatMs: this.#options.beatMs })
    this.#lives(sentAt)
  }

  /** The session of the beat; a new one takes the worker's lock again, unless somebody is burying it. */
  async #connected(): Promise<OwnershipSession> {
    if (this.#session !== undefined) return this.#session
    let opened: OwnershipSession | undefined
    const session = await this.#options.ledger.openSession(() => {
      if (this.#session === opened) this.#session = undefined
    })
    opened = session
    if (this.#beatAt !== Number.NEGATIVE_INFINITY) await session.relock(this.#id)
    this.#session = session
    return session
  }

  async #beat(session: OwnershipSession): Promise<boolean> {
    if (this.#options.clock.monotonicMs() - this.#beatAt < this.#options.beatMs / 3) return true
    const sentAt = this.#now()
    if (!(await session.extendBeat(this.#id, this.#options.beatMs))) return false
    this.#lives(sentAt)
    return true
  }

  #now(): { monotonic: number; wall: number } {
    const { clock } = this.#options
    return { monotonic: clock.monotonicMs(), wall: clock.wallMs() }
  }

  // Counted from before the statement was sent, so that the beat never ends later here than in the ledger.
  #lives(sentAt: { monotonic: number; wall: number }): void {
    this.#beatAt = sentAt.monotonic
    const ms = this.#options.beatMs - MARGIN_MS
    this.#alive = { monotonic: sentAt.monotonic + ms, wall: sentAt.wall + ms }
  }

  /** Buries whoever is dead and returns the ids of the living, this worker among them. */
  async #buryTheDead(session: OwnershipSession): Promise<string[]> {
    const living: string[] = []
    const lockFree = new Set<string>()
    for (const worker of await session.listWorkers()) {
      if (worker.isLockFree) lockFree.add(worker.id)
      const isDead = worker.isBeatOver || (worker.isLockFree && this.#lockFree.has(worker.id))
      if (worker.id === this.#id || !isDead) living.push(worker.id)
      else if (await session.bury(worker.id))
        this.#options.log.warn({ worker: worker.id }, 'buried a dead worker')
    }
    this.#lockFree = lockFree
    return living
  }

  /** Every worker's share of P partitions among N is floor(P/N), and one more for the first P mod N by id. */
  async #takeShare(session: OwnershipSession, workers: readonly string[]): Promise<void> {
    const index = workers.indexOf(this.#id)
    if (index === -1) return
    const share = fairShare(this.#options.partitions, workers.length, index)
    const surplus = this.list().slice(share)
    if (surplus.length > 0) await this.#release(surplus)
    const room = share - this.#owned.size
    if (room > 0 && !this.#isStopped) await session.claim(this.#id, room)
    await this.#learn(session)
  }

  /** Takes over what the ledger says is owned: what was claimed just now, or before by a claim whose answer was lost. */
  async #learn(session: OwnershipSession): Promise<void> {
    const { log, onClaimed } = this.#options
    const [id, losses] = [this.#id, this.#losses]
    const owned = await session.owned(id)
    // Buried meanwhile, or born again: this is what the worker owned before.
    if (id !== this.#id || losses !== this.#losses) return
    this.#suspectPartitions = new Set(owned.filter(({ isSuspect }) => isSuspect).map(({ p }) => p))
    const claimed = owned.map(({ p }) => p).filter((p) => !this.#owned.has(p))
    if (claimed.length === 0) return
    for (const p of claimed) this.#owned.add(p)
    const suspect = this.suspects().length
    log.info({ worker: id, claimed: claimed.length, owned: this.#owned.size, suspect }, 'partitions claimed')
    onClaimed(claimed)
  }

  async #release(partitions: readonly number[]): Promise<void> {
    if (partitions.length === 0) return
    const session = await this.#connected()
    await this.#options.betweenTurns(async () => {
      this.lose(partitions)
      await session.release(this.#id, partitions, this.#options.onReleasing(partitions))
    })
    this.#options.log.info({ worker: this.#id, released: partitions.length }, 'partitions released')
  }
}

/** The partitions that the worker at `index` of `workers` should own. */
export function fairShare(partitions: number, workers: number, index: number): number {
  return Math.floor(partitions / workers) + (index < partitions % workers ? 1 : 0)
}
