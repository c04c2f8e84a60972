import { expect } from 'chai'
import fc from 'fast-check'
import { type Arm, choose } from '../../src/decisions/strategy.ts'
import { superiorities } from '../../src/decisions/superiority.ts'

const arm = (key: string, alpha: number, beta: number): Arm => ({ key, posterior: { alpha, beta } })
const parameter = fc.double({ min: 0.1, max: 5_000, noNaN: true })
const arms = fc
  .array(fc.record({ alpha: parameter, beta: parameter }), { minLength: 1, maxLength: 20 })
  .map((beliefs) => beliefs.map(({ alpha, beta }, index) => arm(`rule_${index}`, alpha, beta)))
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

describe('strategy', () => {
  it('picks whatever is believed best, and of equals the first', () => {
    const { order, propensities } = choose(
      [arm('a', 1, 9), arm('b', 2, 2), arm('c', 20, 20)],
      'best',
      () => 0.9,
    )
    expect(order).to.deep.equal(['b', 'c', 'a'])
    expect(propensities).to.deep.equal({ b: 1, c: 0, a: 0 })
  })

  it('picks nobody of none', () => {
    expect(choose([], 'thompson', () => 0.5)).to.deep.equal({ order: [], propensities: {} })
  })

  it('picks each as often as it says', () => {
    const candidates = [arm('a', 3, 7), arm('b', 2, 2), arm('c', 30, 40)]
    const { propensities } = choose(candidates, 'thompson', () => 0)
    const picks = Array.from(
      { length: 1_000 },
      (_, i) => choose(candidates, 'thompson', () => i / 1_000).order[0],
    )
    for (const key of ['a', 'b', 'c'])
      expect(picks.filter((picked) => picked === key).length / 1_000).to.be.closeTo(propensities[key]!, 0.002)
  })

  it('never picks what it says it does not, and ranks everyone once', () => {
    fc.assert(
      fc.property(arms, chance, (candidates, drawn) => {
        const { order, propensities } = choose(candidates, 'thompson', () => drawn)
        const sum = Object.values(propensities).reduce((total, share) => total + share, 0)
        expect(propensities[order[0]!]).to.be.above(0)
        expect(sum).to.be.closeTo(1, 1e-9)
        expect([...order].sort()).to.deep.equal(candidates.map(({ key }) => key).sort())
      }),
    )
  })

  it('knows how probable it is that one rate is above another', () => {
    // By hand: of Beta(2, 1), density 2x, and Beta(1, 1) it is the integral of 2x · x.
    expect(
      superiorities([
        { alpha: 2, beta: 1 },
        { alpha: 1, beta: 1 },
      ])[0],
    ).to.be.closeTo(2 / 3, 0.002)
    // Of Beta(n, 1) it is n / (n + m), since x^n is the distribution of the highest of n.
    const [high, low] = superiorities([
      { alpha: 30, beta: 1 },
      { alpha: 10, beta: 1 },
    ])
    expect(high).to.be.closeTo(0.75, 0.002)
    expect(low).to.be.closeTo(0.25, 0.002)
    const equals = superiorities(Array.from({ length: 7 }, () => ({ alpha: 0.2, beta: 3 })))
    for (const share of equals) expect(share).to.be.closeTo(1 / 7, 1e-9)
  })

  it('gives next to nothing to what is known to be worse', () => {
    const [better, worse] = superiorities([
      { alpha: 300, beta: 700 },
      { alpha: 100, beta: 900 },
    ])
    expect(better).to.be.above(0.999999)
    expect(worse).to.be.below(1e-6)
  })
})
