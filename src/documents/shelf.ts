import { invalid } from './document-file.ts'
import type { Mapping } from './mappings.ts'
import type { OwnDocuments } from './own-documents.ts'
import { bookOf, type RuleBook, type RuleDocument, type RuleShelf } from './rule-book.ts'
import type { Scoring } from './scoring.ts'

/** The kinds of documents that tenants keep too; each has a folder in `rules/`. */
export const OWN_KINDS = ['recommendations', 'mappings', 'scoring'] as const
export type OwnKind = (typeof OWN_KINDS)[number]

/** Whether tenants keep documents of this kind. */
export const isOwnKind = (kind: string): kind is OwnKind => OWN_KINDS.some((each) => each === kind)

/** Documents that are in force together. */
export interface DocumentSet {
  rules: RuleBook
  mappings: readonly Mapping[]
  scoring: readonly Scoring[]
}

/** A tenant's own documents that are in force. */
export interface OwnSet {
  rules: readonly RuleDocument[]
  mappings: readonly Mapping[]
  scoring: readonly Scoring[]
}

/** The scoring document of this name is the one that scores users. */
export const SCORING_IN_USE = 'default'

/** What is in force where own documents stand over those of the files: in the place of those about the same. */
export function overFiles(files: DocumentSet, own: OwnSet): DocumentSet {
  return {
    rules:
      own.rules.length === 0 ? files.rules : bookOf(standing(own.rules, files.rules.documents, isSameDomain)),
    mappings: standing(own.mappings, files.mappings, isSameMapping),
    scoring: standing(own.scoring, files.scoring, isSameName),
  }
}

const isSameDomain = (a: RuleDocument, b: RuleDocument) => a.domain === b.domain
const isSameName = (a: { name: string }, b: { name: string }) => a.name === b.name
const isSameMapping = (a: Mapping, b: Mapping) => a.name === b.name || a.action === b.action

const standing = <T>(
  own: readonly T[],
  files: readonly T[],
  isSame: (a: T, b: T) => boolean,
): readonly T[] => [...own, ...files.filter((file) => !own.some((each) => isSame(each, file)))]

/** Throws `document_invalid` where two mappings are for the same action, or two documents have the same name. */
export function requireDistinct({ mappings, scoring }: Pick<DocumentSet, 'mappings' | 'scoring'>): void {
  refuseTwins(mappings, 'name', ({ name }) => name)
  refuseTwins(mappings, 'action', ({ action }) => action)
  refuseTwins(scoring, 'name', ({ name }) => name)
}

function refuseTwins<T extends { file: string }>(
  documents: readonly T[],
  what: string,
  keyOf: (document: T) => string,
): void {
  const files = new Map<string, string>()
  for (const document of documents) {
    const twin = files.get(keyOf(document))
    if (twin !== undefined)
      throw invalid(document.file, [{ path: `/${what}`, message: `is the ${what} of ${twin} too` }])
    files.set(keyOf(document), document.file)
  }
}

/** The scoring of a set that is in use; null where there is none. */
export const scoringIn = ({ scoring }: DocumentSet): Scoring | null =>
  scoring.find(({ name }) => name === SCORING_IN_USE) ?? null

/** The mapping for the actions of one type; null where there is none. */
export const mappingIn = ({ mappings }: DocumentSet, action: string): Mapping | null =>
  mappings.find((mapping) => mapping.action === action) ?? null

const stood = new WeakMap<OwnSet, { files: DocumentSet; set: DocumentSet }>()

/** The same set for the same own documents over the same files, so that what its book remembers stays. */
function over(files: DocumentSet, own: OwnSet): DocumentSet {
  const known = stood.get(own)
  if (known?.files === files) return known.set
  const set = overFiles(files, own)
  stood.set(own, { files, set })
  return set
}

/**
 * All documents of this installation, a tenant's own over those of the files. What it has said of a tenant it says again,
 * whatever has changed meanwhile; so it is made anew for every turn and every request.
 */
export class Shelf implements RuleShelf {
  readonly #files: DocumentSet
  readonly #own: OwnDocuments
  #said: Map<string, DocumentSet> | undefined

  constructor(files: DocumentSet, own: OwnDocuments) {
    this.#files = files
    this.#own = own
  }

  async ready(tenants: Iterable<string>): Promise<void> {
    const all = [...new Set(tenants)]
    await this.#own.ready(all)
    // From now on it is known, though others may need the room.
    for (const tenant of all) this.documentsOf(tenant)
  }

  isReady(tenant: string): boolean {
    return this.#said?.has(tenant) === true || this.#own.isReady(tenant)
  }

  /** Throws where the tenant's own documents have not been read: a wrong answer would be worse than none. */
  documentsOf(tenant: string): DocumentSet {
    const said = this.#said?.get(tenant)
    if (said !== undefined) return said
    const own = this.#own.of(tenant)
    if (own === null) throw new Error(`the documents of tenant ${tenant} were not read: ready() comes first`)
    const set =
      own.rules.length + own.mappings.length + own.scoring.length === 0 ? this.#files : over(this.#files, own)
    this.#said ??= new Map()
    this.#said.set(tenant, set)
    return set
  }

  forTenant(tenant: string): RuleBook {
    return this.documentsOf(tenant).rules
  }

  scoringOf(tenant: string): Scoring | null {
    return scoringIn(this.documentsOf(tenant))
  }

  mappingOf(tenant: string, action: string): Mapping | null {
    return mappingIn(this.documentsOf(tenant), action)
  }
}
