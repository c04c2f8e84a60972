import { type DomainLessons, lessonsOf } from '../../decisions/lessons.ts'
import type { ReadLesson } from './lessons.ts'

export interface LessonsOptions {
  /** All that these tenants have learnt, and what partners let them learn of. */
  read(tenants: readonly string[]): Promise<ReadLesson[]>
  /** The monotonic clock, in ms. */
  now(): number
}

/** What is known may be so old; an outcome changes little. */
const FRESH_MS = 1_000
/** Most tenants of which is remembered; the one not asked for the longest is forgotten. */
const TENANTS_MAX = 2_000

interface Known {
  lessonsOf(domain: string): DomainLessons
  readAt: number
}

/** What outcomes have taught the tenants in use, read as often as is decided, and at most once a second. */
export class LessonsInUse {
  readonly #options: LessonsOptions
  /** In the order in which they were asked for. */
  readonly #known = new Map<string, Known>()
  readonly #reading = new Map<string, Promise<void>>()

  constructor(options: LessonsOptions) {
    this.#options = options
  }

  /** Makes sure that what these tenants have learnt is known, and no older than a second. */
  async ready(tenants: Iterable<string>): Promise<void> {
    const now = this.#options.now()
    const wanted = [...new Set(tenants)].filter((tenant) => {
      const known = this.#known.get(tenant)
      return known === undefined || now - known.readAt >= FRESH_MS
    })
    const unasked = wanted.filter((tenant) => !this.#reading.has(tenant))
    if (unasked.length > 0) {
      const read = this.#read(unasked, now)
      for (const tenant of unasked) this.#reading.set(tenant, read)
    }
    await Promise.all(new Set(wanted.map((tenant) => this.#reading.get(tenant))))
  }

  /** As it was read last; nothing of a tenant that was never asked for. */
  of(tenant: string, domain: string): DomainLessons {
    return (this.#known.get(tenant)?.lessonsOf ?? lessonsOf([]))(domain)
  }

  async #read(tenants: readonly string[], readAt: number): Promise<void> {
    try {
      const rows = Map.groupBy(await this.#options.read(tenants), ({ tenant }) => tenant)
      for (const tenant of tenants) {
        this.#known.delete(tenant)
        this.#known.set(tenant, { lessonsOf: lessonsOf(rows.get(tenant) ?? []), readAt })
      }
      for (const tenant of this.#known.keys()) {
        if (this.#known.size <= TENANTS_MAX) break
        this.#known.delete(tenant)
      }
    } finally {
      for (const tenant of tenants) this.#reading.delete(tenant)
    }
  }
}
