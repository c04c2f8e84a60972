import type { Rule, RuleDocument } from './rule-book.ts'
import type { Trigger } from './triggers.ts'

/** What is asked of one document. */
export interface AskedDocument {
  document: RuleDocument
  rules: readonly Rule[]
}

/** What is asked though no event comes in. */
export interface Timed {
  /** Of all documents, each once. */
  triggers: readonly Trigger[]
  /** The documents of which a trigger asks something, by its key, with the rules that it asks. */
  firedBy(key: string): readonly AskedDocument[]
}

export function timedOf(documents: readonly RuleDocument[]): Timed {
  const triggers = new Map<string, Trigger>()
  const asked = new Map<string, AskedDocument[]>()
  for (const document of documents) {
    const ofDocument = document.rules.flatMap((rule) => rule.triggers.map((trigger) => ({ trigger, rule })))
    for (const [key, found] of Map.groupBy(ofDocument, ({ trigger }) => trigger.key)) {
      triggers.set(key, found[0]!.trigger)
      const rules = [...new Set(found.map(({ rule }) => rule))]
      asked.set(key, [...(asked.get(key) ?? []), { document, rules }])
    }
  }
  return { triggers: [...triggers.values()], firedBy: (key) => asked.get(key) ?? [] }
}
