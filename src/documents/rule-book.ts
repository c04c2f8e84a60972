import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { type Mistake, VolleyError } from '../errors.ts'
import { jsonMistakeAt, placeIn } from '../json-mistake.ts'
import { compileLogic, type Logic } from './evaluate.ts'
import { mistakesOf, mistakesText } from './schema-mistakes.ts'
import { compileTemplate, compileText } from './template.ts'

/** The schema that this version understands, which a rules folder of one's own need not have a copy of. */
const SCHEMA = join(import.meta.dirname, '..', '..', 'rules', 'schemas', 'recommendations.schema.json')

/** What a rule sees: `event` is null when a recommendation is asked for. */
export interface RuleData {
  event: { id: string; type: string; user_id: string; data: Record<string, unknown>; time: string } | null
  user: Record<string, unknown>
  context: Record<string, unknown>
}

/** One rule, ready to be asked. */
export interface Rule {
  domain: string
  name: string
  /** The types of events that ask it, exact or ending in `.*`. */
  on: readonly string[]
  /** Name of the action type that it offers. */
  action: string
  /** What its author believes the chance of success to be, 0 to 1. */
  confidence: number
  when: Logic
  parameters: Logic
  reasoning: (data: unknown, budget: Parameters<Logic>[1]) => string
}

export interface RuleDocument {
  domain: string
  /** Path of its file below the rules folder. */
  file: string
  /** SHA-256 of the file, hex: which version decided. */
  digest: string
  rules: readonly Rule[]
}

/** All rules of this installation. */
export interface RuleBook {
  documents: readonly RuleDocument[]
  /** In the order of the documents and of the rules in them. */
  forEvent(type: string): readonly Rule[]
  forDomain(domain: string): readonly Rule[]
}

interface RawDocument {
  domain: string
  rules: {
    name: string
    on: string[]
    when: unknown
    action: string
    parameters?: Record<string, unknown>
    confidence: number
    reasoning: string
  }[]
}

/**
 * Loads `recommendations/*.json` of a rules folder. Any mistake throws `document_invalid` with the file, the place in
 * it and what was expected there: an installation with half of its rules would be worse than none.
 */
export function loadRules(rulesDir: string): RuleBook {
  const folder = join(rulesDir, 'recommendations')
  const schema = JSON.parse(readFileSync(SCHEMA, 'utf8')) as object
  const options = { allErrors: true, verbose: true, strict: true, allowUnionTypes: true }
  const validate = new Ajv2020(options).compile(schema)
  const documents: RuleDocument[] = []
  for (const name of namesIn(folder)) {
    if (!name.endsWith('.json') || name.endsWith('.cases.json')) continue
    const { file, text, value } = readJson(rulesDir, join(folder, name))
    if (!validate(value)) throw invalid(file, mistakesOf(validate.errors ?? []))
    const document = compileDocument(file, text, value as RawDocument)
    const twin = documents.find((other) => other.domain === document.domain)
    if (twin !== undefined)
      throw invalid(file, [{ path: '/domain', message: `is the domain of ${twin.file} too` }])
    documents.push(document)
  }
  return bookOf(documents)
}

function bookOf(documents: RuleDocument[]): RuleBook {
  const all = documents.flatMap((document) => document.rules)
  const byEvent = new Map<string, readonly Rule[]>()
  return {
    documents,
    forDomain: (domain) => documents.find((document) => document.domain === domain)?.rules ?? [],
    forEvent(type) {
      let rules = byEvent.get(type)
      if (rules === undefined) {
        rules = all.filter((rule) => rule.on.some((pattern) => matches(pattern, type)))
        // Types come from outside: what is remembered of them is bounded.
        if (byEvent.size > 10_000) byEvent.clear()
        byEvent.set(type, rules)
      }
      return rules
    },
  }
}

const matches = (pattern: string, type: string) =>
  pattern.endsWith('.*') ? type.startsWith(pattern.slice(0, -1)) : pattern === type

function compileDocument(file: string, text: string, raw: RawDocument): RuleDocument {
  const names = new Set<string>()
  const rules = raw.rules.map((rule, index): Rule => {
    const path = `/rules/${index}`
    if (names.has(rule.name))
      throw invalid(file, [{ path: `${path}/name`, message: `${rule.name} is used twice` }])
    names.add(rule.name)
    try {
      return {
        domain: raw.domain,
        name: rule.name,
        on: rule.on,
        action: rule.action,
        confidence: rule.confidence,
        when: compileLogic(rule.when, `${path}/when`),
        parameters: compileTemplate(rule.parameters ?? {}, `${path}/parameters`),
        reasoning: compileText(rule.reasoning),
      }
    } catch (error) {
      if (error instanceof VolleyError)
        throw new VolleyError('document_invalid', `${file}: ${error.message}`, { details: error.details })
      throw error
    }
  })
  return { domain: raw.domain, file, digest: createHash('sha256').update(text).digest('hex'), rules }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const expected = 'expected a folder with a document for each domain'
    throw new VolleyError('document_invalid', `${folder}: ${expected} (${code})`, { cause })
  }
}

function readJson(rulesDir: string, path: string): { file: string; text: string; value: unknown } {
  const file = join('rules', relative(rulesDir, path))
  const text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
  try {
    return { file, text, value: JSON.parse(text) }
  } catch {
    throw new VolleyError(
      'document_invalid',
      `${file}: ${placeIn(text, jsonMistakeAt(text))}: not valid JSON`,
    )
  }
}

function invalid(file: string, details: Mistake[]): VolleyError {
  return new VolleyError('document_invalid', `${file}: ${mistakesText(details)}`, { details })
}
