import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { type Mistake, VolleyError } from '../errors.ts'
import { jsonMistake, placeIn, repeatedName } from '../json-mistake.ts'
import { mistakesOf, mistakesText } from './schema-mistakes.ts'

/** The schemas that this version understands, which a rules folder of one's own need not have a copy of. */
const SCHEMAS = join(import.meta.dirname, '..', '..', 'rules', 'schemas')

/** A larger document is no longer one that people write. */
const CHARACTERS_MAX = 1024 * 1024

/** What documents there are; each has a schema of that name. */
export type SchemaName =
  | 'recommendations'
  | 'recommendations.cases'
  | 'mappings'
  | 'mappings.cases'
  | 'scoring'
  | 'scoring.cases'
  | 'plans'

/** A document as it was read, valid by its schema. */
export interface DocumentFile {
  /** Its path, with `rules` for the rules folder. */
  file: string
  /** SHA-256 of its text, hex: which version decided. */
  digest: string
  value: unknown
}

const validators = new Map<SchemaName, ValidateFunction>()

function validatorOf(name: SchemaName): ValidateFunction {
  let validate = validators.get(name)
  if (validate === undefined) {
    const schema = JSON.parse(readFileSync(join(SCHEMAS, `${name}.schema.json`), 'utf8')) as object
    const options = { allErrors: true, verbose: true, strict: true, allowUnionTypes: true }
    validate = new Ajv2020(options).compile(schema)
    validators.set(name, validate)
  }
  return validate
}

/** What is wrong with a document by its schema; empty where nothing is. */
export function schemaMistakes(name: SchemaName, value: unknown): Mistake[] {
  const validate = validatorOf(name)
  return validate(value) ? [] : mistakesOf(validate.errors ?? [], { explains: true })
}

/** Reads a document. Throws `document_invalid` with the file, the place in it, and what was expected there. */
export function readDocument(rulesDir: string, path: string, schema: SchemaName): DocumentFile {
  const file = join('rules', relative(rulesDir, path))
  const text = textAt(file, path)
  if (text.length > CHARACTERS_MAX)
    throw invalid(file, `must not be longer than ${CHARACTERS_MAX} characters`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    const { at, message } = jsonMistake(text)
    throw invalid(file, `${placeIn(text, at)}: not valid JSON: ${message}`)
  }
  // The parser takes the last of them without a word.
  const repeated = repeatedName(text)
  if (repeated !== null)
    throw invalid(
      file,
      `${placeIn(text, repeated.at)}: the name ${JSON.stringify(repeated.name)} stands twice in one object`,
    )
  const mistakes = schemaMistakes(schema, value)
  if (mistakes.length > 0) throw invalid(file, mistakes)
  return { file, digest: createHash('sha256').update(text).digest('hex'), value }
}

function textAt(file: string, path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
  } catch (cause) {
    throw new VolleyError('document_invalid', `${file}: cannot be read (${codeOf(cause)})`, { cause })
  }
}

/** Names of the documents in a folder, without their tables of cases. Throws where there is no folder. */
export function documentsIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json') && !name.endsWith('.cases.json'))
      .sort()
  } catch (cause) {
    const expected = 'expected a folder with a document for each domain'
    throw new VolleyError('document_invalid', `${folder}: ${expected} (${codeOf(cause)})`, { cause })
  }
}

const codeOf = (cause: unknown): string => (cause as NodeJS.ErrnoException).code ?? String(cause)

/** The mistakes of a document, each with its place, as one error that names the file. */
export function invalid(file: string, mistakes: Mistake[] | string): VolleyError {
  return typeof mistakes === 'string'
    ? new VolleyError('document_invalid', `${file}: ${mistakes}`)
    : new VolleyError('document_invalid', `${file}: ${mistakesText(mistakes)}`, { details: mistakes })
}

/** What `compile` makes; a mistake that it finds names the file too. */
export function compiledFrom<T>(file: string, compile: () => T): T {
  try {
    return compile()
  } catch (error) {
    if (error instanceof VolleyError && error.code === 'document_invalid')
      throw new VolleyError('document_invalid', `${file}: ${error.message}`, { details: error.details })
    throw error
  }
}
