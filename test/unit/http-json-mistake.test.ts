import { expect } from 'chai'
import fc from 'fast-check'
import { jsonMistakeAt } from '../../src/json-mistake.ts'

const parses = (text: string) => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe('the place of a mistake in JSON', () => {
  for (const [text, at] of [
    ['{"a":}', 5],
    ['{"a":1,}', 7],
    ['{a:1}', 1],
    ["{'a':1}", 1],
    ['[1,]', 3],
    ['[1 2]', 3],
    ['[1]]', 3],
    ['[1}', 2],
    ['{"a" 1}', 5],
    ['{"a":01}', 5],
    ['[NaN]', 1],
    ['[1.]', 1],
    ['[truely]', 1],
    ['["a\nb"]', 3],
    ['["\\x"]', 2],
    ['["\\u12g4"]', 2],
    ['nonsense', 0],
    ['{} {}', 3],
  ] as const) {
    it(`is ${at} in ${JSON.stringify(text)}`, () => {
      expect(jsonMistakeAt(text)).to.equal(at)
    })
  }

  it('is the end where a valid text was cut off between tokens or in a string', () => {
    for (const text of ['{"a":', '[', '[1,', '"abc', '{"a":1', '']) {
      expect(jsonMistakeAt(text), text).to.equal(text.length)
    }
  })

  it('is never the end of what parses with one wrong character put into it', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), (text, where) => {
        const index = where % (text.length + 1)
        const broken = `${text.slice(0, index)}\u0001${text.slice(index)}`
        fc.pre(!parses(broken))
        expect(jsonMistakeAt(broken)).to.be.at.most(index)
      }),
    )
  })

  it('takes every text that parses to its end without a complaint', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(jsonMistakeAt(text)).to.equal(text.length)
      }),
    )
  })

  it('is found in a text of megabytes, however deep, without exhausting the stack', () => {
    expect(jsonMistakeAt('['.repeat(2_000_000))).to.equal(2_000_000)
    expect(jsonMistakeAt(`"${'\\n'.repeat(2_000_000)}`)).to.equal(4_000_001)
  })
})
