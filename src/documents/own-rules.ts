import { createHash } from 'node:crypto'
import type { Log } from '../log.ts'
import { bookOf, compileRuleDocument, type RuleBook, type RuleDocument, type RuleShelf } from './rule-book.ts'

/** A version of a tenant's own document of rules that came into force, or went out of it. */
export interface OwnDocument {
  tenant: string
  name: string
  version: number
  isActive: boolean
  document: unknown
}

/** The documents of rules that tenants keep themselves, those in force. */
export class OwnRules {
  readonly #log: Log
  readonly #active = new Map<string, Map<string, { version: number; document: RuleDocument }>>()

  constructor(log: Log) {
    this.#log = log
  }

  /** Takes changes, what ended before what began; false where nothing is different by them. */
  take(changes: readonly OwnDocument[]): boolean {
    let isChanged = false
    for (const change of changes) {
      const known = this.#active.get(change.tenant)?.get(change.name)
      if (change.isActive ? known?.version === change.version : known?.version !== change.version) continue
      isChanged = this.#set(change) || isChanged
    }
    return isChanged
  }

  #set(change: OwnDocument): boolean {
    const own = this.#active.get(change.tenant) ?? new Map()
    if (change.isActive) {
      const document = this.#compiled(change)
      // What an earlier release took and this one does not leaves the version before in force.
      if (document === null) return false
      own.set(change.name, { version: change.version, document })
    } else own.delete(change.name)
    if (own.size === 0) this.#active.delete(change.tenant)
    else this.#active.set(change.tenant, own)
    return true
  }

  #compiled({ tenant, name, version, document }: OwnDocument): RuleDocument | null {
    const file = fileOf(name, version)
    try {
      const digest = createHash('sha256').update(JSON.stringify(document)).digest('hex')
      return compileRuleDocument({ file, digest, value: document }, version)
    } catch (error) {
      this.#log.error({ tenant, error: String(error) }, 'rules: a document of a tenant cannot be used')
      return null
    }
  }

  /** All rules as they are now, over those of the files; it does not change by what is taken later. */
  shelf(files: RuleBook): RuleShelf {
    const books = new Map(
      [...this.#active].map(([tenant, own]) => [
        tenant,
        over(
          files,
          [...own.values()].map(({ document }) => document),
        ),
      ]),
    )
    return { forTenant: (tenant) => books.get(tenant) ?? files }
  }
}

/** What a tenant's own document is called where files have a path. */
export const fileOf = (name: string, version: number): string => `own/${name}.json@${version}`

function over(files: RuleBook, own: readonly RuleDocument[]): RuleBook {
  const domains = new Set(own.map(({ domain }) => domain))
  return bookOf([...own, ...files.documents.filter(({ domain }) => !domains.has(domain))])
}
