import { compiledFrom, type DocumentFile, readDocument } from './document-file.ts'
import type { Logic } from './evaluate.ts'
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
  /** Makes the body from `{action, user}`. */
  body: Logic
  written: WrittenMapping
}

/** Loads one document of `mappings/`. Throws `document_invalid` with the file, the place and what was expected. */
export const loadMapping = (rulesDir: string, path: string): Mapping =>
  compileMapping(readDocument(rulesDir, path, 'mappings'))

/** Makes a mapping of a document that is valid by its schema. Throws `document_invalid` with the place in it. */
export function compileMapping({ file, digest, value }: DocumentFile): Mapping {
  const written = value as WrittenMapping
  const body = compiledFrom(file, () => compileTemplate(written.body, '/body', 'body'))
  return { name: written.name, file, digest, action: written.action, body, written }
}
