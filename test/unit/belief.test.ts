import { expect } from 'chai'
import { believe } from '../../src/decisions/belief.ts'
import { kinshipOf } from '../../src/decisions/kinship.ts'
import { added, type Beta, intervalOf, type Learned, meanOf } from '../../src/decisions/posterior.ts'

const learned = (successes: number, failures: number): Learned => ({
  successes,
  failures,
  rejected: 0,
  unanswered: 0,
  at: 0,
})
const KINSHIP = 20
const ofOne = (confidence: number, ...pools: Learned[]): Beta =>
  believe([{ confidence, pools }], 10, KINSHIP)[0]!
const widthOf = (belief: Beta): number => intervalOf(belief).high - intervalOf(belief).low

describe('belief', () => {
  it('is what each author says as long as nothing is learnt, and weighs about what is stated', () => {
    const beliefs = believe(
      [0.9, 0.5, 0.1].map((confidence) => ({ confidence, pools: [] })),
      10,
      KINSHIP,
    )
    expect(beliefs.map((belief) => meanOf(belief).toFixed(6))).to.deep.equal([
      '0.900000',
      '0.500000',
      '0.100000',
    ])
    for (const { alpha, beta } of beliefs) expect(alpha + beta).to.be.within(9, 12)
    expect(believe([], 10, KINSHIP)).to.deep.equal([])
  })

  it('stays a distribution where an author is certain or gives no weight', () => {
    for (const confidence of [0, 1])
      for (const weight of [0, 10, 10_000])
        for (const pool of [learned(0, 0), learned(0, 50), learned(1e6, 0.5)]) {
          const [belief] = believe([{ confidence, pools: [pool, pool] }], weight, KINSHIP)
          expect(Math.min(belief!.alpha, belief!.beta)).to.be.above(0)
          expect(belief!.alpha + belief!.beta).to.be.below(Number.POSITIVE_INFINITY)
        }
  })

  it('comes to what outcomes say', () => {
    expect(meanOf(ofOne(0.5, learned(100, 9_900)))).to.be.closeTo(0.01, 0.001)
  })

  it('trusts an author more whom outcomes bear out, and soon less whom they refute', () => {
    const others = (rates: number[]) =>
      rates.map((rate, i) => ({
        confidence: [0.8, 0.5, 0.2][i]!,
        pools: [learned(40 * rate, 40 * (1 - rate))],
      }))
    const untried = { confidence: 0.6, pools: [] }
    const right = believe([...others([0.8, 0.5, 0.2]), untried], 10, KINSHIP).at(-1)!
    const wrong = believe([...others([0.1, 0.1, 0.1]), untried], 10, KINSHIP).at(-1)!
    expect(meanOf(right)).to.be.closeTo(0.6, 0.03)
    expect(right.alpha + right.beta).to.be.above(15)
    // It begins with what the others have in common.
    expect(meanOf(wrong)).to.be.below(0.2)
    expect(wrong.alpha + wrong.beta).to.be.below(5)
  })

  it('lets a segment without outcomes believe what the others have taught, and less firmly', () => {
    const all = learned(300, 700)
    expect(meanOf(ofOne(0.5, all, learned(0, 0)))).to.be.closeTo(0.3, 0.01)
    expect(widthOf(ofOne(0.5, all, learned(0, 0)))).to.be.above(2 * widthOf(ofOne(0.5, all)))
  })

  it('lets a segment that differs soon believe its own outcomes', () => {
    const own = learned(80, 20)
    expect(meanOf(ofOne(0.5, added(learned(50, 950), own), own))).to.be.above(0.65)
  })

  it('lets a tenant borrow from a partner, and a segment from the tenant', () => {
    const [partner, tenant] = [learned(900, 100), learned(10, 90)]
    const belief = ofOne(0.5, added(partner, tenant), tenant, learned(0, 0))
    // 90 of 100 failed at the tenant; from the partner come about 20 outcomes, of which 18 did well.
    expect(meanOf(belief)).to.be.closeTo((18 + 10) / 120, 0.03)
  })
})

describe('kinship', () => {
  it('is high where segments have been alike, and low where they differ', () => {
    const alike = kinshipOf([
      [learned(30, 70), learned(290, 710), learned(61, 139)],
      [learned(50, 50), learned(510, 490), learned(100, 100)],
    ])
    const differ = kinshipOf([
      [learned(90, 10), learned(100, 900), learned(100, 100)],
      [learned(10, 90), learned(800, 200), learned(20, 180)],
    ])
    expect(alike).to.be.above(50)
    expect(differ).to.be.below(6)
  })

  it('is between them where there is nothing to compare', () => {
    const unknown = kinshipOf([])
    expect(unknown).to.be.within(6, 20)
    expect(kinshipOf([[learned(5, 5)], [learned(5, 5), learned(0, 0)]])).to.equal(unknown)
  })
})
