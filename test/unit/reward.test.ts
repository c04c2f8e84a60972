import { expect } from 'chai'
import { rewardOf } from '../../src/decisions/reward.ts'

describe('reward', () => {
  const rows: [string, unknown, number | null][] = [
    ['completed', undefined, 1],
    ['completed', { note: 'thanks' }, 1],
    ['partial', {}, 0.5],
    ['ignored', null, 0],
    ['rejected', { user_reacted: true }, null],
    ['completed', { user_reacted: false }, 0.5],
    ['partial', { user_reacted: true }, 0.75],
    ['partial', { user_reacted: false }, 0.25],
    ['ignored', { user_reacted: true }, 0.5],
    ['ignored', { user_reacted: 'yes' }, 0],
  ]
  for (const [status, result, reward] of rows)
    it(`is ${reward} of ${status} with ${JSON.stringify(result)}`, () => {
      expect(rewardOf({ status, result })).to.equal(reward)
    })
})
