import { expect } from 'chai'
import { type Estimate, type Group, liftOf } from '../../src/decisions/lift.ts'

const group = (fields: Partial<Group>): Group => ({
  users: 100,
  conversions: 0,
  revenueMean: 0,
  revenueVariance: 0,
  ...fields,
})

/** Chance that is the same in every run (mulberry32). */
function chanceFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Users who convert with a rate, and then spend something that is often little and sometimes much. */
function drawn(users: number, rate: number, chance: () => number): Group {
  const spent = Array.from({ length: users }, () =>
    chance() < rate ? Math.exp(3 + 1.4 * (chance() - 0.5)) : 0,
  )
  const mean = spent.reduce((sum, each) => sum + each, 0) / users
  const variance = spent.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (users - 1)
  return {
    users,
    conversions: spent.filter((each) => each > 0).length,
    revenueMean: mean,
    revenueVariance: variance,
  }
}

const SPENT_MEAN = (Math.exp(3.7) - Math.exp(2.3)) / 1.4
const holds = (estimate: Estimate | null, truth: number) =>
  estimate !== null && estimate.low <= truth && truth <= estimate.high

describe('the lift over a holdout', () => {
  it('is as computed by hand for conversions', () => {
    // Newcombe (1998), table II, method 10: 56/70 against 48/80 gives 0.0524 to 0.3339.
    const { conversion, relative } = liftOf(
      group({ users: 70, conversions: 56 }),
      group({ users: 80, conversions: 48 }),
    )
    expect(conversion!.value).to.be.closeTo(0.2, 1e-9)
    expect(conversion!.low).to.be.closeTo(0.0524, 5e-5)
    expect(conversion!.high).to.be.closeTo(0.3339, 5e-5)
    // ln(4/3) -+ 1.96 * sqrt(1/56 - 1/70 + 1/48 - 1/80) = 0.28768 -+ 0.21373
    expect(relative!.value).to.be.closeTo(1 / 3, 1e-9)
    expect(relative!.low).to.be.closeTo(Math.exp(0.07395) - 1, 1e-3)
    expect(relative!.high).to.be.closeTo(Math.exp(0.50141) - 1, 1e-3)
  })

  it('is as computed by hand for revenue', () => {
    // Standard error sqrt(4/100 + 9/50) = 0.46904, Welch's freedom 72.3, t = 1.9934
    const { revenuePerUser } = liftOf(
      group({ users: 100, conversions: 40, revenueMean: 12, revenueVariance: 4 }),
      group({ users: 50, conversions: 20, revenueMean: 10, revenueVariance: 9 }),
    )
    expect(revenuePerUser!.value).to.equal(2)
    expect(revenuePerUser!.low).to.be.closeTo(2 - 0.935, 2e-3)
    expect(revenuePerUser!.high).to.be.closeTo(2 + 0.935, 2e-3)
  })

  it('is not estimated without a holdout, or of too few users', () => {
    const many = group({ users: 1_000, conversions: 10 })
    expect(liftOf(many, group({ users: 0 }))).to.deep.include({ says: 'no_holdout', conversion: null })
    expect(liftOf(many, group({ users: 29 }))).to.deep.include({ says: 'too_few_users', conversion: null })
    expect(liftOf(group({ users: 29 }), many)).to.deep.include({
      says: 'too_few_users',
      revenuePerUser: null,
    })
  })

  it('has no ratio to a share of nothing, and an end where the treated have none', () => {
    const nothing = group({ users: 50 })
    const something = group({ users: 50, conversions: 5 })
    const from = liftOf(something, nothing)
    expect(from).to.deep.include({ says: 'estimated', relative: null })
    expect(from.conversion!.low).to.be.below(from.conversion!.value)
    const lost = liftOf(nothing, something)
    expect(lost.relative!.value).to.equal(-1)
    expect(lost.relative!.low).to.be.at.least(-1)
    expect(lost.relative!.high).to.be.below(0.61)
    expect(liftOf(nothing, nothing).revenuePerUser).to.equal(null)
    const free = group({ conversions: 20 })
    expect(liftOf(free, free).revenuePerUser).to.deep.equal({ value: 0, low: 0, high: 0 })
  })

  for (const { treated, heldOut, of } of [
    { treated: 0.12, heldOut: 0.1, of: [2_000, 500] },
    { treated: 0.03, heldOut: 0.03, of: [900, 100] },
    { treated: 0.5, heldOut: 0.3, of: [60, 40] },
  ] as const)
    it(`holds the truth in 95 of 100 worlds with ${of.join(' and ')} users of rates ${treated} and ${heldOut}`, () => {
      const chance = chanceFrom(7)
      const worlds = 600
      const held = { conversion: 0, relative: 0, revenue: 0 }
      for (let world = 0; world < worlds; world++) {
        const lift = liftOf(drawn(of[0], treated, chance), drawn(of[1], heldOut, chance))
        if (holds(lift.conversion, treated - heldOut)) held.conversion += 1
        // Where too few converted nothing is said, which is no mistake.
        if (lift.relative === null || holds(lift.relative, treated / heldOut - 1)) held.relative += 1
        if (lift.revenuePerUser === null || holds(lift.revenuePerUser, (treated - heldOut) * SPENT_MEAN))
          held.revenue += 1
      }
      expect(held.conversion / worlds).to.be.within(0.925, 0.985)
      expect(held.relative / worlds).to.be.within(0.925, 0.995)
      expect(held.revenue / worlds).to.be.within(0.92, 1)
    })
})
