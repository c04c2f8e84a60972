import type { KeptDecision } from '../../actors/tenant.ts'
import type { Mistake } from '../errors.ts'
import type { Candidate, Considered } from './decide.ts'

/** A decision as its row keeps it: what can be told from the rest is left out, and what is empty too. */
export interface StoredDecision {
  document: KeptDecision['document']
  inputs: KeptDecision['inputs']
  user_context: KeptDecision['user_context']
  event?: KeptDecision['event']
  trigger?: KeptDecision['trigger']
  segment: string
  strategy: KeptDecision['strategy']
  /** By rule. */
  propensities: KeptDecision['propensities']
  /** The pick first. */
  candidates: Candidate[]
  /** Names of the rules by what they said; those that offer are the candidates. */
  said: { [said in Exclude<Considered['said'], 'offers'>]?: string[] }
  errors?: { [rule: string]: string }
  mistakes?: { [rule: string]: Mistake[] }
  holdout: boolean
  sent: boolean
  reason: KeptDecision['reason']
  /** Of a test key, or of a tenant in shadow: whether it would have been sent. */
  would_send?: boolean
  test?: true
}

/** Whom a decision is for; `isMute`: what is decided is recorded and never sent. */
export interface DecidedFor {
  test: boolean
  isMute: boolean
}

/** What is stored of a decision. */
export function storedOf(decision: Omit<KeptDecision, 'mistakes'>, whose: DecidedFor): StoredDecision {
  const { considered, event, trigger, sent } = decision
  return {
    document: decision.document,
    inputs: decision.inputs,
    user_context: decision.user_context,
    ...(event === null ? {} : { event }),
    ...(trigger === null ? {} : { trigger }),
    segment: decision.segment,
    strategy: decision.strategy,
    propensities: decision.propensities,
    candidates: decision.candidates,
    ...sayings(considered),
    holdout: decision.holdout,
    sent: sent && !whose.isMute,
    reason: decision.reason,
    ...(whose.isMute ? { would_send: sent } : {}),
    ...(whose.test ? { test: true } : {}),
  }
}

function sayings(considered: readonly Considered[]): Pick<StoredDecision, 'said' | 'errors' | 'mistakes'> {
  const found: Required<Pick<StoredDecision, 'said' | 'errors' | 'mistakes'>> = {
    said: {},
    errors: {},
    mistakes: {},
  }
  for (const { rule, said, error, mistakes } of considered) {
    if (said === 'offers') continue
    const rules = found.said[said]
    if (rules === undefined) found.said[said] = [rule]
    else rules.push(rule)
    if (error !== undefined) found.errors[rule] = error
    if (mistakes !== undefined) found.mistakes[rule] = mistakes
  }
  const { said, errors, mistakes } = found
  return {
    said,
    ...(Object.keys(errors).length === 0 ? {} : { errors }),
    ...(Object.keys(mistakes).length === 0 ? {} : { mistakes }),
  }
}

/** What one rule said, and why. */
export interface Saying {
  rule: string
  said: Considered['said']
  error: string | null
  mistakes: Mistake[]
}

/** What every rule said that was asked: those that offer first, by rank. */
export function sayingsOf({ candidates, said, errors, mistakes }: StoredDecision): Saying[] {
  const offering = candidates.map(({ rule }) => ({
    rule,
    said: 'offers' as const,
    error: null,
    mistakes: [],
  }))
  const others = Object.entries(said).flatMap(([what, rules]) =>
    rules.map((rule) => ({
      rule,
      said: what as Considered['said'],
      error: errors?.[rule] ?? null,
      mistakes: mistakes?.[rule] ?? [],
    })),
  )
  return [...offering, ...others]
}

/** The rule that was picked; null: none offered anything. */
export const pickOf = ({ candidates }: Pick<StoredDecision, 'candidates'>): string | null =>
  candidates[0]?.rule ?? null

/** Characters of JSON of one decision. */
const TEXT_MAX = 128 * 1024

/** The JSON of a decision, bounded: what is only beside the pick goes first, then what the pick would have said. */
export function textOf(decision: StoredDecision): string {
  const text = JSON.stringify(decision)
  if (text.length <= TEXT_MAX) return text
  const brief = (from: number): StoredDecision => ({
    ...decision,
    candidates: decision.candidates.map((candidate, rank) =>
      rank < from
        ? candidate
        : { ...candidate, parameters: {}, reasoning: candidate.reasoning.slice(0, 200) },
    ),
    mistakes: {},
  })
  const shorter = JSON.stringify(brief(1))
  return shorter.length <= TEXT_MAX ? shorter : JSON.stringify(brief(0))
}
