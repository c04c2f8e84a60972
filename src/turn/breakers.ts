import type { Clock } from '../clock.ts'
import {
  BREAKER_TERMS,
  type BreakerState,
  type BreakerTerms,
  closedBreaker,
  heard,
} from '../dispatch/breaker.ts'
import type { SharedBreaker } from '../ledger/actions/breakers.ts'
import type { RegisteredType } from '../ledger/tenants/type-registry.ts'
import type { Log } from '../log.ts'
import type { BreakerLedger } from './ports.ts'

interface Known {
  state: BreakerState
  /** What the ledger is to be told and was not yet; tried again each second. */
  untold: (() => Promise<unknown>) | null
  /** The probe is ours and has not been sent yet. */
  hasProbe: boolean
  isAsking: boolean
}

export interface BreakersOptions {
  ledger: BreakerLedger
  clock: Clock
  log: Log
  /** Null: breakers never open. */
  share: number | null
  /** Something that was held back may be sent now. */
  onChange(): void
}

/** Added to a probe's timeout before another one may be taken. */
const PROBE_MARGIN_MS = 2_000
/** A probe that somebody else has is asked for again after this. */
const ASK_AGAIN_MS = 1_000

/**
 * This worker's view of the breakers of destinations. It opens one by what it hears itself, tells the ledger, and follows
 * what others told it; the one probe of a breaker that may close again is taken in the ledger.
 */
export class Breakers {
  readonly #options: BreakersOptions
  readonly #terms: BreakerTerms
  readonly #known = new Map<string, Known>()

  constructor(options: BreakersOptions) {
    this.#options = options
    this.#terms = { ...BREAKER_TERMS, share: options.share ?? Number.POSITIVE_INFINITY }
  }

  /** Whether a POST to this type's destination may begin now; a probe is given to the first that asks. */
  allows(type: RegisteredType): boolean {
    const known = this.#known.get(type.destination)
    if (known === undefined || known.state.kind === 'closed') return true
    if (known.hasProbe) {
      known.hasProbe = false
      return true
    }
    if (this.#options.clock.monotonicMs() >= known.state.until && !known.isAsking)
      void this.#askForProbe(known, type)
    return false
  }

  /** What came of a POST: whether the destination answered as one that is well. */
  heard(type: RegisteredType, isGood: boolean): void {
    const now = this.#options.clock.monotonicMs()
    let known = this.#known.get(type.destination)
    if (known === undefined) {
      if (isGood) return
      known = { state: closedBreaker(now), untold: null, hasProbe: false, isAsking: false }
      this.#known.set(type.destination, known)
    }
    const before = known.state
    known.state = heard(before, isGood, now, this.#terms)
    if (known.state.kind !== before.kind) this.#changed(known, before, type)
  }

  /** Tells the ledger what it missed, and follows what other workers told it. Called each second. */
  async refresh(): Promise<void> {
    for (const known of this.#known.values()) if (known.untold !== null) await this.#tell(known)
    const shared = new Map((await this.#options.ledger.notClosed()).map((row) => [row.lane, row]))
    const now = this.#options.clock.monotonicMs()
    let isFreed = false
    for (const [lane, known] of this.#known) {
      if (shared.has(lane) || known.untold !== null) continue
      if (known.state.kind === 'closed') {
        if (now - known.state.since > 2 * this.#terms.windowMs) this.#known.delete(lane)
      } else {
        this.#known.delete(lane)
        isFreed = true
      }
    }
    for (const row of shared.values()) this.#follow(row, now)
    if (isFreed) this.#options.onChange()
  }

  #follow(row: SharedBreaker, now: number): void {
    const known = this.#known.get(row.lane)
    if (known?.untold != null || known?.state.kind === 'half-open') return
    const state: BreakerState = { kind: 'open', until: now + Math.max(0, row.retryInMs), waitMs: row.waitMs }
    if (known === undefined)
      this.#known.set(row.lane, { state, untold: null, hasProbe: false, isAsking: false })
    else known.state = state
  }

  #changed(known: Known, before: BreakerState, type: RegisteredType): void {
    const { ledger, log } = this.#options
    const lane = type.destination
    const { state } = known
    known.hasProbe = false
    if (state.kind === 'open') {
      const destination = new URL(type.url).origin
      const reason = `at least ${Math.round(this.#terms.share * 100)} % of the last POSTs failed`
      const opened = { lane, tenant: type.tenant, destination, reason, waitMs: state.waitMs }
      if (before.kind === 'closed') log.warn({ tenant: type.tenant, destination, reason }, 'breaker opened')
      known.untold =
        before.kind === 'closed' ? () => ledger.open(opened) : () => ledger.reopen(lane, state.waitMs)
    } else if (state.kind === 'closed') {
      log.info({ tenant: type.tenant, destination: new URL(type.url).origin }, 'breaker closed')
      known.untold = () => ledger.close(lane)
      this.#options.onChange()
    }
    void this.#tell(known)
  }

  async #tell(known: Known): Promise<void> {
    const untold = known.untold
    if (untold === null) return
    try {
      await untold()
      if (known.untold === untold) known.untold = null
    } catch (error) {
      this.#options.log.warn({ error: String(error) }, 'the state of a breaker waits for the ledger')
    }
  }

  async #askForProbe(known: Known, type: RegisteredType): Promise<void> {
    known.isAsking = true
    const waitMs = known.state.kind === 'closed' ? this.#terms.firstWaitMs : known.state.waitMs
    const withinMs = type.timeoutMs + PROBE_MARGIN_MS
    try {
      const isOurs = await this.#options.ledger.takeProbe(type.destination, withinMs)
      const until = this.#options.clock.monotonicMs() + (isOurs ? withinMs : ASK_AGAIN_MS)
      known.state = { kind: isOurs ? 'half-open' : 'open', until, waitMs }
      known.hasProbe = isOurs
      if (isOurs) this.#options.onChange()
    } catch {
      // The ledger is away, and so is everything else that sending needs; the next look asks again.
    } finally {
      known.isAsking = false
    }
  }
}
