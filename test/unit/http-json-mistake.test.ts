import { expect } from 'chai'
import fc from 'fast-check'
import { jsonMistake, jsonMistakeAt, repeatedName } from '../../src/json-mistake.ts'

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

describe('what is said of a mistake in JSON', () => {
  for (const [text, message] of [
    ['{"a":1,}', 'expected a name in double quotes, found "}": the comma before it is one too many'],
    ['[1,]', 'expected a value, found "]": the comma before it is one too many'],
    ['[1 2]', 'expected "," or "]", found "2"'],
    ['{"a" 1}', 'expected ":", found "1"'],
    ['{"a":1 "b":2}', 'expected "," or "}", found "\\""'],
    ['{a:1}', 'expected a name in double quotes or "}", found "a"'],
    ['[True]', 'expected a value or "]", found "True"'],
    ['{} {}', 'expected nothing more, found "{"'],
    ['["\\x"]', '"\\\\x" is no escape that JSON knows'],
    ['["a\tb"]', 'a control character must be written as an escape such as "\\t"'],
    ['["a', 'a text is not closed by a double quote before the end'],
    ['{"a": ', 'expected a value, but the text ends'],
  ] as const) {
    it(`is ${message} in ${JSON.stringify(text)}`, () => {
      expect(jsonMistake(text).message).to.equal(message)
    })
  }
})

describe('a name that stands twice in an object', () => {
  for (const [text, found] of [
    ['{"a":1,"a":2}', { at: 7, name: 'a' }],
    ['{"a":{"b":1,"c":[{"b":2,"b":3}]}}', { at: 24, name: 'b' }],
    ['{"a":1,"\\u0061":2}', { at: 7, name: 'a' }],
    ['{"a":{"a":1},"b":{"a":2}}', null],
    ['["a","a",{"a":"a"}]', null],
    ['{"a":"b","b":"a"}', null],
  ] as const) {
    it(`is ${found === null ? 'not there' : `at ${found.at}`} in ${text}`, () => {
      expect(repeatedName(text)).to.deep.equal(found)
    })
  }

  it('is not in what was written from an object, and is found wherever one name is written again', () => {
    fc.assert(
      fc.property(fc.json(), fc.string(), (text, name) => {
        expect(repeatedName(text)).to.equal(null)
        const key = JSON.stringify(name)
        expect(repeatedName(`[{${key}:${text},${key}:1}]`)?.name).to.equal(name)
      }),
    )
  })
})
