import { expect } from 'chai'
import { forgotten, intervalOf } from '../../src/decisions/posterior.ts'

describe('posterior', () => {
  it('counts half after each half-life, and never more than there was', () => {
    const of = { successes: 8, failures: 4, rejected: 2, unanswered: 6, at: 1_000 }
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
