import jstat from 'jstat'

/** What users of one group did within the window after their first decision. */
export interface Group {
  users: number
  /** Users who did it at least once. */
  conversions: number
  /** Of the revenue per user, those without any included; the variance is that of a sample. */
  revenueMean: number
  revenueVariance: number
}

/** A difference and where it lies with 95 % confidence. */
export interface Estimate {
  value: number
  low: number
  high: number
}

/** What the treated have over those held out. */
export interface Lift {
  /** `no_holdout`: nobody was held out; `too_few_users`: fewer than 30 in one of the groups. */
  says: 'estimated' | 'no_holdout' | 'too_few_users'
  treated: Group
  heldOut: Group
  /** All null where it was not estimated. */
  conversion: Estimate | null
  /** Of the conversion, as a share of that of those held out; null too where none of these converted. */
  relative: Estimate | null
  /** Null too where fewer than 10 of a group bought: a few buyers say nothing of how much a large purchase weighs. */
  revenuePerUser: Estimate | null
}

/** With fewer, an interval says more of its formula than of the users. */
export const USERS_MIN = 30
export const BUYERS_MIN = 10
const Z = 1.959964

/** Estimates from two groups that chance alone has made, by intention to treat. */
export function liftOf(treated: Group, heldOut: Group): Lift {
  const none = { treated, heldOut, conversion: null, relative: null, revenuePerUser: null }
  if (heldOut.users === 0) return { says: 'no_holdout', ...none }
  if (treated.users < USERS_MIN || heldOut.users < USERS_MIN) return { says: 'too_few_users', ...none }
  return {
    says: 'estimated',
    treated,
    heldOut,
    conversion: differenceOfShares(treated, heldOut),
    relative: ratioOfShares(treated, heldOut),
    revenuePerUser: differenceOfMeans(treated, heldOut),
  }
}

const shareOf = ({ conversions, users }: Group): number => conversions / users

/** By Newcombe (1998), method 10: from the score intervals of both, so that it holds for small shares too. */
function differenceOfShares(treated: Group, heldOut: Group): Estimate {
  const [p, q] = [shareOf(treated), shareOf(heldOut)]
  const [of, other] = [wilson(treated), wilson(heldOut)]
  return {
    value: p - q,
    low: p - q - Math.hypot(p - of.low, other.high - q),
    high: p - q + Math.hypot(of.high - p, q - other.low),
  }
}

/** Wilson's score interval of a share. */
function wilson({ conversions, users }: Group): { low: number; high: number } {
  const p = conversions / users
  const centre = p + Z ** 2 / (2 * users)
  const spread = Z * Math.sqrt((p * (1 - p)) / users + Z ** 2 / (4 * users ** 2))
  const scale = 1 + Z ** 2 / users
  return { low: Math.max(0, (centre - spread) / scale), high: Math.min(1, (centre + spread) / scale) }
}

/** By the logarithm of the ratio (Katz, 1978), less one; half a conversion is added to each where the treated had none. */
function ratioOfShares(treated: Group, heldOut: Group): Estimate | null {
  if (heldOut.conversions === 0) return null
  const extra = treated.conversions === 0 ? 0.5 : 0
  const [a, b] = [treated.conversions + extra, heldOut.conversions + extra]
  const [m, n] = [treated.users + extra, heldOut.users + extra]
  const spread = Z * Math.sqrt(1 / a - 1 / m + 1 / b - 1 / n)
  const ratio = a / m / (b / n)
  return {
    value: shareOf(treated) / shareOf(heldOut) - 1,
    low: ratio * Math.exp(-spread) - 1,
    high: ratio * Math.exp(spread) - 1,
  }
}

/** By Welch: the groups may differ in size and in how much their revenue varies. */
function differenceOfMeans(treated: Group, heldOut: Group): Estimate | null {
  if (treated.conversions < BUYERS_MIN || heldOut.conversions < BUYERS_MIN) return null
  const [a, b] = [treated.revenueVariance / treated.users, heldOut.revenueVariance / heldOut.users]
  const value = treated.revenueMean - heldOut.revenueMean
  if (a + b === 0) return { value, low: value, high: value }
  const freedom = (a + b) ** 2 / (a ** 2 / (treated.users - 1) + b ** 2 / (heldOut.users - 1))
  const spread = jstat.studentt.inv(0.975, freedom) * Math.sqrt(a + b)
  return { value, low: value - spread, high: value + spread }
}
