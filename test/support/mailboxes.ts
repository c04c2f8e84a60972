import type { RedisTls } from '../../src/config.ts'
import { createLog, type Log } from '../../src/log.ts'
import { type Connection, connect } from '../../src/mailbox/connect.ts'
import { Mailbox } from '../../src/mailbox/read.ts'
import { Mailer } from '../../src/mailbox/send.ts'
import { eventually } from './eventually.ts'

/** One sender and the mailboxes of some workers, of which each owns the partition of its place in the list. */
export class Mailboxes {
  readonly mailer: Mailer
  readonly workers: readonly string[]
  /** Lanes that were heard of, by worker; `fact` where a fact was heard of since the last nudge. */
  readonly heard = new Map<string, Set<string>>()
  readonly #redis: Connection
  readonly #boxes: Mailbox[]
  #lane = 0

  constructor(options: { url: string; workers: readonly string[]; tls?: RedisTls; log?: Log }) {
    const { url, workers, tls } = options
    const log = options.log ?? createLog({ level: process.env.TEST_LOG ?? 'silent', name: 'mailboxes' })
    this.workers = workers
    this.#redis = connect(url, 'send', log, tls)
    const owners = new Map(workers.map((worker, p) => [p, worker]))
    this.mailer = new Mailer({ redis: this.#redis, log, readOwners: async () => owners })
    this.#boxes = workers.map((worker) => {
      const lanes = new Set<string>()
      this.heard.set(worker, lanes)
      const box = new Mailbox({
        worker,
        redis: connect(url, 'read', log, tls),
        onNudges: (nudges) => {
          for (const nudge of nudges) lanes.add(nudge.kind === 'lane' ? nudge.lane : nudge.kind)
        },
      })
      box.start()
      return box
    })
  }

  /** Commands that the connection for sending to one server holds: written and not answered, or not written. */
  get unanswered(): number {
    const { commandQueue, offlineQueue } = this.#redis as unknown as Record<string, { length: number }>
    return commandQueue!.length + offlineQueue!.length
  }

  /** Nudges these workers once, about a new lane and a fact, and gives the ms until all have heard of both. */
  async nudged(workers: readonly string[], withinMs: number): Promise<number> {
    const lane = String(++this.#lane)
    const began = performance.now()
    for (const worker of workers) {
      this.heard.get(worker)?.delete('fact')
      const p = this.workers.indexOf(worker)
      this.mailer.nudge([
        { kind: 'lane', p, lane },
        { kind: 'fact', p },
      ])
    }
    await eventually(() => {
      const deaf = workers.filter((worker) => {
        const heard = this.heard.get(worker)
        return !heard?.has(lane) || !heard.has('fact')
      })
      if (deaf.length > 0) throw new Error(`${deaf} did not hear of lane ${lane} within ${withinMs} ms`)
    }, withinMs)
    return performance.now() - began
  }

  /** Resolves once these workers hear at once again; gives the ms until then. */
  async flows(workers = this.workers, timeoutMs = 10_000): Promise<number> {
    const began = performance.now()
    await eventually(() => this.nudged(workers, 300), timeoutMs)
    return performance.now() - began
  }

  async stopReading(): Promise<void> {
    await Promise.all(this.#boxes.map((box) => box.stop()))
  }

  async stop(): Promise<void> {
    await this.stopReading()
    this.#redis.disconnect()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}
