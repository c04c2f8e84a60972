import { isDeepStrictEqual } from 'node:util'
import { fullBudget } from '../documents/evaluate.ts'
import type { Learning } from '../documents/policy.ts'
import type { Rule } from '../documents/rule-book.ts'
import { believe } from './belief.ts'
import { type Candidate, consult, type DecidingData } from './decide.ts'
import { type StoredDecision, sayingsOf } from './kept.ts'
import { type LearnedShare, lessonsOf, segmentOf } from './lessons.ts'
import { type Logged, type OffPolicy, offPolicy } from './off-policy.ts'
import { added, forgotten, type Learned } from './posterior.ts'
import { rewardOf } from './reward.ts'
import { choose, type Strategy } from './strategy.ts'
import { asked } from './try-rules.ts'

/** A decision as it was recorded; `at` in ms. */
export interface Recorded {
  id: string
  at: number
  sent: boolean
  body: StoredDecision
  outcome: { status: string; result?: unknown } | null
  /** Of its action; null: it has none. */
  status: string | null
}

/** What recorded decisions are compared with. */
export interface Other {
  domain: string
  /** The rules of another document; null: whatever was offered then. */
  rules: readonly Rule[] | null
  learning: Pick<Learning, 'weight' | 'halfLifeMs' | 'segment'>
  /** Null: whichever was followed then. */
  strategy: Strategy | null
}

/** What became of the decisions that were read: all of them are in one of these. */
export interface Counted {
  /** Of these the reward is known, and the other way offers something: they are compared. */
  compared: number
  /** Nothing was offered, or the user was held out. */
  notSent: number
  rejected: number
  /** Never answered: expired, or given up. */
  unanswered: number
  /** Nothing is known of it yet. */
  open: number
  /** What its rules saw was too large to be kept whole. */
  cut: number
  /** The other way offers nothing, and what nothing is worth is not known. */
  offersNothing: number
}

export interface Evaluation {
  counted: Counted
  estimates: OffPolicy
  /** The share of its picks that the other way makes where they were never made: nothing is known of these, 0 to 1. */
  unseen: number
  /** The other way's picks by rule, as shares that sum to 1; the largest first. */
  picks: { rule: string; share: number }[]
}

/** What is believed may be so many decisions old, as it may be a second old where decisions are made. */
const LESSONS_OLD_MAX = 10

/**
 * Compares decisions, one after the other in the order in which they were made, with what another document or strategy would
 * have made of them. It begins without lessons and learns from the outcomes of what it would have offered too;
 * outcomes are taken to have come at once. What rules saw, and what was withheld from whom, is as it was then.
 */
export class Replay {
  readonly #other: Other
  readonly #logged: Logged[] = []
  readonly #counted: Counted = {
    compared: 0,
    notSent: 0,
    rejected: 0,
    unanswered: 0,
    open: 0,
    cut: 0,
    offersNothing: 0,
  }
  readonly #picks = new Map<string, number>()
  #unseen = 0
  readonly #shares = new Map<string, LearnedShare>()
  #lessons = lessonsOf([])('')
  #lessonsAge = 0

  constructor(other: Other) {
    this.#other = other
  }

  add(recorded: Recorded): void {
    const why = this.#whyNot(recorded)
    if (why !== null) {
      this.#counted[why]++
      return
    }
    const { body, at } = recorded
    const reward = rewardOf(recorded.outcome!)!
    const offers = this.#offers(body)
    const segment = this.#segment(body)
    if (offers.length === 0) {
      this.#counted.offersNothing++
      return
    }
    const propensities = this.#propensities(offers, {
      segment,
      at,
      strategy: this.#other.strategy ?? body.strategy,
    })
    const pick = body.candidates[0]!
    this.#compare({ body, propensities, offers, reward, pick })
    const same = offers.filter((offer) => isSame(offer, pick))
    for (const { rule } of same) this.#learn(rule, segment, { reward, at })
  }

  /** The comparison of all that was added. */
  result(): Evaluation {
    const total = Math.max(1, this.#counted.compared)
    const picks = [...this.#picks].map(([rule, sum]) => ({ rule, share: sum / total }))
    return {
      counted: { ...this.#counted },
      estimates: offPolicy(this.#logged),
      unseen: this.#unseen / total,
      picks: picks.sort((a, b) => b.share - a.share),
    }
  }

  #whyNot({ sent, body, outcome, status }: Recorded): Exclude<keyof Counted, 'compared'> | null {
    if (!sent || body.candidates.length === 0) return 'notSent'
    if (outcome === null) return status === 'expired' || status === 'failed' ? 'unanswered' : 'open'
    if (rewardOf(outcome) === null) return 'rejected'
    const isCut = body.inputs.cut !== undefined && body.inputs.cut.length > 0
    return isCut && this.#other.rules !== null ? 'cut' : null
  }

  /** What the other document offers of what it may; where there is none, what was offered then. */
  #offers({ candidates, inputs, trigger, ...body }: StoredDecision): Candidate[] {
    const { rules } = this.#other
    if (rules === null) return candidates.map((candidate) => ({ ...candidate }))
    const data = inputs.data as DecidingData
    const event = data.event as { type: string } | null | undefined
    const waiting = asked(rules, {
      ...(event == null ? {} : { event }),
      ...(trigger == null ? {} : { trigger }),
    })
    const withheld = new Set(
      sayingsOf({ candidates, inputs, ...body }).flatMap(({ rule, said }) =>
        said === 'offers' || said === 'does_not_apply' || said === 'error' ? [] : [rule],
      ),
    )
    const { offers } = consult(waiting, data, null, fullBudget)
    return offers.flatMap(({ candidate }) => (withheld.has(candidate.rule) ? [] : [candidate]))
  }

  #segment({ segment, inputs }: StoredDecision): string {
    const { rules, learning } = this.#other
    return rules === null ? segment : segmentOf(learning.segment, inputs.data, this.#lessons, fullBudget())
  }

  #propensities(
    offers: readonly Candidate[],
    { segment, at, strategy }: { segment: string; at: number; strategy: Strategy },
  ): Record<string, number> {
    if (this.#lessonsAge >= LESSONS_OLD_MAX) {
      this.#lessons = lessonsOf([...this.#shares.values()])(this.#other.domain)
      this.#lessonsAge = 0
    }
    const beliefs = believe(
      offers.map(({ rule, prior, confidence }) => ({
        confidence: prior ?? confidence,
        pools: this.#lessons.pools(rule, segment, at),
      })),
      this.#other.learning.weight,
      this.#lessons.kinship(at),
    )
    const arms = offers.map(({ rule }, index) => ({ key: rule, posterior: beliefs[index]! }))
    // How likely each pick is does not depend on chance.
    return choose(arms, strategy, () => 0).propensities
  }

  #compare(made: {
    body: StoredDecision
    propensities: Record<string, number>
    offers: readonly Candidate[]
    reward: number
    pick: Candidate
  }): void {
    const { body, propensities, offers, reward, pick } = made
    const chanceThen = (of: Candidate): number =>
      sumOf(
        body.candidates.filter((other) => isSame(other, of)).map(({ rule }) => body.propensities[rule] ?? 0),
      )
    const target = sumOf(offers.filter((offer) => isSame(offer, pick)).map(({ rule }) => propensities[rule]!))
    // Whatever was picked had a chance, though its record was lost.
    const propensity = chanceThen(pick) || 1
    this.#logged.push({ propensity, target, reward })
    this.#counted.compared++
    for (const offer of offers) {
      const share = propensities[offer.rule]!
      this.#picks.set(offer.rule, (this.#picks.get(offer.rule) ?? 0) + share)
      if (chanceThen(offer) === 0) this.#unseen += share
    }
  }

  #learn(rule: string, segment: string, { reward, at }: { reward: number; at: number }): void {
    const { halfLifeMs } = this.#other.learning
    const one: Learned = { successes: reward, failures: 1 - reward, rejected: 0, unanswered: 0, at }
    const key = JSON.stringify([rule, segment])
    const before = this.#shares.get(key)
    const learned = before === undefined ? one : added(forgotten(before, at, halfLifeMs), one)
    this.#shares.set(key, { domain: this.#other.domain, rule, segment, halfLifeMs, ...learned })
    this.#lessonsAge++
  }
}

/** Whether a user could not tell the two apart: what came of one would have come of the other. */
const isSame = (one: Candidate, other: Candidate): boolean =>
  one.action === other.action && isDeepStrictEqual(one.parameters, other.parameters)

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0)
