import { expect } from 'chai'
import {
  BREAKER_TERMS,
  type BreakerState,
  closedBreaker,
  heard,
  isTrouble,
} from '../../src/dispatch/breaker.ts'

const terms = {
  ...BREAKER_TERMS,
  resultsMin: 10,
  share: 0.5,
  windowMs: 1_000,
  firstWaitMs: 100,
  longestWaitMs: 300,
}
const hearing = (state: BreakerState, results: string, now: number): BreakerState =>
  [...results].reduce((present, each) => heard(present, each === '+', now, terms), state)

describe('a breaker', () => {
  it('opens once enough results are in and the share of failures is reached', () => {
    expect(hearing(closedBreaker(0), '---------', 1).kind).to.equal('closed')
    expect(hearing(closedBreaker(0), '----------', 1)).to.deep.equal({
      kind: 'open',
      until: 101,
      waitMs: 100,
    })
    expect(hearing(closedBreaker(0), '++++++++++--------', 1).kind).to.equal('closed')
    expect(hearing(closedBreaker(0), '++++++++++----------', 1).kind).to.equal('open')
  })

  it('forgets results that are older than its window', () => {
    const before = hearing(closedBreaker(0), '---------', 1)
    expect(hearing(before, '-', 2_100).kind).to.equal('closed')
    const present = hearing(closedBreaker(0), '---------', 1)
    expect(hearing(present, '-', 1_500).kind).to.equal('open')
  })

  it('stays open whatever comes back that was sent before', () => {
    const open = hearing(closedBreaker(0), '----------', 0)
    expect(hearing(open, '+-+-', 50)).to.equal(open)
  })

  it('closes when its probe succeeds, and waits twice as long each time that it fails, up to the longest', () => {
    const probing = (waitMs: number): BreakerState => ({ kind: 'half-open', until: 500, waitMs })
    expect(heard(probing(100), true, 200, terms).kind).to.equal('closed')
    expect(heard(probing(100), false, 200, terms)).to.deep.equal({ kind: 'open', until: 400, waitMs: 200 })
    expect(heard(probing(200), false, 200, terms)).to.deep.equal({ kind: 'open', until: 500, waitMs: 300 })
  })

  it('takes no answer, a 5xx and a 429 for trouble, and nothing else', () => {
    expect([null, 500, 503, 429].map(isTrouble)).to.deep.equal([true, true, true, true])
    expect([200, 204, 301, 400, 404, 410].map(isTrouble)).to.deep.equal(Array(6).fill(false))
  })
})
