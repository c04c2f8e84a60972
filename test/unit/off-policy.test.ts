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
  })

  it('have the interval that they have by hand', () => {
    const four: Logged[] = [
      { propensity: 0.5, target: 1, reward: 1 },
      { propensity: 0.5, target: 0, reward: 1 },
      { propensity: 0.25, target: 0.5, reward: 0 },
      { propensity: 0.8, target: 0.4, reward: 0.5 },
    ]
    const { ips } = offPolicy(Array.from({ length: 25 }, () => four).flat())
    // Rewards with their weights have the sum of squares 2.796875 in each four, about their mean of 0.5625.
    expect(ips.high - ips.mean).to.be.closeTo(1.96 * Math.sqrt((25 * 2.796875) / 99 / 100), 1e-6)
  })

  it('have no interval where few agree, or all do, rather than one without width', () => {
    const one: Logged = { propensity: 0.5, target: 1, reward: 1 }
    const others = Array.from({ length: 100 }, (_, i): Logged => ({ ...one, target: 0, reward: i % 2 }))
    const few = offPolicy([one, ...others])
    expect(few.snips.mean).to.equal(1)
    for (const { low, high } of [few.snips, few.ips, few.gain])
      expect([low, high]).to.deep.equal([Number.NaN, Number.NaN])
    expect(few.logged.low).to.be.within(0.3, 0.5)
    const all = offPolicy(Array.from({ length: 200 }, () => one))
    for (const { low } of [all.snips, all.ips, all.gain, all.logged]) expect(low).to.be.NaN
    const enough = (n: number) =>
      offPolicy(Array.from({ length: n }, (_, i): Logged => ({ ...one, reward: i % 2 }))).snips.low
    expect(enough(29)).to.be.NaN
    expect(enough(30)).to.be.within(0.2, 0.4)
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
