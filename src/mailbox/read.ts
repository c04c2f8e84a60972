import type { Redis } from 'ioredis'
import type { Log } from '../log.ts'
import { decode, FIELD } from './codec.ts'
import { type StreamKeys, streamsOf } from './keys.ts'
import type { Nudge } from './nudge.ts'

/** At most this long in one blocking read, so that a stopped worker or a dead socket is noticed. */
const BLOCK_MS = 1_000
const COUNT = 500
/** A mailbox outlives its worker's last beat by this. */
const EXPIRE_SECONDS = 3_600

export interface MailboxOptions {
  worker: string
  /** Dedicated: it blocks. */
  redis: Redis
  /** For trimming; shared with other commands. */
  commands: Redis
  log: Log
  onNudges(nudges: readonly Nudge[]): void
}

/** Reads one worker's two streams until it is stopped, in one blocking command. */
export class Mailbox {
  readonly #options: MailboxOptions
  readonly #keys: StreamKeys
  #last = { hi: '0', lo: '0' }
  #isStopped = false
  #done: Promise<void> = Promise.resolve()

  constructor(options: MailboxOptions) {
    this.#options = options
    this.#keys = streamsOf(options.worker)
    // What was read is trimmed, so after a reconnection the whole stream is news, whatever the server remembers.
    options.redis.on('ready', () => {
      this.#last = { hi: '0', lo: '0' }
    })
  }

  start(): void {
    this.#done = this.#loop()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#options.redis.disconnect()
    await this.#done
    await this.#options.commands.del(this.#keys.hi, this.#keys.lo).catch(() => undefined)
  }

  /** Keeps the streams from outliving their worker for long. */
  async keepAlive(): Promise<void> {
    const { commands } = this.#options
    await Promise.all([
      commands.expire(this.#keys.hi, EXPIRE_SECONDS),
      commands.expire(this.#keys.lo, EXPIRE_SECONDS),
    ])
  }

  async #loop(): Promise<void> {
    while (!this.#isStopped) {
      try {
        await this.#readOnce()
      } catch {
        if (this.#isStopped) return
        // The connection reports its own faults; until it is back the sweep does the work.
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    }
  }

  async #readOnce(): Promise<void> {
    const { hi, lo } = this.#keys
    const streams = await this.#options.redis.xread(
      ...(['COUNT', COUNT, 'BLOCK', BLOCK_MS, 'STREAMS', hi, lo, this.#last.hi, this.#last.lo] as const),
    )
    for (const [name, entries] of streams ?? []) {
      const lastId = entries.at(-1)?.[0]
      if (lastId === undefined) continue
      this.#last[name === hi ? 'hi' : 'lo'] = lastId
      this.#options.onNudges(entries.flatMap(([, fields]) => decode(fields[fields.indexOf(FIELD) + 1] ?? '')))
      this.#trim(name, lastId)
    }
  }

  /** Read entries carry nothing any more; losing the trim only means reading them once again. */
  #trim(stream: string, lastId: string): void {
    const [ms, seq] = lastId.split('-')
    void this.#options.commands.xtrim(stream, 'MINID', `${ms}-${Number(seq) + 1}`).catch(() => undefined)
  }
}
