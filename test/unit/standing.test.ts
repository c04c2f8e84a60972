import { expect } from 'chai'
import { mergedStanding, NO_STANDING, withFired, withOffer, withoutOpen } from '../../actors/standing.ts'

const offer = (open: string) => ({ rule: 'loyalty/gift', action: 'gift', at: 1, open, segment: '' })

describe('where a person stands', () => {
  it('is free of an action that ended before its offer came with whoever was joined', () => {
    const { standing } = withoutOpen(NO_STANDING, 'ea_1')
    const joined = withOffer(withOffer(NO_STANDING, offer('ea_1')), offer('ea_2'))
    const { offers } = mergedStanding(standing, joined)
    expect(offers.map(({ open }) => open)).to.deep.equal([null, 'ea_2'])
  })

  it('remembers of two who are one the latest that a trigger told either', () => {
    const told = (fired: Record<string, number>) => withFired(NO_STANDING, fired, new Set())
    const { fired } = mergedStanding(told({ a: 1, b: 5 }), told({ b: 3, c: 2 }))
    expect(fired).to.deep.equal({ a: 1, b: 5, c: 2 })
  })

  it('forgets what triggers told first that are in force no more', () => {
    let standing = withFired(NO_STANDING, { kept: 1 }, new Set(['kept']))
    for (let n = 0; n < 200; n++) standing = withFired(standing, { [`gone ${n}`]: n }, new Set(['kept']))
    expect(Object.keys(standing.fired)).to.have.length(100)
    expect(standing.fired.kept).to.equal(1)
  })
})
