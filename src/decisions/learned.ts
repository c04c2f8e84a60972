import type { RuleDocument } from '../documents/rule-book.ts'
import { believe } from './belief.ts'
import { type LearnedShare, lessonsOf } from './lessons.ts'
import { added, type Beta, forgotten, intervalOf, type Learned, meanOf } from './posterior.ts'

/** What outcomes taught of a rule, of all users or of one segment, and what is believed because of it. */
export interface LearnedPart {
  /** Null: of all users of the tenant. */
  segment: string | null
  learned: Learned
  /** Null: the document has no such rule any more. The interval has 95 % of the probability. */
  believed: { mean: number; low: number; high: number } | null
}

/** What was learnt of one rule; all users first, then segment by segment. */
export interface LearnedRule {
  rule: string
  action: string | null
  /** What its author says; null: the document has no such rule any more. */
  confidence: number | null
  parts: LearnedPart[]
}

/** More parts than this are left out: a document with many segments has thousands. */
const PARTS_MAX = 1_000

type Document = Pick<RuleDocument, 'domain' | 'rules' | 'policy'>

/**
 * What is believed of the rules of a document now (ms), and of rules that it had once. What is believed depends on what else
 * is offered: here that is every rule of the document.
 */
export function learnedOf(
  document: Document,
  shares: readonly LearnedShare[],
  now: number,
): { rules: LearnedRule[]; isComplete: boolean } {
  const here = shares.filter(({ domain }) => domain === document.domain)
  const byRule = Map.groupBy(
    here.filter(({ isPartners }) => isPartners !== true),
    ({ rule }) => rule,
  )
  const beliefOf = beliefsOf(document, here, now)
  const names = new Set([...document.rules.map(({ name }) => name), ...byRule.keys()])
  let left = PARTS_MAX
  const rules = [...names].map((name): LearnedRule => {
    const own = byRule.get(name) ?? []
    const taught = [...new Set(own.map(({ segment }) => segment))].sort()
    // Where users are not told apart, all of them are the only part.
    const segments = [null, ...(taught.some((segment) => segment !== '') ? taught : [])]
    const parts = segments.slice(0, Math.max(0, left)).map((segment) => ({
      segment,
      learned: total(
        own.filter((share) => segment === null || share.segment === segment),
        now,
      ),
      believed: beliefOf(name, segment),
    }))
    left -= segments.length
    const rule = document.rules.find((each) => each.name === name)
    return { rule: name, action: rule?.action ?? null, confidence: rule?.confidence ?? null, parts }
  })
  return { rules, isComplete: left >= 0 }
}

/** Gives what is believed of a rule, of all users or those of a segment; null where the document has no such rule. */
function beliefsOf(
  { domain, rules, policy }: Document,
  here: readonly LearnedShare[],
  now: number,
): (rule: string, segment: string | null) => LearnedPart['believed'] {
  const bySegment = lessonsOf(here)(domain)
  const ofAll = lessonsOf(here.map((share) => ({ ...share, segment: '' })))(domain)
  const known = new Map<string | null, Beta[]>()
  const inSegment = (segment: string | null): Beta[] => {
    const lessons = segment === null ? ofAll : bySegment
    const believable = rules.map(({ name, confidence }) => ({
      confidence,
      pools: lessons.pools(name, segment ?? '', now),
    }))
    return believe(believable, policy.learning.weight, bySegment.kinship(now))
  }
  return (rule, segment) => {
    const index = rules.findIndex(({ name }) => name === rule)
    if (index < 0) return null
    const beliefs = known.get(segment) ?? inSegment(segment)
    known.set(segment, beliefs)
    const belief = beliefs[index]!
    return { mean: meanOf(belief), ...intervalOf(belief) }
  }
}

const total = (shares: readonly LearnedShare[], now: number): Learned =>
  shares
    .map((share): Learned => forgotten(share, now, share.halfLifeMs))
    .reduce(added, { successes: 0, failures: 0, rejected: 0, unanswered: 0, at: now })
