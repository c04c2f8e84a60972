import type { Redis } from 'ioredis'
import type { Log } from '../log.ts'
import { encode, FIELD } from './codec.ts'
import { streamsOf } from './keys.ts'
import type { Nudge, Nudger } from './nudge.ts'

/** Entries a stream may hold; a paused worker's mailbox is cut, not grown. */
const STREAM_MAX = 20_000
/** How old the map of owners may be before it is read again. */
const OWNERS_MS = 1_000

export interface MailerOptions {
  redis: Redis
  log: Log
  /** Reads the owner of each partition; null where it is free. */
  readOwners(): Promise<Map<number, string | null>>
  /** Takes what is for this very process, if it is a worker; true when it did. */
  deliverLocally?(nudge: Nudge): boolean
}

/** Sends nudges to the workers that own their partitions, all those of one tick of the loop together. */
export class Mailer implements Nudger {
  readonly #options: MailerOptions
  readonly #waiting = new Map<string, Nudge>()
  #owners = new Map<number, string | null>()
  #ownersAt = Number.NEGATIVE_INFINITY
  #isFlushing = false

  constructor(options: MailerOptions) {
    this.#options = options
  }

  nudge(nudges: readonly Nudge[]): void {
    for (const nudge of nudges) {
      if (this.#options.deliverLocally?.(nudge) === true) continue
      this.#waiting.set(
        nudge.kind === 'lane' ? `lane ${nudge.p} ${nudge.lane}` : `${nudge.kind} ${nudge.p}`,
        nudge,
      )
    }
    if (this.#waiting.size > 0 && !this.#isFlushing) {
      this.#isFlushing = true
      setImmediate(() => void this.#flush())
    }
  }

  async #flush(): Promise<void> {
    try {
      if (this.#owners.size === 0) await this.#learnOwners()
      else this.#learnSoon()
      const nudges = [...this.#waiting.values()]
      this.#waiting.clear()
      await this.#send(nudges)
    } catch (error) {
      // Nothing is lost: the owner's sweep finds within a second what this would have told it.
      this.#waiting.clear()
      this.#options.log.debug({ error: String(error) }, 'nudge not sent')
    } finally {
      this.#isFlushing = false
      if (this.#waiting.size > 0) this.nudge([])
    }
  }

  async #send(nudges: readonly Nudge[]): Promise<void> {
    const byStream = new Map<string, Nudge[]>()
    for (const nudge of nudges) {
      const owner = this.#owners.get(nudge.p)
      if (owner === undefined || owner === null) continue
      const keys = streamsOf(owner)
      const stream = nudge.kind === 'fact' ? keys.hi : keys.lo
      const list = byStream.get(stream)
      if (list === undefined) byStream.set(stream, [nudge])
      else list.push(nudge)
    }
    await Promise.all(
      [...byStream].map(([stream, list]) =>
        this.#options.redis.xadd(stream, 'MAXLEN', '~', STREAM_MAX, '*', FIELD, encode(list)),
      ),
    )
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
