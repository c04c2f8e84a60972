import type { Log } from '../log.ts'
import { encode, FIELD } from './codec.ts'
import type { Connection } from './connect.ts'
import { EXPIRE_SECONDS, streamsOf } from './keys.ts'
import type { Nudge, Nudger } from './nudge.ts'

/** Entries a stream may hold, some seconds' worth; the mailbox of a worker that stands still is cut, not grown. */
const STREAM_MAX = 5_000
/** Nudges that may wait here, and for one stream: more are dropped, since the sweep finds what they mean. */
const WAITING_MAX = 5_000
/** How old the map of owners may be before it is read again. */
const OWNERS_MS = 1_000

export interface MailerOptions {
  redis: Connection
  log: Log
  /** Reads the owner of each partition; null where it is free. */
  readOwners(): Promise<Map<number, string | null>>
  /** Takes what is for this very process, if it is a worker; true when it did. */
  deliverLocally?(nudge: Nudge): boolean
}

/** Nudges by what they say, so that the same one waits once. */
type Waiting = Map<string, Nudge>

/**
 * Sends nudges to the workers that own their partitions, at once: an answer that is written before would keep the nudge
 * waiting. Those for a stream that come while one entry is under way go together in the next, so a worker whose server does
 * not answer holds up nobody else.
 */
export class Mailer implements Nudger {
  readonly #options: MailerOptions
  readonly #waiting: Waiting = new Map()
  /** What waits for the entry that is under way, by stream. */
  readonly #sending = new Map<string, Waiting>()
  #owners = new Map<number, string | null>()
  #ownersAt = Number.NEGATIVE_INFINITY
  #isFlushing = false

  constructor(options: MailerOptions) {
    this.#options = options
  }

  nudge(nudges: readonly Nudge[]): void {
    for (const nudge of nudges) {
      if (this.#options.deliverLocally?.(nudge) === true) continue
      put(this.#waiting, nudge)
    }
    if (this.#waiting.size > 0 && !this.#isFlushing) {
      this.#isFlushing = true
      void this.#flush()
    }
  }

  /** How many nudges wait in this process: bounded, however long Redis or the ledger is away. */
  get waiting(): number {
    return [this.#waiting, ...this.#sending.values()].reduce((sum, { size }) => sum + size, 0)
  }

  async #flush(): Promise<void> {
    try {
      if (this.#owners.size === 0) await this.#learnOwners()
      else this.#learnSoon()
      for (const nudge of this.#waiting.values()) this.#address(nudge)
    } catch (error) {
      this.#notSent(error)
    } finally {
      this.#waiting.clear()
      this.#isFlushing = false
    }
  }

  #address(nudge: Nudge): void {
    const owner = this.#owners.get(nudge.p)
    if (owner === undefined || owner === null) return
    const keys = streamsOf(owner)
    const stream = nudge.kind === 'fact' ? keys.hi : keys.lo
    const waiting = this.#sending.get(stream)
    if (waiting !== undefined) {
      put(waiting, nudge)
      return
    }
    const first: Waiting = new Map()
    put(first, nudge)
    this.#sending.set(stream, first)
    // Once all of this flush are addressed.
    queueMicrotask(() => void this.#post(stream, first))
  }

  async #post(stream: string, waiting: Waiting): Promise<void> {
    const { redis } = this.#options
    while (waiting.size > 0) {
      const text = encode([...waiting.values()])
      waiting.clear()
      try {
        await Promise.all([
          redis.xadd(stream, 'MAXLEN', '~', STREAM_MAX, '*', FIELD, text),
          // Whoever read it may be gone, and then nobody else would remove it.
          redis.expire(stream, EXPIRE_SECONDS),
        ])
      } catch (error) {
        waiting.clear()
        this.#notSent(error)
      }
    }
    this.#sending.delete(stream)
  }

  /** Nothing is lost: the owner's sweep finds within a second what this would have told it. */
  #notSent(error: unknown): void {
    this.#options.log.debug({ error: String(error) }, 'nudge not sent')
  }

  /** Beside the sending: a nudge that goes to the last owner costs a second, and that is seldom. */
  #learnSoon(): void {
    if (performance.now() - this.#ownersAt < OWNERS_MS) return
    this.#ownersAt = performance.now()
    this.#learnOwners().catch((error) =>
      this.#options.log.debug({ error: String(error) }, 'the owners could not be read'),
    )
  }

  async #learnOwners(): Promise<void> {
    this.#owners = await this.#options.readOwners()
    this.#ownersAt = performance.now()
  }
}

function put(waiting: Waiting, nudge: Nudge): void {
  if (waiting.size >= WAITING_MAX) return
  const text = nudge.kind === 'lane' ? `lane ${nudge.p} ${nudge.lane}` : `${nudge.kind} ${nudge.p}`
  waiting.set(text, nudge)
}
