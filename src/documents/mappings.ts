import { compiledFrom, type DocumentFile, readDocument } from './document-file.ts'
import { fullBudget, type Logic, LogicError } from './evaluate.ts'
import { pathsIn } from './never-applies.ts'
import { compileTemplate } from './template.ts'

export interface WrittenMapping {
  name: string
  action: string
  body: unknown
}

/** How an action becomes the body of a request. */
export interface Mapping {
  name: string
  file: string
  digest: string
  /** Name of the action type that it is for. */
  action: string
  /** Makes the body from `{action, user, now}`. */
  body: Logic
  /** Whether the body says something of the user; only then somebody has to know who that is. */
  looksAtUser: boolean
  written: WrittenMapping
}

/** Loads one document of `mappings/`. Throws `document_invalid` with the file, the place and what was expected. */
export const loadMapping = (rulesDir: string, path: string): Mapping =>
  compileMapping(readDocument(rulesDir, path, 'mappings'))

/** Makes a mapping of a document that is valid by its schema. Throws `document_invalid` with the place in it. */
export function compileMapping({ file, digest, value }: DocumentFile): Mapping {
  const written = value as WrittenMapping
  const body = compiledFrom(file, () => compileTemplate(written.body, '/body', 'body'))
  const looksAtUser = pathsIn(written.body).some(mayReachUser)
  return { name: written.name, file, digest, action: written.action, body, looksAtUser, written }
}

/** All of the data, a path that is computed, or one that begins with the user. */
const mayReachUser = (path: string): boolean => /^($|\?$|user(\.|$))/.test(path)

/** The exact text of a body, or why there is none. */
export type MadeBody = { kind: 'made'; text: string } | { kind: 'failed'; message: string }

/** Makes a body of a template, within the limits of a rule; what cannot be made says where and why. */
export function madeBody(template: Logic, data: unknown): MadeBody {
  try {
    const made = template(data, fullBudget())
    if (made === null || made === undefined) return { kind: 'failed', message: 'the body comes to nothing' }
    return { kind: 'made', text: JSON.stringify(made) }
  } catch (error) {
    if (error instanceof LogicError) return { kind: 'failed', message: error.message }
    throw error
  }
}
