import { expect } from 'chai'
import {
  added,
  forgotten,
  intervalOf,
  type Learned,
  meanOf,
  posteriorOf,
} from '../../src/decisions/posterior.ts'

const learned = (successes: number, failures: number): Learned => ({
  successes,
  failures,
  rejected: 0,
  unanswered: 0,
  at: 0,
})
const stated = { confidence: 0.5, weight: 10 }

describe('posterior', () => {
  it('is what the author says as long as nothing is learnt', () => {
    expect(meanOf(posteriorOf(stated, []))).to.be.closeTo(0.5, 1e-12)
    expect(meanOf(posteriorOf({ confidence: 0.8, weight: 3 }, [learned(0, 0)]))).to.be.closeTo(0.8, 1e-12)
  })

  it('stays a distribution where an author is certain or gives no weight', () => {
    for (const confidence of [0, 1])
      for (const weight of [0, 10]) {
        const { alpha, beta } = posteriorOf({ confidence, weight }, [])
        expect(Math.min(alpha, beta)).to.be.above(0)
      }
  })

  it('comes to what outcomes say', () => {
    expect(meanOf(posteriorOf(stated, [learned(100, 9_900)]))).to.be.closeTo(0.01, 0.001)
  })

  it('lets a segment without outcomes believe what the others have taught, and less firmly', () => {
    const all = learned(300, 700)
    const [tenant, segment] = [posteriorOf(stated, [all]), posteriorOf(stated, [all, learned(0, 0)])]
    expect(meanOf(segment)).to.be.closeTo(0.3, 0.01)
    const width = (of: typeof tenant): number => intervalOf(of).high - intervalOf(of).low
    expect(width(segment)).to.be.above(2 * width(tenant))
  })

  it('lets a segment that differs soon believe its own outcomes', () => {
    const own = learned(80, 20)
    const all = added(learned(50, 950), own)
    expect(meanOf(posteriorOf(stated, [all, own]))).to.be.above(0.6)
  })

  it('counts half after each half-life, and never more than there was', () => {
    const of = { ...learned(8, 4), rejected: 2, unanswered: 6, at: 1_000 }
    expect(forgotten(of, 3_000, 1_000)).to.deep.equal({
      successes: 2,
      failures: 1,
      rejected: 0.5,
      unanswered: 1.5,
      at: 3_000,
    })
    expect(forgotten(of, 500, 1_000)).to.deep.equal(of)
  })

  it('gives an interval that holds the stated share', () => {
    // Of Beta(1, 1) every rate is as likely.
    expect(intervalOf({ alpha: 1, beta: 1 }, 0.9).low).to.be.closeTo(0.05, 1e-6)
    expect(intervalOf({ alpha: 1, beta: 1 }, 0.9).high).to.be.closeTo(0.95, 1e-6)
  })
})
