import { invalid } from './document-file.ts'
import type { Mapping } from './mappings.ts'
import type { OwnDocuments } from './own-documents.ts'
import { type OwnSet, ownSetFor, rolledOut } from './rollout.ts'
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
  if (own.rules.length + own.mappings.length + own.scoring.length === 0) return files
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
  #said: Map<string, OwnSet> | undefined

  constructor(files: DocumentSet, own: OwnDocuments) {
    this.#files = files
    this.#own = own
  }

  async ready(tenants: Iterable<string>): Promise<void> {
    const all = [...new Set(tenants)]
    await this.#own.ready(all)
    // From now on it is known, though others may need the room.
    for (const tenant of all) this.ownOf(tenant)
  }

  isReady(tenant: string): boolean {
    return this.#said?.has(tenant) === true || this.#own.isReady(tenant)
  }

  /** A tenant's own. Throws where they have not been read: a wrong answer would be worse than none. */
  ownOf(tenant: string): OwnSet {
    const said = this.#said?.get(tenant)
    if (said !== undefined) return said
    const own = this.#own.of(tenant)
    if (own === null) throw new Error(`the documents of tenant ${tenant} were not read: ready() comes first`)
    this.#said ??= new Map()
    this.#said.set(tenant, own)
    return own
  }

  /** What is in force for whoever is in no share to which something is rolled out. */
  documentsOf(tenant: string): DocumentSet {
    return over(this.#files, this.ownOf(tenant))
  }

  /** Whether events of a type ask any rule, of whomever they are. */
  asks(tenant: string, type: string): boolean {
    return this.#books(tenant).some((book) => book.forEvent(type).length > 0)
  }

  /** The names of all actions that events of a type may ask for, of whomever they are. */
  actionsOf(tenant: string, type: string): string[] {
    return this.#books(tenant).flatMap((book) => book.forEvent(type).map(({ action }) => action))
  }

  #books(tenant: string): RuleBook[] {
    return this.setsOf(tenant).map(({ rules }) => rules)
  }

  /** What is in force for those in no share, and for those in every one. */
  setsOf(tenant: string): DocumentSet[] {
    const own = this.ownOf(tenant)
    const settled = over(this.#files, own)
    return own.rollouts.length === 0 ? [settled] : [settled, over(this.#files, rolledOut(own))]
  }

  /** What is in force for one user. */
  documentsFor(tenant: string, user: string): DocumentSet {
    return over(this.#files, ownSetFor(this.ownOf(tenant), tenant, user))
  }

  forTenant(tenant: string): RuleBook {
    return this.documentsOf(tenant).rules
  }

  forUser(tenant: string, user: string): RuleBook {
    return this.documentsFor(tenant, user).rules
  }

  scoringOf(tenant: string, user: string): Scoring | null {
    return scoringIn(this.documentsFor(tenant, user))
  }

  mappingOf(tenant: string, action: string, user: string): Mapping | null {
    return mappingIn(this.documentsFor(tenant, user), action)
  }
}
