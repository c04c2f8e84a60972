import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { VolleyError } from '../errors.ts'
import { documentsIn } from './document-file.ts'
import { loadMapping } from './mappings.ts'
import { loadPlans, type Plan } from './plans.ts'
import { bookOf, loadRuleDocument } from './rule-book.ts'
import { loadScoring } from './scoring.ts'
import { type DocumentSet, requireDistinct } from './shelf.ts'

/** Everything that people wrote in a rules folder; only `recommendations/` must be there. */
export interface Documents extends DocumentSet {
  plans: { file: string; plans: readonly Plan[] } | null
}

/** Loads all documents. Throws `document_invalid` with the file, the place in it and what was expected there. */
export function loadDocuments(rulesDir: string): Documents {
  const { documents, mistakes } = readDocuments(rulesDir)
  const [first] = mistakes
  if (first !== undefined) throw first
  return documents
}

/** What can be loaded, and the first mistake of every document that cannot; for whoever mends them. */
export function readDocuments(rulesDir: string): { documents: Documents; mistakes: VolleyError[] } {
  const mistakes: VolleyError[] = []
  const attempt = <T>(load: () => T, otherwise: T): T => {
    try {
      return load()
    } catch (error) {
      if (!(error instanceof VolleyError)) throw error
      mistakes.push(error)
      return otherwise
    }
  }
  const each = <T>(folder: string, load: (path: string) => T): T[] =>
    pathsIn(rulesDir, folder, attempt).flatMap((path) => attempt<T[]>(() => [load(path)], []))
  const written = each('recommendations', (path) => loadRuleDocument(rulesDir, path))
  const plans = join(rulesDir, 'plans.json')
  const documents: Documents = {
    rules: attempt(() => bookOf(written), bookOf([])),
    mappings: each('mappings', (path) => loadMapping(rulesDir, path)),
    scoring: each('scoring', (path) => loadScoring(rulesDir, path)),
    plans: existsSync(plans) ? attempt(() => loadPlans(rulesDir, plans), null) : null,
  }
  attempt(() => requireDistinct(documents), undefined)
  return { documents, mistakes }
}

function pathsIn(
  rulesDir: string,
  folder: string,
  attempt: (load: () => string[], otherwise: string[]) => string[],
): string[] {
  const path = join(rulesDir, folder)
  if (folder !== 'recommendations' && !existsSync(path)) return []
  return attempt(() => documentsIn(path).map((name) => join(path, name)), [])
}
