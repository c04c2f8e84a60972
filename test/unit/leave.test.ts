import { expect } from 'chai'
import fc from 'fast-check'
import { type Allowance, askLeave, type Limits } from '../../actors/leave.ts'

describe('leave to send', () => {
  it('is given up to max_in_flight, and denied from there on', () => {
    const limits: Limits = { maxInFlight: 2, rate: null }
    const used: Allowance = { inFlight: 1, nextAt: Number.NEGATIVE_INFINITY }
    const first = askLeave(limits, used, 1_000)
    expect(first.leave).to.deep.equal({ kind: 'granted', at: 1_000 })
    const second = askLeave(limits, first.used, 1_000)
    expect(second.leave.kind).to.equal('denied')
    expect(second.used).to.deep.equal(first.used)
  })

  it('with a rate never lets a window hold more than the limit, however often and whenever it is asked', () => {
    const asked = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 300 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), asked, (limit, steps) => {
        const limits: Limits = { maxInFlight: null, rate: { limit, perMs: 1_000 } }
        let used: Allowance = { inFlight: 0, nextAt: Number.NEGATIVE_INFINITY }
        const begun: number[] = []
        let now = 0
        for (const step of steps) {
          now += step
          const answer = askLeave(limits, used, now)
          used = answer.used
          if (answer.leave.kind === 'granted') begun.push(answer.leave.at)
          else expect(answer.leave.retryInMs).to.be.above(0)
        }
        for (const from of begun)
          expect(begun.filter((at) => at >= from && at < from + 1_000).length).to.be.at.most(limit)
      }),
    )
  })
})
