import type { BookFor } from '../../decisions/preview-triggers.ts'
import type { RuleBook, RuleDocument } from '../../documents/rule-book.ts'
import { bookOf } from '../../documents/rule-book.ts'
import type { Shelf } from '../../documents/shelf.ts'

/** One of the two versions of the rules of a domain that are compared. */
export interface ComparedVersion {
  bookFor: BookFor
  /** Whether it asks anybody of whom nothing comes in. */
  hasTriggers: boolean
  /** The types of events that ask it, exact or ending in `.*`. */
  patterns: readonly string[]
}

/** What is in force of a domain, for each user what is in force for that one. */
export function inForce(rules: Shelf, tenant: string, domain: string): ComparedVersion {
  const books = new Map<RuleDocument, RuleBook>()
  const only = (book: RuleBook): RuleBook | null => {
    const document = book.documents.find((each) => each.domain === domain)
    if (document === undefined) return null
    const known = books.get(document) ?? bookOf([document])
    books.set(document, known)
    return known
  }
  return {
    bookFor: (user) => only(rules.forUser(tenant, user)),
    hasTriggers: rules.setsOf(tenant).some((set) => hasTriggers(only(set.rules))),
    patterns: rules.setsOf(tenant).flatMap((set) => patternsOf(only(set.rules))),
  }
}

/** One document, as if it were in force for everybody. */
export function asInForce(document: RuleDocument): ComparedVersion {
  const book = bookOf([document])
  return { bookFor: () => book, hasTriggers: hasTriggers(book), patterns: patternsOf(book) }
}

/** The same for those users alone. */
export const forThose = (
  version: ComparedVersion,
  isReached: (user: string) => boolean,
): ComparedVersion => ({ ...version, bookFor: (user) => (isReached(user) ? version.bookFor(user) : null) })

const patternsOf = (book: RuleBook | null): readonly string[] =>
  (book?.documents ?? []).flatMap(({ rules }) => rules.flatMap(({ on }) => on))

const hasTriggers = (book: RuleBook | null): boolean => book !== null && book.triggers.length > 0
