import { VolleyError } from '../../errors.ts'
import type { FollowedEvent, Following, Position } from '../../ledger/events/follow-events.ts'
import type { Log } from '../../log.ts'

const EVENTS_A_READ = 1_000
const WATCHERS_MAX = { tenant: 100, all: 1_000 }
const RETRY_AFTER_S = 5

export interface TailOptions {
  follow(following: Following): Promise<{ events: FollowedEvent[]; reached: Position; isMore: boolean }>
  /** The place behind everything that is committed. */
  present(): Promise<Position>
  partitionsOf(tenant: string): readonly number[]
  /** How often what is new is asked for while somebody watches, in ms. */
  everyMs: number
  log: Log
}

/** Somebody who watches the events of a tenant. */
export interface Watcher {
  tenant: string
  /** Called with each event, in the order of their commits. */
  tell(event: FollowedEvent): void
  /** Called when the process ends. */
  stop(): void
}

/**
 * The end of the ledger's events, read by one query for all who watch it from this process, however many they are and
 * whatever they look for; nothing is asked while nobody watches.
 */
export class EventTail {
  readonly #options: TailOptions
  readonly #watchers = new Set<Watcher>()
  #at: Position | null = null
  #timer: NodeJS.Timeout | undefined
  /** Set while the ledger is asked. */
  #busy: Promise<void> | undefined
  #isStopped = false

  constructor(options: TailOptions) {
    this.#options = options
  }

  /** The place up to which all who watch were told; null while nobody does. */
  get position(): Position | null {
    return this.#at
  }

  /** Tells of everything behind `from`, which it gives, until `end` is called. Throws `too_many_streams`. */
  async watch(watcher: Watcher): Promise<{ from: Position; end(): void }> {
    this.#refuseMore(watcher.tenant)
    while (this.#at === null || this.#busy !== undefined) {
      // What is being read was asked for without this tenant, so its events are heard of from behind that.
      this.#busy ??= this.#begin()
      await this.#busy
    }
    this.#watchers.add(watcher)
    this.#plan(this.#options.everyMs)
    if (this.#isStopped) watcher.stop()
    return { from: this.#at, end: () => this.#end(watcher) }
  }

  /** Ends all streams. Resolves once nothing is asked of the ledger any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    for (const watcher of [...this.#watchers]) watcher.stop()
    clearTimeout(this.#timer)
    await this.#busy?.catch(() => undefined)
  }

  #refuseMore(tenant: string): void {
    const own = [...this.#watchers].filter((watcher) => watcher.tenant === tenant).length
    if (own < WATCHERS_MAX.tenant && this.#watchers.size < WATCHERS_MAX.all) return
    throw new VolleyError('too_many_streams', undefined, { retryAfterS: RETRY_AFTER_S })
  }

  #begin(): Promise<void> {
    return this.#options
      .present()
      .then((position) => {
        this.#at = position
      })
      .finally(() => {
        this.#busy = undefined
      })
  }

  #end(watcher: Watcher): void {
    this.#watchers.delete(watcher)
    if (this.#watchers.size === 0 && this.#busy === undefined) this.#rest()
  }

  #rest(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#at = null
  }

  #plan(delayMs: number): void {
    if (this.#isStopped || this.#timer !== undefined || this.#busy !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#busy = this.#read()
    }, delayMs)
  }

  /** Never throws: while the ledger is away, watchers wait. */
  async #read(): Promise<void> {
    let isMore = false
    try {
      isMore = await this.#tellNext(this.#at!)
    } catch (error) {
      this.#options.log.warn({ error: String(error) }, 'the live view of events could not be read')
    }
    this.#busy = undefined
    if (this.#watchers.size === 0) this.#rest()
    else this.#plan(isMore ? 0 : this.#options.everyMs)
  }

  async #tellNext(after: Position): Promise<boolean> {
    const tenants = [...new Set([...this.#watchers].map(({ tenant }) => tenant))]
    const partitions = [...new Set(tenants.flatMap((tenant) => this.#options.partitionsOf(tenant)))]
    const limit = EVENTS_A_READ
    const read = await this.#options.follow({ tenants, partitions, after, until: null, limit })
    const byTenant = Map.groupBy(this.#watchers, ({ tenant }) => tenant)
    for (const event of read.events)
      for (const watcher of byTenant.get(event.tenant) ?? []) watcher.tell(event)
    this.#at = read.reached
    return read.isMore
  }
}
