import { expect } from 'chai'
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { type Estimated, type Logged, offPolicy } from '../../src/decisions/off-policy.ts'

const holds = ({ low, high }: Estimated, truth: number): boolean => low <= truth && truth <= high

describe('off-policy estimates', () => {
  it('are what they are by hand', () => {
    const { ips, snips, logged, effective, gain, decisions } = offPolicy([
      { propensity: 0.5, target: 1, reward: 1 },
      { propensity: 0.5, target: 0, reward: 1 },
      { propensity: 0.25, target: 0.5, reward: 0 },
      { propensity: 0.8, target: 0.4, reward: 0.5 },
    ])
    // Weights 2, 0, 2 and 0.5: rewards 2, 0, 0 and 0.25.
    expect(ips.mean).to.be.closeTo(2.25 / 4, 1e-12)
    expect(snips.mean).to.be.closeTo(2.25 / 4.5, 1e-12)
    expect(logged.mean).to.be.closeTo(2.5 / 4, 1e-12)
    expect(gain.mean).to.be.closeTo(0.5 - 0.625, 1e-12)
    expect(effective).to.be.closeTo(4.5 ** 2 / 8.25, 1e-12)
    expect(decisions).to.equal(4)
    // Rewards with their weights have the variance 0.932292, the mean of four of them a quarter of it.
    expect(ips.high - ips.mean).to.be.closeTo(1.96 * Math.sqrt(0.93229166667 / 4), 1e-6)
  })

  it('are what was done where the other way does the same', () => {
    const same = Array.from(
      { length: 40 },
      (_, i): Logged => ({ propensity: 0.3, target: 0.3, reward: i % 2 }),
    )
    const { ips, snips, logged, effective, gain } = offPolicy(same)
    expect(ips).to.deep.equal(logged)
    expect(snips.mean).to.be.closeTo(0.5, 1e-12)
    expect(effective).to.be.closeTo(40, 1e-9)
    expect(Math.abs(gain.low) + Math.abs(gain.high)).to.be.below(1e-9)
  })

  it('say nothing of nothing', () => {
    expect(offPolicy([]).snips.mean).to.be.NaN
    const [one] = [offPolicy([{ propensity: 0.5, target: 0, reward: 1 }])]
    expect(one.effective).to.equal(0)
    expect(one.ips.low).to.be.NaN
  })

  it('hold the truth in about 95 of 100 intervals', () => {
    const random = xoroshiro128plus(7)
    const rates = [0.1, 0.25, 0.6]
    const was = [0.6, 0.3, 0.1]
    const becomes = [0.1, 0.3, 0.6]
    const truth = rates.reduce((total, rate, action) => total + rate * becomes[action]!, 0)
    const done = rates.reduce((total, rate, action) => total + rate * was[action]!, 0)
    const held = { ips: 0, snips: 0, gain: 0, logged: 0 }
    const rounds = 400
    for (let round = 0; round < rounds; round++) {
      const decisions = Array.from({ length: 500 }, (): Logged => {
        const drawn = uniformFloat64(random)
        const action = drawn < 0.6 ? 0 : drawn < 0.9 ? 1 : 2
        const reward = uniformFloat64(random) < rates[action]! ? 1 : 0
        return { propensity: was[action]!, target: becomes[action]!, reward }
      })
      const { ips, snips, gain, logged } = offPolicy(decisions)
      if (holds(ips, truth)) held.ips++
      if (holds(snips, truth)) held.snips++
      if (holds(gain, truth - done)) held.gain++
      if (holds(logged, done)) held.logged++
    }
    for (const [name, count] of Object.entries(held)) expect(count / rounds, name).to.be.within(0.92, 0.98)
  })
})
