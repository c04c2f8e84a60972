import { type Budget, type Logic, LogicError } from '../documents/evaluate.ts'
import { kinshipOf } from './kinship.ts'
import { added, forgotten, type Learned } from './posterior.ts'

/** A share of what was learnt; numbers are as of `at` in ms, and count half after each half-life. */
export interface LearnedShare extends Learned {
  domain: string
  rule: string
  segment: string
  halfLifeMs: number
  /** Of a partner, who lets others learn of it: of all its users together. Left out: the tenant's own. */
  isPartners?: boolean
}

/** What was learnt about one domain of a tenant. */
export interface DomainLessons {
  /**
   * Of a rule at `now`, from all users, those of a partner too, to those of one segment: each of the pools is a part of the
   * one before.
   */
  pools(rule: string, segment: string, now: number): Learned[]
  /** As how many outcomes of its own those of all others weigh for a segment; as of the first time that is asked for. */
  kinship(now: number): number
  /** Whether one more segment can be told apart, or this one is already. */
  hasRoomFor(segment: string): boolean
}

const NOTHING: DomainLessons = { pools: () => [], kinship: () => kinshipOf([]), hasRoomFor: () => true }

/** More users than this cannot be told apart: what comes beyond is learnt of all. */
const SEGMENTS_MAX = 200
const SEGMENT_CHARACTERS_MAX = 64
/** In so many ms nothing is forgotten that mattered: half-lives are days. */
const STEADY_MS = 1_000

/** The lessons of a tenant, by domain. */
export function lessonsOf(shares: readonly LearnedShare[]): (domain: string) => DomainLessons {
  const byDomain = Map.groupBy(shares, ({ domain }) => domain)
  const made = new Map([...byDomain].map(([domain, own]) => [domain, domainLessons(own)]))
  return (domain) => made.get(domain) ?? NOTHING
}

function domainLessons(shares: readonly LearnedShare[]): DomainLessons {
  const { own: owned = [], partners = [] } = Object.groupBy(shares, ({ isPartners }) =>
    isPartners === true ? 'partners' : 'own',
  )
  const byRule = Map.groupBy(owned, ({ rule }) => rule)
  const ofPartners = Map.groupBy(partners, ({ rule }) => rule)
  const segments = new Set(owned.map(({ segment }) => segment))
  const remembered = new Map<string, { pools: Learned[]; at: number }>()
  let kinship: number | null = null
  const poolsOf = (rule: string, segment: string, now: number): Learned[] => {
    const all = byRule.get(rule) ?? []
    const own = all.filter((share) => share.segment === segment)
    const narrowing = [[...(ofPartners.get(rule) ?? []), ...all], all, own]
    if (narrowing[0]!.length === 0) return []
    // What is the same as the one within it adds nothing.
    const pools = narrowing.filter((pool, index) => pool.length !== narrowing[index + 1]?.length)
    return pools.map((pool) => total(pool, now))
  }
  return {
    pools(rule, segment, now) {
      const key = `${rule} ${segment}`
      const known = remembered.get(key)
      if (known !== undefined && Math.abs(now - known.at) < STEADY_MS) return known.pools
      const pools = poolsOf(rule, segment, now)
      remembered.set(key, { pools, at: now })
      return pools
    },
    kinship(now) {
      kinship ??= kinshipOf(
        [...byRule.values()].map((all) =>
          [...Map.groupBy(all, ({ segment }) => segment).values()].map((each) => total(each, now)),
        ),
      )
      return kinship
    },
    hasRoomFor: (segment) => segments.has(segment) || segments.size < SEGMENTS_MAX,
  }
}

const total = (of: readonly LearnedShare[], now: number): Learned =>
  of
    .map((share): Learned => forgotten(share, now, share.halfLifeMs))
    .reduce(added, { successes: 0, failures: 0, rejected: 0, unanswered: 0, at: now })

/** The segment of a user; empty where a document tells none apart, or what it says of this one is no text. */
export function segmentOf(
  logic: Logic | null,
  data: unknown,
  lessons: Pick<DomainLessons, 'hasRoomFor'>,
  budget: Budget,
): string {
  if (logic === null) return ''
  try {
    const said = logic(data, budget)
    const text = typeof said === 'number' || typeof said === 'boolean' ? String(said) : said
    const isOne = typeof text === 'string' && text.length <= SEGMENT_CHARACTERS_MAX
    return isOne && lessons.hasRoomFor(text) ? text : ''
  } catch (error) {
    if (error instanceof LogicError) return ''
    throw error
  }
}
