import type { RuleBook, RuleDocument } from '../../documents/rule-book.ts'
import { VolleyError } from '../../errors.ts'

/**
 * The document of a domain, or the only one where none is named; throws `code` with the domains that there are. `asked` is
 * what the client said.
 */
export function documentOf(
  asked: string | undefined,
  { documents }: RuleBook,
  code: 'invalid_body' | 'invalid_query' = 'invalid_body',
): RuleDocument {
  const [first] = documents
  if (asked === undefined && first !== undefined && documents.length === 1) return first
  const found = documents.find(({ domain }) => domain === asked)
  if (found !== undefined) return found
  const known = documents.map(({ domain }) => JSON.stringify(domain)).join(', ')
  throw new VolleyError(code, undefined, {
    details: [{ path: '/domain', message: `must be one of ${known}` }],
  })
}
