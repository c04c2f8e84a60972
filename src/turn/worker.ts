import type { Timer } from '../clock.ts'
import { Lanes } from '../dispatch/lanes.ts'
import type { LaneSlice } from '../ledger/actions/lanes-due.ts'
import { isBadData } from '../ledger/transaction.ts'
import { VersionMismatch } from '../ledger/version-mismatch.ts'
import type { Nudge } from '../mailbox/nudge.ts'
import { Addressees } from './addressees.ts'
import { Agenda, isEmpty } from './agenda.ts'
import { Breakers } from './breakers.ts'
import { letGo } from './disown.ts'
import type { Engine, Parts } from './engine.ts'
import { Feeder } from './feeder.ts'
import { Health } from './health.ts'
import { Held, type HeldAction } from './held.ts'
import { LostResults } from './lost-results.ts'
import { OneByOne } from './one-by-one.ts'
import { Ownership } from './ownership.ts'
import { Refusals } from './refusals.ts'
import { capOfLane, pump } from './send.ts'
import { type Care, turn } from './turn.ts'

export interface WorkerOptions extends Parts {
  beatMs: number
  /** Most POSTs on the wire at a time. */
  wireMax: number
  /** The share of failures at which a breaker opens; null: never. */
  breakerShare: number | null
  /** Called with the worker's new id after a burial: it needs another mailbox. */
  onReborn(id: string): void
}

const TICK_MS = 1_000
const GATHER_MS = 10
const BACKOFF_MS = { first: 50, longest: 2_000 }
/** SIGTERM must end the process within ten seconds, so what is still on the wire then is left to its next owner. */
const DRAIN_MS = 6_000

/** One worker: a loop of turns over the partitions it owns, and the sending beside it. */
export class Worker {
  readonly #engine: Engine
  readonly #options: WorkerOptions
  readonly #refusals: Refusals
  #loop: Promise<void> = Promise.resolve()
  #tick: Timer | undefined
  #isStopped = false
  #care: Care = 'together'
  /** Whoever holds it is alone with the ledger's rows: the turn, or a release. */
  #turnLock: Promise<unknown> = Promise.resolve()

  constructor(options: WorkerOptions) {
    this.#options = options
    const ownership = new Ownership({
      ledger: options.ledger,
      clock: options.clock,
      log: options.log,
      partitions: options.partitions,
      beatMs: options.beatMs,
      onClaimed: () => this.#lookEverywhere(),
      onReleasing: (partitions) => letGo(this.#engine, partitions),
      betweenTurns: (work) => this.#alone(work),
      onBuried: (id) => this.#alone(() => this.#beReborn(id)),
    })
    const held = new Held()
    this.#refusals = new Refusals(options.ledger, held)
    this.#engine = {
      ...options,
      rules: options.latestRules(),
      ownership,
      agenda: new Agenda(),
      held,
      lanes: new Lanes<HeldAction>(options.wireMax, (first) => capOfLane(options, first)),
      feeder: new Feeder(() => this.#engine),
      lost: new LostResults({ ...options, onTold: (id) => this.#engine.held.told(id) }),
      addressees: new Addressees(options),
      breakers: new Breakers({
        ledger: options.ledger.breakers,
        clock: options.clock,
        log: options.log,
        share: options.breakerShare,
        onChange: () => this.#wakeLanes(),
      }),
      health: new Health(),
      oneByOne: new OneByOne(() => this.#engine),
      waitingOnWire: new Set(),
      unsent: new Map(),
      paces: new Map(),
      clockOffsetMs: 0,
      isSending: true,
      pump: () => pump(this.#engine),
    }
  }

  get id(): string {
    return this.#engine.ownership.id
  }

  async start(): Promise<void> {
    await this.#engine.ownership.start()
    this.#tick = this.#options.clock.every(TICK_MS, () => this.#lookEverywhere())
    this.#loop = this.#run()
  }

  /** Hints from the mailbox, or from this process itself. */
  hint(nudges: readonly Nudge[]): void {
    const { agenda, feeder, ownership } = this.#engine
    const lanes: LaneSlice[] = []
    for (const nudge of nudges) {
      if (!ownership.owns(nudge.p)) continue
      if (nudge.kind === 'lane') lanes.push(nudge)
      else if (nudge.kind === 'fact') agenda.hintFacts(nudge.p)
      else agenda.hintEvents(nudge.p)
    }
    if (lanes.length > 0) feeder.lookAtAll(lanes)
  }

  owns(p: number): boolean {
    return this.#engine.ownership.owns(p)
  }

  /** What this worker has in hand; all zero once nothing of what it owns is due, and nothing on its way. */
  inHand(): { held: number; onWire: number; untold: number; uncommitted: number; waitingOnWire: number } {
    const { held, lanes, agenda, waitingOnWire } = this.#engine
    const { size, untold } = held
    return {
      held: size,
      onWire: lanes.onWire,
      untold,
      uncommitted: agenda.uncommitted,
      waitingOnWire: waitingOnWire.size,
    }
  }

  /** Stops sending, gives the partitions away at once, and waits for what is on the wire as long as a stop may take. */
  async stop(): Promise<void> {
    const { ownership, feeder, lost, lanes, agenda, oneByOne, clock } = this.#engine
    this.#engine.isSending = false
    clock.cancel(this.#tick)
    await this.#commitResults()
    await ownership.stop()
    this.#isStopped = true
    agenda.tick()
    await this.#loop
    await feeder.stop()
    const end = clock.monotonicMs() + DRAIN_MS
    while (lanes.onWire > 0 && clock.monotonicMs() < end) await clock.sleep(20)
    lost.add([...agenda.clear(), ...oneByOne.clear()])
    await lost.end(Math.max(500, end - clock.monotonicMs()))
    await ownership.retire()
  }

  /** What is back already is worth one more turn before the partitions go; a ledger that is away is not waited for. */
  async #commitResults(): Promise<void> {
    const { agenda, clock } = this.#engine
    const end = clock.monotonicMs() + 1_000
    while (agenda.uncommitted > 0 && clock.monotonicMs() < end) await clock.sleep(10)
  }

  #wakeLanes(): void {
    this.#engine.lanes.wake()
    this.#engine.pump()
  }

  #lookEverywhere(): void {
    const { agenda, breakers, feeder, lanes, log } = this.#engine
    agenda.tick()
    lanes.wake()
    void this.#reportHealth()
    void breakers
      .refresh()
      .catch((error) => log.warn({ error: String(error) }, 'the breakers could not be read'))
    void this.#refusals
      .refresh()
      .catch((error) => log.warn({ error: String(error) }, 'what users allow could not be read again'))
    void feeder
      .sweep()
      .catch((error) => log.warn({ error: String(error) }, 'the sweep failed; the next one is in a second'))
    this.#engine.pump()
  }

  async #reportHealth(): Promise<void> {
    const { clock, health, ledger, log } = this.#engine
    const reports = health.take(clock.monotonicMs())
    if (reports.length === 0) return
    await ledger.reportHealth(reports).catch((error: unknown) => {
      log.warn({ error: String(error) }, 'the health of endpoints could not be told; the next failure is')
    })
  }

  async #run(): Promise<void> {
    const { clock } = this.#engine
    let backoffMs = BACKOFF_MS.first
    while (!this.#isStopped) {
      await this.#engine.agenda.ready()
      // Results that share a commit cost less; a few ms of them are worth the wait, which nobody else notices.
      if (this.#engine.agenda.isSmall) await clock.sleep(GATHER_MS)
      const isDone =
        (await this.#alone(() => this.#turnOnce())) && (await this.#alone(() => this.#turnsOfOne()))
      backoffMs = isDone ? BACKOFF_MS.first : Math.min(backoffMs * 2, BACKOFF_MS.longest)
      if (!isDone) await clock.sleep(backoffMs)
    }
  }

  /** One turn; false where it failed and its work was put back. */
  async #turnOnce(): Promise<boolean> {
    const { agenda, clock, log, oneByOne, ownership } = this.#engine
    // Past the end of the beat another worker may own everything; only a new beat makes it safe to go on.
    if (!ownership.isAlive() || this.#isStopped) return this.#isStopped
    const startedAt = clock.monotonicMs()
    const work = agenda.take()
    oneByOne.setAside(work)
    if (isEmpty(work)) {
      agenda.settle()
      return true
    }
    const results = work.results.length
    this.#engine.rules = this.#engine.latestRules()
    try {
      if ((await turn(this.#engine, work, this.#care)) === 'buried') {
        agenda.putBack(work)
        await this.#beReborn(ownership.id)
        return true
      }
      agenda.settle()
      this.#care = 'together'
      log.debug(
        { worker: ownership.id, results, facts: work.facts.length, ms: clock.monotonicMs() - startedAt },
        'turn',
      )
      return true
    } catch (error) {
      agenda.putBack(work)
      // A row that cannot be written would fail every turn it is in.
      if (isBadData(error)) this.#care = 'singly'
      const level = error instanceof VersionMismatch || isBadData(error) ? 'error' : 'warn'
      log[level](
        { worker: ownership.id, results, error: String(error) },
        'turn failed; its work is looked at again',
      )
      return false
    }
  }

  /** What suspect partitions have; false where the ledger is away. */
  async #turnsOfOne(): Promise<boolean> {
    const { agenda, log, oneByOne, ownership } = this.#engine
    if (!oneByOne.isWaiting || !ownership.isAlive() || this.#isStopped) return true
    try {
      await oneByOne.pass()
      return true
    } catch (error) {
      log.warn({ worker: ownership.id, error: String(error) }, 'a turn of one failed; it is looked at again')
      return false
    } finally {
      if (oneByOne.isWaiting) agenda.goRound()
    }
  }

  /** Buried: everything held is orphaned, results become facts for the new owners, and a new worker begins. */
  async #beReborn(buried: string): Promise<void> {
    const { ownership, agenda, oneByOne, lost, feeder, log, waitingOnWire } = this.#engine
    // The beat and a turn may both have learned of the same burial.
    if (ownership.id !== buried) return
    log.warn({ worker: buried }, 'this worker was buried; it begins again under a new id')
    const everything = allPartitions(this.#options.partitions)
    // First of all: a load that answers only now must find nothing that is ours.
    ownership.lose(everything)
    letGo(this.#engine, everything)
    waitingOnWire.clear()
    lost.add([...agenda.clear(), ...oneByOne.clear()])
    await feeder.stop()
    await ownership.rebirth()
    this.#options.onReborn(ownership.id)
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turnLock.then(work)
    this.#turnLock = result.catch(() => undefined)
    return result
  }
}

const allPartitions = (count: number) => Array.from({ length: count }, (_, p) => p)
