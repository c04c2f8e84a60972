import { createHash } from 'node:crypto'
import type { Log } from '../log.ts'
import { compileMapping } from './mappings.ts'
import { type Compiled, type OwnSet, ownSetOf, type Rollout } from './rollout.ts'
import { compileRuleDocument } from './rule-book.ts'
import { compileScoring } from './scoring.ts'
import type { OwnKind } from './shelf.ts'

/** A version of a tenant's own document that is in force; `share` 1: for everybody. */
export interface OwnDocument {
  tenant: string
  kind: OwnKind
  name: string
  version: number
  share: number
  document: unknown
}

/** That documents of a tenant came into force or went out of it; another stamp, another change. */
export interface OwnChange {
  tenant: string
  stamp: string
}

/** Where tenants' own documents are kept. */
export interface OwnSource {
  /** Whose documents have changed of late; at the first time, who has one in force. */
  changes(): Promise<readonly OwnChange[]>
  /** Everything that is in force of these tenants. */
  read(tenants: readonly string[]): Promise<readonly OwnDocument[]>
}

/** What is held of one tenant. */
interface Held {
  compiled: ReadonlyMap<string, Compiled>
  set: OwnSet
  /** Characters of its documents. */
  weight: number
}

/** What a process holds of tenants' documents: those used longest ago go first. */
export interface OwnBounds {
  tenantsMax: number
  charactersMax: number
}
const BOUNDS: OwnBounds = { tenantsMax: 2_000, charactersMax: 16 * 1024 * 1024 }
const TENANTS_A_READ = 100

const NONE: OwnSet = ownSetOf([], [])

/**
 * The documents that tenants keep themselves. Who has one is known of all tenants; what they say is read when it is first
 * needed, and again when it changes.
 */
export class OwnDocuments {
  readonly #source: OwnSource
  readonly #log: Log
  readonly #bounds: OwnBounds
  /** Who may have documents in force. */
  readonly #holders = new Set<string>()
  /** In the order in which they were used last. */
  readonly #held = new Map<string, Held>()
  #weight = 0
  #heard = new Map<string, string>()
  /** How many questions about a tenant are under way. */
  readonly #asked = new Map<string, number>()
  #last: Promise<void> = Promise.resolve()

  constructor(source: OwnSource, log: Log, bounds: OwnBounds = BOUNDS) {
    this.#source = source
    this.#log = log
    this.#bounds = bounds
  }

  /** What a tenant has in force; null: that has to be read first. */
  of(tenant: string): OwnSet | null {
    if (!this.#holders.has(tenant)) return NONE
    const held = this.#held.get(tenant)
    if (held === undefined) return null
    this.#held.delete(tenant)
    this.#held.set(tenant, held)
    return held.set
  }

  isReady(tenant: string): boolean {
    return this.#held.has(tenant) || !this.#holders.has(tenant)
  }

  /** Reads what these tenants have in force, where it is not held. Throws where the ledger cannot be reached. */
  async ready(tenants: Iterable<string>): Promise<void> {
    const missing = [...tenants].filter((tenant) => !this.isReady(tenant))
    if (missing.length > 0) await this.#read(missing, (tenant) => !this.isReady(tenant))
  }

  /** Hears whose documents have changed, and reads those again that are held. */
  async hear(): Promise<void> {
    const changes = await this.#source.changes()
    const isNew = ({ tenant, stamp }: OwnChange) => this.#heard.get(tenant) !== stamp
    const fresh = changes.filter(isNew).map(({ tenant }) => tenant)
    this.#heard = new Map(changes.map(({ tenant, stamp }) => [tenant, stamp]))
    for (const tenant of fresh) this.#holders.add(tenant)
    // What is being read just now may be what it was before.
    const again = fresh.filter((tenant) => this.#held.has(tenant) || this.#asked.has(tenant))
    if (again.length === 0) return
    try {
      await this.#read(again, () => true)
    } catch (error) {
      // Heard and not taken: the next time it is a change again.
      for (const tenant of again) this.#heard.delete(tenant)
      throw error
    }
  }

  /** One question after the other, so that an older answer never stands over a newer one. */
  #read(tenants: readonly string[], isNeeded: (tenant: string) => boolean): Promise<void> {
    for (const tenant of tenants) this.#asked.set(tenant, (this.#asked.get(tenant) ?? 0) + 1)
    const read = this.#last.then(() => this.#readNow(tenants.filter(isNeeded)))
    this.#last = read
      .catch(() => undefined)
      .then(() => {
        for (const tenant of tenants) this.#forgetAsked(tenant)
      })
    return read
  }

  async #readNow(tenants: readonly string[]): Promise<void> {
    for (let from = 0; from < tenants.length; from += TENANTS_A_READ) {
      const some = tenants.slice(from, from + TENANTS_A_READ)
      const found = Map.groupBy(await this.#source.read(some), ({ tenant }) => tenant)
      for (const tenant of some) this.#take(tenant, found.get(tenant) ?? [])
    }
  }

  #forgetAsked(tenant: string): void {
    const left = (this.#asked.get(tenant) ?? 1) - 1
    if (left === 0) this.#asked.delete(tenant)
    else this.#asked.set(tenant, left)
  }

  #take(tenant: string, documents: readonly OwnDocument[]): void {
    const before = this.#held.get(tenant)
    if (before !== undefined) this.#drop(tenant, before)
    if (documents.length === 0) {
      this.#holders.delete(tenant)
      return
    }
    const compiled = new Map<string, Compiled>()
    const settled: Compiled[] = []
    const rollouts: Rollout[] = []
    let weight = 0
    for (const each of documents) {
      const made = before?.compiled.get(fileOf(each)) ?? this.#compiled(each)
      if (made !== null) {
        compiled.set(fileOf(each), made)
        if (each.share < 1) rollouts.push({ compiled: made, share: each.share })
        else settled.push(made)
      }
      weight += JSON.stringify(each.document).length
    }
    this.#held.set(tenant, { compiled, set: ownSetOf(settled, rollouts), weight })
    this.#weight += weight
    this.#makeRoom(tenant)
  }

  #makeRoom(kept: string): void {
    const { tenantsMax, charactersMax } = this.#bounds
    for (const [tenant, held] of this.#held) {
      if (this.#held.size <= tenantsMax && this.#weight <= charactersMax) return
      if (tenant !== kept) this.#drop(tenant, held)
    }
  }

  #drop(tenant: string, { weight }: Held): void {
    this.#held.delete(tenant)
    this.#weight -= weight
  }

  #compiled(document: OwnDocument): Compiled | null {
    try {
      return compiledOwn(document)
    } catch (error) {
      // What an earlier release took and this one does not: the file stands in its place.
      const { tenant, kind, name } = document
      this.#log.error(
        { tenant, kind, name, error: String(error) },
        'rules: a document of a tenant cannot be used',
      )
      return null
    }
  }
}

/** What a tenant's own document is called where files have a path. */
export const fileOf = ({ kind, name, version }: Pick<OwnDocument, 'kind' | 'name' | 'version'>): string =>
  `own/${kind}/${name}.json@${version}`

function compiledOwn(own: OwnDocument): Compiled {
  const { kind, version, document } = own
  const digest = createHash('sha256').update(JSON.stringify(document)).digest('hex')
  const file = { file: fileOf(own), digest, value: document }
  switch (kind) {
    case 'recommendations':
      return { kind, made: compileRuleDocument(file, version) }
    case 'mappings':
      return { kind, made: compileMapping(file) }
    case 'scoring':
      return { kind, made: compileScoring(file) }
    default:
      return kind satisfies never
  }
}
