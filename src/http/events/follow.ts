import { PassThrough, type Readable } from 'node:stream'
import {
  comparePositions,
  type FollowedEvent,
  followEvents,
  type Position,
  presentPosition,
} from '../../ledger/events/follow-events.ts'
import type { EventFilter } from '../../ledger/events/list-events.ts'
import { partitionsOfTenant } from '../../ledger/placement.ts'
import type { WebDeps } from '../deps.ts'
import { isAsked, viewEvent } from './event-view.ts'

/** Proxies close what says nothing for a minute. */
const BEAT_MS = 15_000
/** A client comes back with a key that is looked at anew. */
const LIFE_MS = 600_000
/** What a client may be behind before it is sent away, to come back when it can read on. */
const BEHIND_MAX = { bytes: 1_000_000, events: 10_000 }
const EVENTS_A_PAGE = 500
const RETRY_MS = 1_000

interface Asked {
  tenant: string
  filter: EventFilter
  /** What the client saw last; null: it is told of what comes from now on. */
  after: Position | null
}

/** The text of server-sent events, each with its place as its id; ends by itself after ten minutes. */
export async function followAsText(deps: WebDeps, asked: Asked): Promise<Readable> {
  const follower = new Follower(deps, asked)
  await follower.start()
  return follower.out
}

/** One client who follows the events of its tenant. */
class Follower {
  readonly out = new PassThrough()
  readonly #deps: WebDeps
  readonly #asked: Asked
  /** What came while the client was told of what it had missed; null once it has heard all of that. */
  #early: FollowedEvent[] | null = []

  constructor(deps: WebDeps, asked: Asked) {
    this.#deps = deps
    this.#asked = asked
  }

  async start(): Promise<void> {
    const { tail, ledger, log } = this.#deps
    const after = await this.#believedAfter()
    const { from, end } = await tail.watch({
      tenant: this.#asked.tenant,
      tell: (event) => this.#hear(event, after),
      stop: () => this.out.end(),
    })
    const beat = setInterval(() => this.#beat(), BEAT_MS)
    const life = setTimeout(() => this.out.end(), LIFE_MS)
    this.out.once('close', () => {
      end()
      clearInterval(beat)
      clearTimeout(life)
    })
    this.out.write(`retry: ${RETRY_MS}\n\n`)
    this.#catchUp(ledger.pool, after, from).catch((error: unknown) => {
      log.warn({ error: String(error) }, 'a live view of events could not go on')
      this.out.end()
    })
  }

  /** A place that this ledger has not reached is one of another ledger's, which it was put in the stead of. */
  async #believedAfter(): Promise<Position | null> {
    const { after } = this.#asked
    if (after === null) return null
    const present = await presentPosition(this.#deps.ledger.pool)
    return comparePositions(after, present) > 0 ? null : after
  }

  async #catchUp(pool: WebDeps['ledger']['pool'], after: Position | null, from: Position): Promise<void> {
    const { tenant } = this.#asked
    const partitions = partitionsOfTenant(tenant, this.#deps.config.partitions)
    let at = after ?? from
    while (this.#isOpen() && comparePositions(at, from) < 0) {
      const page = { tenants: [tenant], partitions, after: at, until: from, limit: EVENTS_A_PAGE }
      const { events, reached, isMore } = await followEvents(pool, page)
      for (const event of events) this.#write(event)
      at = isMore ? reached : from
      await this.#drained()
    }
    if (!this.#isOpen()) return
    for (const event of this.#early ?? []) this.#write(event)
    this.#early = null
    // Whoever is cut off before the first event goes on from here.
    if (after === null) this.out.write(`id: ${textOf(from)}\n\n`)
  }

  #hear(event: FollowedEvent, after: Position | null): void {
    // Another process, from which the client came, was further on.
    if (!this.#isOpen() || (after !== null && comparePositions(event, after) <= 0)) return
    if (this.#early === null) this.#write(event)
    else this.#early.push(event)
    if (this.out.writableLength > BEHIND_MAX.bytes || (this.#early?.length ?? 0) > BEHIND_MAX.events)
      this.out.end()
  }

  #write(event: FollowedEvent): void {
    if (isAsked(event, this.#asked.filter))
      this.out.write(`id: ${textOf(event)}\ndata: ${JSON.stringify(viewEvent(event))}\n\n`)
  }

  /** The id alone: it is kept by the client, who reads on behind it although nothing of what it asked for came. */
  #beat(): void {
    const { position } = this.#deps.tail
    if (this.#isOpen() && this.#early === null && position !== null)
      this.out.write(`id: ${textOf(position)}\n\n`)
  }

  #isOpen(): boolean {
    return !this.out.destroyed && !this.out.writableEnded
  }

  async #drained(): Promise<void> {
    if (!this.out.writableNeedDrain) return
    await new Promise<void>((resolve) => {
      this.out.once('drain', resolve)
      this.out.once('close', resolve)
    })
  }
}

const textOf = ({ xid, seq }: Position): string => `${xid}.${seq}`
