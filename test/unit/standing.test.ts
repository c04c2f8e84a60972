import { expect } from 'chai'
import fc from 'fast-check'
import { waitFor } from '../../actors/report.ts'
import {
  mergedStanding,
  NO_STANDING,
  type Offer,
  passedOn,
  type Standing,
  wentTo,
  withAsk,
  withFired,
  withOffer,
  withoutOpen,
} from '../../actors/standing.ts'
import { shareOf } from '../../src/decisions/share.ts'

const DAY = 86_400_000
const offer = (at: number, open: string | null = null): Offer => ({
  rule: 'd/r',
  action: 'a',
  at,
  open,
  segment: '',
})
const standingOf = (...offers: Offer[]): Standing => offers.reduce(withOffer, NO_STANDING)

describe('where a person stands', () => {
  it('is a hundred offers at most; the oldest go, and those that are open last', () => {
    const open = offer(1, 'ea_1')
    const all = standingOf(open, ...Array.from({ length: 120 }, (_, i) => offer(2 + i)))
    expect(all.offers).to.have.length(100)
    expect(all.offers[0]).to.deep.equal(open)
    expect(all.offers[1]!.at).to.equal(23)
    const allOpen = standingOf(...Array.from({ length: 101 }, (_, i) => offer(i, `ea_${i}`)))
    expect(allOpen.offers.map(({ at }) => at).slice(0, 2)).to.deep.equal([1, 2])
  })

  it('forgets what was offered more than a year ago, unless it is open', () => {
    const { offers } = standingOf(offer(0), offer(1, 'ea_1'), offer(366 * DAY))
    expect(offers.map(({ at }) => at)).to.deep.equal([1, 366 * DAY])
  })

  it('closes the offer of an action, once', () => {
    const open = standingOf(offer(1, 'ea_1'), offer(2, 'ea_2'))
    const first = withoutOpen(open, 'ea_2')
    expect(first.offer).to.deep.equal(offer(2, 'ea_2'))
    expect(first.standing.offers.map((each) => each.open)).to.deep.equal(['ea_1', null])
    expect(withoutOpen(first.standing, 'ea_2').offer).to.equal(null)
  })

  it('keeps the ten earliest decisions that are asked for', () => {
    const asked = Array.from({ length: 12 }, (_, i) => 12 - i).reduce(
      (standing, at) => withAsk(standing, { domain: 'd', at }),
      NO_STANDING,
    )
    expect(asked.asks.map(({ at }) => at)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  it('is everything of two people who are one, whoever is joined to whom', () => {
    const times = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 8 })
    const standings = fc.record({ offers: times, fired: times }).map(
      ({ offers, fired }): Standing => ({
        ...standingOf(...offers.sort((a, b) => a - b).map((at) => offer(at))),
        fired: Object.fromEntries(fired.map((of, index) => [`t${index}`, of])),
      }),
    )
    fc.assert(
      fc.property(standings, standings, (a, b) => {
        const [one, other] = [mergedStanding(a, b), mergedStanding(b, a)]
        expect(one.offers.map(({ at }) => at)).to.deep.equal(other.offers.map(({ at }) => at))
        expect(one.offers).to.have.length(a.offers.length + b.offers.length)
        expect(one.fired).to.deep.equal(other.fired)
      }),
    )
  })

  it('knows to whom open offers went, each to the one who was joined to then', () => {
    const first = passedOn(standingOf(offer(1, 'ea_1'), offer(2)), 'u1')
    expect(first.offers).to.deep.equal([])
    const second = passedOn(withOffer(first, offer(3, 'ea_3')), 'u2')
    expect(['ea_1', 'ea_3', 'ea_9'].map((action) => wentTo(second, action))).to.deep.equal(['u1', 'u2', null])
    expect(wentTo(withOffer(second, offer(4, 'ea_1')), 'ea_1')).to.equal(null)
    expect(passedOn(standingOf(offer(1)), 'u1')).to.equal(NO_STANDING)
  })

  it('forgets what triggers told first that are in force no more', () => {
    let standing = withFired(NO_STANDING, { kept: 1 }, new Set(['kept']))
    for (let n = 0; n < 200; n++) standing = withFired(standing, { [`gone ${n}`]: n }, new Set(['kept']))
    expect(Object.keys(standing.fired)).to.have.length(100)
    expect(standing.fired.kept).to.equal(1)
  })
})

describe('the wish for a next action', () => {
  it('is a duration in the result of an outcome, of which nine tenths are waited', () => {
    expect(waitFor({ next_action_within: '2h' })).to.equal(1.8 * 3_600_000)
    for (const result of [null, 'x', {}, { next_action_within: 2 }, { next_action_within: 'soon' }])
      expect(waitFor(result)).to.equal(null)
    expect(waitFor({ next_action_within: '367d' })).to.equal(null)
  })
})

describe('a share of users', () => {
  it('is the same for the same user, even over all users, and says nothing of another domain', () => {
    const users = Array.from({ length: 4_000 }, (_, i) => `u${i}`)
    const of = (domain: string) => users.map((user) => shareOf('holdout', 't', domain, user) < 0.2)
    const [one, other] = [of('a'), of('b')]
    expect(of('a')).to.deep.equal(one)
    const count = (list: readonly boolean[]) => list.filter(Boolean).length / users.length
    expect(count(one)).to.be.closeTo(0.2, 0.02)
    expect(count(users.map((_, i) => one[i]! && other[i]!))).to.be.closeTo(0.04, 0.015)
  })
})
