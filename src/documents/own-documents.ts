import { createHash } from 'node:crypto'
import type { Log } from '../log.ts'
import { compileMapping, type Mapping } from './mappings.ts'
import { compileRuleDocument, type RuleDocument, type RuleShelf } from './rule-book.ts'
import { compileScoring, type Scoring } from './scoring.ts'
import { type DocumentSet, mappingIn, type OwnKind, type OwnSet, overFiles, scoringIn } from './shelf.ts'

/** A version of a tenant's own document that came into force, or went out of it. */
export interface OwnDocument {
  tenant: string
  kind: OwnKind
  name: string
  version: number
  isActive: boolean
  document: unknown
}

type Compiled =
  | { kind: 'recommendations'; made: RuleDocument }
  | { kind: 'mappings'; made: Mapping }
  | { kind: 'scoring'; made: Scoring }

/** All documents of this installation; a tenant's own stand in the place of files. */
export interface DocumentShelf extends RuleShelf {
  documentsOf(tenant: string): DocumentSet
}

/** The documents that tenants keep themselves, those in force. */
export class OwnDocuments {
  readonly #log: Log
  readonly #active = new Map<string, Map<string, { version: number; compiled: Compiled }>>()

  constructor(log: Log) {
    this.#log = log
  }

  /** Takes changes, what ended before what began; false where nothing is different by them. */
  take(changes: readonly OwnDocument[]): boolean {
    let isChanged = false
    for (const change of changes) {
      const known = this.#active.get(change.tenant)?.get(keyOf(change))
      if (change.isActive ? known?.version === change.version : known?.version !== change.version) continue
      isChanged = this.#set(change) || isChanged
    }
    return isChanged
  }

  #set(change: OwnDocument): boolean {
    const own = this.#active.get(change.tenant) ?? new Map()
    if (change.isActive) {
      const compiled = this.#compiled(change)
      // What an earlier release took and this one does not leaves the version before in force.
      if (compiled === null) return false
      own.set(keyOf(change), { version: change.version, compiled })
    } else own.delete(keyOf(change))
    if (own.size === 0) this.#active.delete(change.tenant)
    else this.#active.set(change.tenant, own)
    return true
  }

  #compiled(change: OwnDocument): Compiled | null {
    try {
      return compiledOwn(change)
    } catch (error) {
      const { tenant, kind, name } = change
      this.#log.error(
        { tenant, kind, name, error: String(error) },
        'rules: a document of a tenant cannot be used',
      )
      return null
    }
  }

  /** All documents as they are now, over those of the files; it does not change by what is taken later. */
  shelf(files: DocumentSet): DocumentShelf {
    const sets = new Map(
      [...this.#active].map(([tenant, own]) => [
        tenant,
        overFiles(files, setOf([...own.values()].map(({ compiled }) => compiled))),
      ]),
    )
    const documentsOf = (tenant: string) => sets.get(tenant) ?? files
    return {
      documentsOf,
      forTenant: (tenant) => documentsOf(tenant).rules,
      scoringOf: (tenant) => scoringIn(documentsOf(tenant)),
      mappingOf: (tenant, action) => mappingIn(documentsOf(tenant), action),
    }
  }
}

const keyOf = ({ kind, name }: OwnDocument) => `${kind}/${name}`

/** What a tenant's own document is called where files have a path. */
export const fileOf = (kind: OwnKind, name: string, version: number): string =>
  `own/${kind}/${name}.json@${version}`

function compiledOwn({ kind, name, version, document }: OwnDocument): Compiled {
  const digest = createHash('sha256').update(JSON.stringify(document)).digest('hex')
  const file = { file: fileOf(kind, name, version), digest, value: document }
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

function setOf(all: readonly Compiled[]): OwnSet {
  return {
    rules: all.flatMap((each) => (each.kind === 'recommendations' ? [each.made] : [])),
    mappings: all.flatMap((each) => (each.kind === 'mappings' ? [each.made] : [])),
    scoring: all.flatMap((each) => (each.kind === 'scoring' ? [each.made] : [])),
  }
}
