import { decode, FIELD } from './codec.ts'
import type { Connection } from './connect.ts'
import { type StreamKeys, streamsOf } from './keys.ts'
import type { Nudge } from './nudge.ts'

/** At most this long in one blocking read, so that a stopped worker or a dead socket is noticed. */
const BLOCK_MS = 1_000
const COUNT = 500
/** Between a read that failed and the next. */
const PAUSE_MS = 200

export interface MailboxOptions {
  worker: string
  /** Dedicated: it blocks. */
  redis: Connection
  onNudges(nudges: readonly Nudge[]): void
}

/**
 * Reads one worker's two streams until it is stopped, in one blocking command. What was read is trimmed and every read
 * begins at the beginning, so there is no last id that a server which was emptied, restarted or replaced could fall behind.
 */
export class Mailbox {
  readonly #options: MailboxOptions
  readonly #keys: StreamKeys
  /** The smallest id that is still news, by stream. */
  readonly #news = new Map<string, string>()
  #isStopped = false
  #done: Promise<void> = Promise.resolve()

  constructor(options: MailboxOptions) {
    this.#options = options
    this.#keys = streamsOf(options.worker)
  }

  start(): void {
    this.#done = this.#loop()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#options.redis.disconnect()
    await this.#done
  }

  async #loop(): Promise<void> {
    while (!this.#isStopped) {
      try {
        await this.#readOnce()
      } catch {
        if (this.#isStopped) return
        // The connection reports its own faults; until it is back the sweep does the work.
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
      }
    }
  }

  async #readOnce(): Promise<void> {
    const { redis, onNudges } = this.#options
    const { hi, lo } = this.#keys
    // Written one after the other on one connection, so the read finds what was read before trimmed.
    const trims = [...this.#news].map(([stream, id]) => redis.xtrim(stream, 'MINID', id))
    this.#news.clear()
    const asked = redis.xread('COUNT', COUNT, 'BLOCK', BLOCK_MS, 'STREAMS', hi, lo, '0', '0')
    const [read, ...trimmed] = await Promise.allSettled([asked, ...trims])
    if (read.status === 'rejected') throw read.reason
    for (const [stream, entries] of read.value ?? []) {
      const lastId = entries.at(-1)?.[0]
      if (lastId === undefined) continue
      this.#news.set(stream, after(lastId))
      onNudges(entries.flatMap(([, fields]) => decode(fields[fields.indexOf(FIELD) + 1] ?? '')))
    }
    // What could not be trimmed is read again, which costs nothing but must not go round and round.
    for (const trim of trimmed) if (trim.status === 'rejected') throw trim.reason
  }
}

/** The next id of a stream. */
function after(id: string): string {
  const [ms, seq] = id.split('-')
  return `${ms}-${Number(seq) + 1}`
}
