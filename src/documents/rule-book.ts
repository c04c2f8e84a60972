import { join } from 'node:path'
import { compiledFrom, type DocumentFile, documentsIn, invalid, readDocument } from './document-file.ts'
import { compileLogic, type Logic, refuse } from './evaluate.ts'
import type { Mapping } from './mappings.ts'
import { compilePolicy, type Policy, periodMs, type WrittenPolicy } from './policy.ts'
import type { Scoring } from './scoring.ts'
import { compileTemplate, compileText } from './template.ts'
import { type AskedDocument, type Timed, timedOf } from './timed.ts'
import { compileTrigger, type Trigger, type WrittenTrigger } from './triggers.ts'

export type { AskedDocument }

/** One rule, ready to be asked. */
export interface Rule {
  domain: string
  name: string
  /** The types of events that ask it, exact or ending in `.*`. */
  on: readonly string[]
  /** What else asks it. */
  triggers: readonly Trigger[]
  /** Name of the action type that it offers. */
  action: string
  /** What its author believes the chance of success to be, 0 to 1. */
  confidence: number
  /** How long it leaves a user alone whom it offered something, in ms. */
  cooldownMs: number
  /** Whether it offers its action to a user who still has one of that type open. */
  mayOverlap: boolean
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
  /** Of a tenant's own document; null: it is a file. */
  version: number | null
  policy: Policy
  rules: readonly Rule[]
  /** As its author wrote it. */
  written: WrittenRules
}

/** The rules that are in force for one tenant, or those of the files alone. */
export interface RuleBook extends Timed {
  documents: readonly RuleDocument[]
  /** In the order of the documents and of the rules in them. */
  forEvent(type: string): readonly Rule[]
  forDomain(domain: string): readonly Rule[]
  /** The documents of which an event of a type asks something, with the rules that it asks. */
  askedBy(type: string): readonly AskedDocument[]
}

/** All that documents say in this installation: a tenant's own stand in the place of files about the same. */
export interface RuleShelf {
  /** Reads what these tenants keep themselves; before that, everything else throws for a tenant that is not ready. */
  ready(tenants: Iterable<string>): Promise<void>
  isReady(tenant: string): boolean
  /** What decides for whoever is in no share to which a version is rolled out. */
  forTenant(tenant: string): RuleBook
  /** What decides for one user. */
  forUser(tenant: string, user: string): RuleBook
  /** What scores a user; null: nothing does. */
  scoringOf(tenant: string, user: string): Scoring | null
  /** What makes the bodies of actions of this type for a user; null: they have the shape of the API page. */
  mappingOf(tenant: string, action: string, user: string): Mapping | null
}

export interface WrittenRule {
  name: string
  /** Types of events, and triggers. */
  on: (string | WrittenTrigger)[]
  when: unknown
  action: string
  parameters?: Record<string, unknown>
  confidence: number
  cooldown?: string
  may_overlap?: boolean
  reasoning: string
}

/** How a version comes into force, and what takes it out of it again. */
export interface WrittenRollout {
  approval_above_usd?: number
  stop?: { failed_above?: number; rewarded_below?: number; after?: number }
}

export interface WrittenRules extends WrittenPolicy {
  domain: string
  rollout?: WrittenRollout
  rules: WrittenRule[]
}

/**
 * Loads `recommendations/*.json` of a rules folder. Any mistake throws `document_invalid` with the file, the place in
 * it and what was expected there: an installation with half of its rules would be worse than none.
 */
export function loadRules(rulesDir: string): RuleBook {
  const folder = join(rulesDir, 'recommendations')
  return bookOf(documentsIn(folder).map((name) => loadRuleDocument(rulesDir, join(folder, name))))
}

/** Loads one document of rules; throws the same. */
export const loadRuleDocument = (rulesDir: string, path: string): RuleDocument =>
  compileRuleDocument(readDocument(rulesDir, path, 'recommendations'))

/** Makes rules of a document that is valid by its schema. Throws `document_invalid` with the place in it. */
export function compileRuleDocument(
  { file, digest, value }: DocumentFile,
  version: number | null = null,
): RuleDocument {
  const written = value as WrittenRules
  const [rules, policy] = compiledFrom(file, () => [compileRules(written), compilePolicy(written)] as const)
  return { domain: written.domain, file, digest, version, policy, rules, written }
}

/** The rules of documents together. Throws `document_invalid` where two are about the same domain. */
export function bookOf(documents: readonly RuleDocument[]): RuleBook {
  for (const [index, { domain, file }] of documents.entries()) {
    const twin = documents.slice(0, index).find((other) => other.domain === domain)
    if (twin !== undefined)
      throw invalid(file, [{ path: '/domain', message: `is the domain of ${twin.file} too` }])
  }
  const byEvent = new Map<string, { asked: readonly AskedDocument[]; rules: readonly Rule[] }>()
  const waitingFor = (type: string) => {
    let found = byEvent.get(type)
    if (found === undefined) {
      const asked = documents.flatMap((document) => {
        const rules = document.rules.filter((rule) => rule.on.some((pattern) => matches(pattern, type)))
        return rules.length === 0 ? [] : [{ document, rules }]
      })
      found = { asked, rules: asked.flatMap(({ rules }) => rules) }
      // Types come from outside: what is remembered of them is bounded.
      if (byEvent.size > 10_000) byEvent.clear()
      byEvent.set(type, found)
    }
    return found
  }
  return {
    documents,
    ...timedOf(documents),
    forDomain: (domain) => documents.find((document) => document.domain === domain)?.rules ?? [],
    forEvent: (type) => waitingFor(type).rules,
    askedBy: (type) => waitingFor(type).asked,
  }
}

/** Whether events of a type ask what is written as `on`: exactly, or everything below where it ends in `.*`. */
export const matches = (pattern: string, type: string): boolean =>
  pattern.endsWith('.*') ? type.startsWith(pattern.slice(0, -1)) : pattern === type

function compileRules({ domain, rules, quiet_hours }: WrittenRules): Rule[] {
  const zone = quiet_hours?.timezone ?? 'UTC'
  const names = new Set<string>()
  return rules.map((rule, index): Rule => {
    const path = `/rules/${index}`
    const { name, on, action, confidence } = rule
    if (names.has(name)) refuse(`${path}/name`, `${name} is used twice`)
    names.add(name)
    return {
      domain,
      name,
      on: on.filter((each) => typeof each === 'string'),
      triggers: on.flatMap((each, place) =>
        typeof each === 'string' ? [] : [compileTrigger(each, `${path}/on/${place}`, zone)],
      ),
      action,
      confidence,
      cooldownMs: rule.cooldown === undefined ? 0 : periodMs(rule.cooldown, `${path}/cooldown`),
      mayOverlap: rule.may_overlap ?? false,
      when: compileLogic(rule.when, `${path}/when`),
      parameters: compileTemplate(rule.parameters ?? {}, `${path}/parameters`),
      reasoning: compileText(rule.reasoning),
    }
  })
}
