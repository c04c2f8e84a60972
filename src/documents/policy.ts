import { durationMs } from '../duration.ts'
import { compileLogic, type Logic, refuse } from './evaluate.ts'
import { didYouMeanZone } from './expectations.ts'
import { zoneOf } from './time-operators.ts'

/** What a domain allows beside its rules, and how it learns. */
export interface Policy {
  caps: readonly Cap[]
  quietHours: QuietHours | null
  budget: { maxUsd: number; days: number } | null
  /** The share of users for whom is decided without sending anything, 0 to 1. */
  holdout: number
  learning: Learning
}

/** How often at most a user is offered something: one action, or null for all of the domain together. */
export interface Cap {
  action: string | null
  max: number
  perMs: number
}

/** Minutes of a user's own day, from and to; over midnight where `to` is not later. */
export interface QuietHours {
  from: number
  to: number
  /** IANA name, for users whose own zone is not known. */
  timezone: string
}

export interface Learning {
  /** How many outcomes the author's confidence weighs as much as. */
  weight: number
  halfLifeMs: number
  /** Gives the segment of a user; null: there is one for all. */
  segment: Logic | null
  /** Null: what suits whoever asks. */
  strategy: 'best' | 'thompson' | null
}

/** A policy as its author writes it in a document. */
export interface WrittenPolicy {
  caps?: { action?: string; max: number; per: string }[]
  quiet_hours?: { from: string; to: string; timezone?: string }
  budget?: { max_usd: number; days: number }
  holdout?: number
  learning?: { weight?: number; half_life?: string; segment?: unknown; strategy?: 'best' | 'thompson' }
}

/** What a document goes by that says nothing; docs/learning.md says what they were chosen by. */
export const LEARNING_DEFAULTS = { weight: 10, halfLife: '60d' } as const

const DAY_MS = 86_400_000
/** What was offered longer ago is not remembered. */
export const PERIOD_MS_MAX = 366 * DAY_MS

/** Makes a policy of a document that is valid by its schema. Throws `document_invalid` with the place in it. */
export function compilePolicy(written: WrittenPolicy): Policy {
  return {
    caps: (written.caps ?? []).map(({ action, max, per }, index) => ({
      action: action ?? null,
      max,
      perMs: periodMs(per, `/caps/${index}/per`),
    })),
    quietHours: written.quiet_hours === undefined ? null : quietHours(written.quiet_hours),
    budget:
      written.budget === undefined ? null : { maxUsd: written.budget.max_usd, days: written.budget.days },
    holdout: written.holdout ?? 0,
    learning: learning(written.learning ?? {}),
  }
}

/** Milliseconds of a duration in a document. Throws `document_invalid` for none, and for more than a year. */
export function periodMs(text: string, path: string): number {
  const ms = durationMs(text) ?? 0
  if (ms < 1 || ms > PERIOD_MS_MAX) refuse(path, 'must be a duration from "1ms" to "366d"')
  return ms
}

function quietHours({ from, to, timezone = 'UTC' }: NonNullable<WrittenPolicy['quiet_hours']>): QuietHours {
  if (from === to) refuse('/quiet_hours/to', 'must be another time than `from`: nothing would ever be sent')
  try {
    zoneOf(timezone)
  } catch (error) {
    refuse('/quiet_hours/timezone', (error as Error).message + didYouMeanZone(timezone))
  }
  return { from: minutesOf(from), to: minutesOf(to), timezone }
}

const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))

function learning({
  weight,
  half_life,
  segment,
  strategy,
}: NonNullable<WrittenPolicy['learning']>): Learning {
  return {
    weight: weight ?? LEARNING_DEFAULTS.weight,
    halfLifeMs: periodMs(half_life ?? LEARNING_DEFAULTS.halfLife, '/learning/half_life'),
    segment: segment === undefined ? null : compileLogic(segment, '/learning/segment'),
    strategy: strategy ?? null,
  }
}
