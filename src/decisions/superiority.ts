import type { Beta } from './posterior.ts'

/** Points on either side of each distribution; where there are many, they share their points. */
const POINTS_MAX = 24
const POINTS_MIN = 6
const POINTS_TOGETHER = 120
/** In standard deviations to each side: close together near the peak, and far out for a tail that is long. */
const offsetOf = (share: number): number => 4 * share + 6 * share ** 3

/**
 * For each of the distributions, how probable it is that its rate is the highest; they sum to 1. By the trapezoidal rule
 * over the logarithm of the odds, where every Beta has one smooth hump; off by less than 0.002.
 */
export function superiorities(beliefs: readonly Beta[]): number[] {
  if (beliefs.length <= 1) return beliefs.map(() => 1)
  const grid = gridOf(beliefs)
  const logRates = grid.map((odds) => -Math.log1p(Math.exp(-odds)))
  const cumulated = beliefs.map((belief) => cumulatedOver(grid, logRates, belief))
  const chances = beliefs.map(() => 0)
  let below = cumulated.map(() => 0)
  let before = beliefs.map(() => 0)
  for (let point = 0; point < grid.length; point++) {
    const at = cumulated.map((shares) => shares[point]!)
    const others = productsOfOthers(at)
    for (let i = 0; i < chances.length; i++)
      chances[i]! += ((at[i]! - below[i]!) * (others[i]! + before[i]!)) / 2
    below = at
    before = others
  }
  const total = chances.reduce((sum, chance) => sum + chance, 0)
  return chances.map((chance) => chance / total)
}

/** Points of all distributions together, in rising order: each is looked at closely where its hump is. */
function gridOf(beliefs: readonly Beta[]): number[] {
  const points = Math.max(POINTS_MIN, Math.min(POINTS_MAX, Math.round(POINTS_TOGETHER / beliefs.length)))
  const grid = beliefs.flatMap(({ alpha, beta }) => {
    const peak = Math.log(alpha / beta)
    const left = Math.sqrt(1 / alpha + 1 / alpha ** 2 + 1 / beta)
    const right = Math.sqrt(1 / alpha + 1 / beta + 1 / beta ** 2)
    return Array.from({ length: 2 * points + 1 }, (_, index) => {
      const offset = offsetOf((index - points) / points)
      return peak + offset * (offset < 0 ? left : right)
    })
  })
  return [...Float64Array.from(grid).sort()]
}

/** The share of a distribution up to each point. */
function cumulatedOver(
  grid: readonly number[],
  logRates: readonly number[],
  { alpha, beta }: Beta,
): number[] {
  const peak = Math.log(alpha / beta)
  // log(1 - rate) = log(rate) - odds
  const logDensity = (logRate: number, odds: number): number => alpha * logRate + beta * (logRate - odds)
  const highest = logDensity(-Math.log1p(Math.exp(-peak)), peak)
  const shares: number[] = []
  let sum = 0
  let before = 0
  for (let point = 0; point < grid.length; point++) {
    const density = Math.exp(logDensity(logRates[point]!, grid[point]!) - highest)
    if (point > 0) sum += ((density + before) / 2) * (grid[point]! - grid[point - 1]!)
    shares.push(sum)
    before = density
  }
  return shares.map((share) => share / sum)
}

/** For each factor the product of the others, without dividing: one may be zero. */
function productsOfOthers(factors: readonly number[]): number[] {
  const products = factors.map(() => 1)
  let left = 1
  for (let i = 0; i < factors.length; i++) {
    products[i] = left
    left *= factors[i]!
  }
  let right = 1
  for (let i = factors.length - 1; i >= 0; i--) {
    products[i]! *= right
    right *= factors[i]!
  }
  return products
}
