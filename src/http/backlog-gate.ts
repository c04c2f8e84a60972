import { VolleyError } from '../errors.ts'

/** Counting again at each eighth of what was free: as many web processes together stay near the limit. */
const SHARE = 8
/** An older count says little, since other processes accept too. */
const TRUST_MS = 60_000
/** A tenant's counts take a twentieth of the time at most, and where they are slow there is one a second. */
const DUTY = 20
const PAUSE_MS = { min: 50, max: 1_000 }
/** A backlog may be over its limit; counting on this far tells how fast it shrinks. */
const countMaxOf = (limit: number) => Math.ceil(limit * 1.25) + 1_000
const RETRY_S = { min: 1, unknown: 5, max: 60 }
const GAUGES_MAX = 10_000

export interface BacklogGateOptions {
  /** How many actions of a tenant wait, counted up to `max`. */
  count(tenant: string, max: number): Promise<number>
  limitOf(tenant: string): number
  /** A monotonic clock in ms. */
  now(): number
}

/** What is known of one tenant's backlog. */
interface Gauge {
  /** As counted last; null before the first time. */
  counted: number | null
  countedAt: number
  /** What a count takes, in ms. */
  costMs: number
  /** Admitted by this process and perhaps not in the count. */
  since: number
  /** Admitted and not committed yet. */
  inFlight: number
  /** Actions a second by which the backlog shrinks; null before two counts. */
  drain: number | null
  counting: Promise<void> | undefined
}

/**
 * Refuses work for a tenant whose backlog is full, without asking the ledger for each request: it counts again only when
 * what was accepted since may have used up a part of what was free.
 */
export class BacklogGate {
  readonly #options: BacklogGateOptions
  readonly #gauges = new Map<string, Gauge>()

  constructor(options: BacklogGateOptions) {
    this.#options = options
  }

  /**
   * Accepts `n` actions by `accept`, or throws `backlog_full` before it began. A request that meets room may take the
   * backlog past its limit by its own size.
   */
  async pass<T>(tenant: string, n: number, accept: () => Promise<T>): Promise<T> {
    if (n === 0) return accept()
    const gauge = this.#gauge(tenant)
    await this.#admit(tenant, gauge, n)
    try {
      return await accept()
    } finally {
      gauge.inFlight -= n
    }
  }

  async #admit(tenant: string, gauge: Gauge, n: number): Promise<void> {
    const limit = this.#options.limitOf(tenant)
    if (this.#isWorthCounting(gauge, limit)) this.#count(tenant, gauge, limit)
    // With room left nobody waits for a count.
    if (!hasRoom(gauge, limit)) await gauge.counting
    if (hasRoom(gauge, limit)) {
      // At once, before any other that waited for the same count looks.
      gauge.since += n
      gauge.inFlight += n
      return
    }
    const backlog = (gauge.counted ?? 0) + gauge.since
    throw new VolleyError('backlog_full', `${backlog} actions wait to be sent; the limit is ${limit}.`, {
      details: { backlog, limit },
      retryAfterS: retryAfterS(gauge, backlog, limit),
    })
  }

  #isWorthCounting(gauge: Gauge, limit: number): boolean {
    if (gauge.counting !== undefined) return false
    if (gauge.counted === null) return true
    const ageMs = this.#options.now() - gauge.countedAt
    const pauseMs = Math.min(Math.max(gauge.costMs * DUTY, PAUSE_MS.min), PAUSE_MS.max)
    if (ageMs < pauseMs) return false
    return ageMs >= TRUST_MS || gauge.since >= (limit - gauge.counted) / SHARE
  }

  /** One at a time; a failure is seen by those who have to wait for it. */
  #count(tenant: string, gauge: Gauge, limit: number): void {
    const counting = this.#recount(tenant, gauge, limit).finally(() => {
      gauge.counting = undefined
    })
    counting.catch(() => undefined)
    gauge.counting = counting
  }

  async #recount(tenant: string, gauge: Gauge, limit: number): Promise<void> {
    const startedAt = this.#options.now()
    const before = { ...gauge }
    const counted = await this.#options.count(tenant, countMaxOf(limit))
    if (before.counted !== null) {
      const drained = before.counted + before.since - before.inFlight - counted
      const drain = Math.max(0, (drained * 1_000) / (startedAt - before.countedAt))
      gauge.drain = gauge.drain === null ? drain : (gauge.drain + drain) / 2
    }
    gauge.counted = counted
    gauge.countedAt = startedAt
    gauge.costMs = this.#options.now() - startedAt
    // What was on its way when the count began may or may not be in it; it is taken for not.
    gauge.since += before.inFlight - before.since
  }

  #gauge(tenant: string): Gauge {
    let gauge = this.#gauges.get(tenant)
    if (gauge === undefined) {
      if (this.#gauges.size >= GAUGES_MAX) this.#gauges.clear()
      gauge = {
        counted: null,
        countedAt: Number.NEGATIVE_INFINITY,
        costMs: 0,
        since: 0,
        inFlight: 0,
        drain: null,
        counting: undefined,
      }
      this.#gauges.set(tenant, gauge)
    }
    return gauge
  }
}

const hasRoom = ({ counted, since }: Gauge, limit: number): boolean =>
  counted !== null && counted + since < limit

/** Until a twentieth of the limit is free again: not all who wait find room, but more than one. */
function retryAfterS({ drain }: Gauge, backlog: number, limit: number): number {
  if (drain === null) return RETRY_S.unknown
  const seconds = Math.ceil((backlog - limit + limit / 20) / drain)
  return Math.min(Math.max(seconds, RETRY_S.min), RETRY_S.max)
}
