import { expect } from 'chai'
import { isInShare } from '../../src/documents/rollout.ts'
import { whyStopped } from '../../src/upkeep/rollouts.ts'

const figures = (fields: Partial<Parameters<typeof whyStopped>[1]>) => ({
  decisions: 1_000,
  ended: 0,
  failed: 0,
  outcomes: 0,
  rewarded: 0,
  ...fields,
})

describe('what comes of a version', () => {
  for (const [what, band, came, why] of [
    [
      'fails too often',
      { failed_above: 0.3 },
      { ended: 50, failed: 16 },
      '16 of 50 actions failed, more than 30 %',
    ],
    ['fails as often as it may', { failed_above: 0.3 }, { ended: 50, failed: 15 }, null],
    ['fails before enough is known', { failed_above: 0.3 }, { ended: 49, failed: 49 }, null],
    [
      'fails where the author waits for less',
      { failed_above: 0.3, after: 2 },
      { ended: 2, failed: 2 },
      '2 of 2 actions failed, more than 30 %',
    ],
    [
      'is worth too little',
      { rewarded_below: 0.1 },
      { outcomes: 100, rewarded: 9.5 },
      '100 outcomes were worth 9.5 %, less than 10 %',
    ],
    ['is worth enough', { rewarded_below: 0.1 }, { outcomes: 100, rewarded: 10 }, null],
    ['has no outcomes yet', { rewarded_below: 0.1 }, { ended: 500, failed: 0 }, null],
    ['fails though nobody asked', { rewarded_below: 0.1 }, { ended: 500, failed: 500 }, null],
  ] as const) {
    it(`${why === null ? 'stays' : 'is stopped'} where it ${what}`, () => {
      expect(whyStopped(band, figures(came))).to.equal(why)
    })
  }
})

describe('a share of users', () => {
  const about = { tenant: 't', kind: 'recommendations', name: 'loyalty' }
  const users = Array.from({ length: 20_000 }, (_, n) => `user-${n}`)
  const reached = (share: number, fields = {}) =>
    new Set(users.filter((user) => isInShare({ ...about, ...fields, user }, share)))

  it('is as large as it says, and grows by others alone', () => {
    const [few, more] = [reached(0.1), reached(0.2)]
    expect(few.size).to.be.within(1_850, 2_150)
    expect(more.size).to.be.within(3_800, 4_200)
    expect(few.isSubsetOf(more)).to.equal(true)
  })

  it('has other users for another document, and nobody or everybody at its ends', () => {
    const [loyalty, shop] = [reached(0.1), reached(0.1, { name: 'shop' })]
    expect(loyalty.intersection(shop).size).to.be.below(300)
    expect([reached(0).size, reached(1).size]).to.deep.equal([0, users.length])
  })
})
