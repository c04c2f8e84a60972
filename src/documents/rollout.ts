import type { Mapping } from './mappings.ts'
import type { RuleDocument } from './rule-book.ts'
import type { Scoring } from './scoring.ts'
import { shareOf } from './share.ts'

/** A compiled document of a tenant. */
export type Compiled =
  | { kind: 'recommendations'; made: RuleDocument }
  | { kind: 'mappings'; made: Mapping }
  | { kind: 'scoring'; made: Scoring }

/** A version that is in force for a share of users, while the others keep what was there before. */
export interface Rollout {
  compiled: Compiled
  /** More than 0 and less than 1. */
  share: number
}

/** A tenant's own documents that are in force for everybody, and those on their way there. */
export interface OwnSet {
  rules: readonly RuleDocument[]
  mappings: readonly Mapping[]
  scoring: readonly Scoring[]
  rollouts: readonly Rollout[]
}

export const nameOf = ({ kind, made }: Compiled): string =>
  kind === 'recommendations' ? made.domain : made.name

/** The documents of a tenant; of each name there is one. */
export function ownSetOf(all: readonly Compiled[], rollouts: readonly Rollout[]): OwnSet {
  return {
    rules: all.flatMap((each) => (each.kind === 'recommendations' ? [each.made] : [])),
    mappings: all.flatMap((each) => (each.kind === 'mappings' ? [each.made] : [])),
    scoring: all.flatMap((each) => (each.kind === 'scoring' ? [each.made] : [])),
    rollouts,
  }
}

const compiledIn = ({ rules, mappings, scoring }: OwnSet): Compiled[] => [
  ...rules.map((made): Compiled => ({ kind: 'recommendations', made })),
  ...mappings.map((made): Compiled => ({ kind: 'mappings', made })),
  ...scoring.map((made): Compiled => ({ kind: 'scoring', made })),
]

/**
 * Whether a user is among the share to whom a document is rolled out. Whoever is, stays so while the share grows, and is
 * among the first of the next version too.
 */
export function isInShare(
  about: { tenant: string; kind: string; name: string; user: string },
  share: number,
): boolean {
  return shareOf('rollout', about.tenant, about.kind, about.name, about.user) < share
}

const sets = new WeakMap<OwnSet, Map<string, OwnSet>>()

/** What is in force for one user; the same set for all who are in the same shares. */
export function ownSetFor(own: OwnSet, tenant: string, user: string): OwnSet {
  if (own.rollouts.length === 0) return own
  const reached = own.rollouts.filter(({ compiled, share }) =>
    isInShare({ tenant, kind: compiled.kind, name: nameOf(compiled), user }, share),
  )
  if (reached.length === 0) return own
  return reachedBy(own, reached)
}

/** What is in force for whoever is in every share. */
export const rolledOut = (own: OwnSet): OwnSet => reachedBy(own, own.rollouts)

function reachedBy(own: OwnSet, reached: readonly Rollout[]): OwnSet {
  const known = sets.get(own) ?? new Map<string, OwnSet>()
  sets.set(own, known)
  const key = reached.map((rollout) => own.rollouts.indexOf(rollout)).join()
  const set = known.get(key) ?? withRollouts(own, reached)
  known.set(key, set)
  return set
}

function withRollouts(own: OwnSet, reached: readonly Rollout[]): OwnSet {
  const isReplaced = (each: Compiled) =>
    reached.some(({ compiled }) => compiled.kind === each.kind && nameOf(compiled) === nameOf(each))
  const kept = compiledIn(own).filter((each) => !isReplaced(each))
  return ownSetOf([...kept, ...reached.map(({ compiled }) => compiled)], [])
}
