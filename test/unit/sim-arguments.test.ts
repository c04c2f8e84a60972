import { expect } from 'chai'
import { InvalidArgumentError } from 'commander'
import { howMany, seed } from '../sim/arguments.ts'

describe('what the simulation is asked for', () => {
  it('is refused where it would play no life at all and find nothing', () => {
    for (const text of ['abc', '0', '-5', '1.5', ''])
      expect(() => howMany(text), text).to.throw(InvalidArgumentError)
    expect(howMany('2000')).to.equal(2_000)
  })

  it('may be a negative seed, and is not silently another one', () => {
    expect(seed('-2087422343')).to.equal(-2_087_422_343)
    for (const text of ['abc', '', '1.5']) expect(() => seed(text), text).to.throw(InvalidArgumentError)
  })
})
