import type { Beta } from './posterior.ts'

/** Points on either side of each distribution; where there are many, they share their points. */
const POINTS_MAX = 16
const POINTS_MIN = 6
const POINTS_TOGETHER = 80
/** In standard deviations to each side: close together near the peak, and far out for a tail that is long. */
const offsetOf = (share: number): number => 4 * share + 6 * share ** 3
/** Whatever is so far below another is the highest so rarely that it is not picked at all; in the same deviations. */
const HOPELESS = 6

/**
 * For each of the distributions, how probable it is that its rate is the highest; they sum to 1. By the trapezoidal rule
 * over the logarithm of the odds, where every Beta has one smooth hump; off by less than 0.004.
 */
export function superiorities(beliefs: readonly Beta[]): number[] {
  const humps = beliefs.map(humpOf)
  const floor = Math.max(...humps.map(({ peak, left }) => peak - HOPELESS * left))
  const hopeful = humps.filter(({ peak, right }) => peak + HOPELESS * right >= floor)
  const chances = hopeful.length === 1 ? [1] : chancesOf(hopeful)
  const byHump = new Map(hopeful.map((hump, index) => [hump, chances[index]!]))
  return humps.map((hump) => byHump.get(hump) ?? 0)
}

/** A Beta distribution over the logarithm of the odds: where it is highest, and about how wide it is on each side. */
interface Hump extends Beta {
  peak: number
  left: number
  right: number
}

function humpOf({ alpha, beta }: Beta): Hump {
  const spread = 1 / alpha + 1 / beta
  return {
    alpha,
    beta,
    peak: Math.log(alpha / beta),
    left: Math.sqrt(spread + 1 / alpha ** 2),
    right: Math.sqrt(spread + 1 / beta ** 2),
  }
}

function chancesOf(humps: readonly Hump[]): number[] {
  const grid = gridOf(humps)
  const logRates = grid.map((odds) => -Math.log1p(Math.exp(-odds)))
  const shares = humps.map((hump) => sharesUpTo(grid, logRates, hump))
  const chances = humps.map(() => 0)
  const others = new Float64Array(humps.length)
  const othersBefore = new Float64Array(humps.length)
  for (let point = 1; point < grid.length; point++) {
    productsOfOthers(shares, point, others)
    for (let i = 0; i < chances.length; i++)
      chances[i]! += (shares[i]![point]! - shares[i]![point - 1]!) * (others[i]! + othersBefore[i]!)
    othersBefore.set(others)
  }
  const total = chances.reduce((sum, chance) => sum + chance, 0)
  return chances.map((chance) => chance / total)
}

/** Points of all distributions together, in rising order: each is looked at closely where its hump is. */
function gridOf(humps: readonly Hump[]): Float64Array {
  const points = Math.max(POINTS_MIN, Math.min(POINTS_MAX, Math.round(POINTS_TOGETHER / humps.length)))
  const each = 2 * points + 1
  const grid = new Float64Array(humps.length * each)
  for (const [index, { peak, left, right }] of humps.entries()) {
    for (let point = 0; point < each; point++) {
      const offset = offsetOf((point - points) / points)
      grid[index * each + point] = peak + offset * (offset < 0 ? left : right)
    }
  }
  return grid.sort()
}

/** The share of a distribution up to each point. */
function sharesUpTo(grid: Float64Array, logRates: Float64Array, { alpha, beta, peak }: Hump): Float64Array {
  const both = alpha + beta
  // The logarithm of the density is alpha log(rate) + beta log(1 - rate), and log(1 - rate) is log(rate) - odds.
  const highest = -both * Math.log1p(Math.exp(-peak)) - beta * peak
  const shares = new Float64Array(grid.length)
  let before = 0
  let sum = 0
  for (let point = 0; point < grid.length; point++) {
    const odds = grid[point]!
    const density = Math.exp(both * logRates[point]! - beta * odds - highest)
    if (point > 0) sum += (density + before) * (odds - grid[point - 1]!)
    shares[point] = sum
    before = density
  }
  for (let point = 0; point < grid.length; point++) shares[point]! /= sum
  return shares
}

/** For each share at a point the product of the others, without dividing: one may be zero. */
function productsOfOthers(shares: readonly Float64Array[], point: number, products: Float64Array): void {
  let left = 1
  for (let i = 0; i < products.length; i++) {
    products[i] = left
    left *= shares[i]![point]!
  }
  let right = 1
  for (let i = products.length - 1; i >= 0; i--) {
    products[i]! *= right
    right *= shares[i]![point]!
  }
}
