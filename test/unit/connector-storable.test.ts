import { expect } from 'chai'
import { storable } from '../../src/connectors/storable.ts'
import { read } from '../support/connector.ts'

const nested = (levels: number) => JSON.parse(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`) as unknown

describe('what a connector keeps of a value', () => {
  it('is the value itself where Postgres can keep it', () => {
    const value = { a: [1, 'ä😀', null, { '': true }], constructor: { prototype: 1 }, toString: 'x' }
    expect(storable(value)).to.equal(value)
  })

  for (const [title, text, expected] of [
    ['NUL in a text', '{"a":["x\\u0000y"]}', '{"a":["x\ufffdy"]}'],
    ['NUL in a name', '{"a\\u0000":1}', '{"a\ufffd":1}'],
    ['half of a surrogate pair', '{"a":"\\ud83d!","\\ude00":1}', '{"a":"\ufffd!","\ufffd":1}'],
    ['a number beyond a double', '{"a":1e999,"b":[-1e999]}', '{"a":null,"b":[null]}'],
    ['__proto__', '{"__proto__":{"admin":true},"a":{"__proto__":1,"b":2}}', '{"a":{"b":2}}'],
  ] as const)
    it(`is mended where there is ${title}`, () => {
      const kept = storable(JSON.parse(text))
      expect(JSON.stringify(kept)).to.equal(expected)
      expect((kept as { admin?: unknown }).admin).to.equal(undefined)
    })

  it('is nothing where it is nested deeper than 64 levels, however deep that is', () => {
    expect(storable(nested(64))).to.deep.equal(nested(64))
    expect(storable(nested(65))).to.equal(undefined)
    expect(storable(nested(1_000_000))).to.equal(undefined)
  })

  it('says where it is nested too deep, and takes what stands beside it', () => {
    const track = (properties: unknown) => ({ type: 'track', userId: 'u', event: 'e', properties })
    const { items, rejected } = read('segment', [track(nested(65)), track(nested(64))])
    expect(items).to.have.length(1)
    expect(rejected).to.deep.equal([
      { index: 0, where: '/0/properties', reason: 'must not be nested deeper than 64 levels' },
    ])
  })

  it('never becomes the prototype of anything', () => {
    for (const [source, text] of [
      [
        'segment',
        '{"type":"page","userId":"u","properties":{"__proto__":{"polluted":1}},"__proto__":{"name":"x"}}',
      ],
      ['segment', '{"type":"identify","userId":"u","traits":{"__proto__":{"polluted":1}}}'],
      [
        'posthog',
        '{"event":"e","distinct_id":"u","properties":{"$set":{"__proto__":{"polluted":1}},"__proto__":{"polluted":1}}}',
      ],
      ['mixpanel', '{"event":"e","properties":{"distinct_id":"u","__proto__":{"polluted":1}}}'],
      [
        'mixpanel',
        '{"$distinct_id":"u","$set":{"__proto__":{"polluted":1},"$email":"x"},"$union":{"__proto__":["polluted"]}}',
      ],
    ] as const) {
      const { items } = read(source, text)
      expect(items).to.not.have.length(0)
      expect(JSON.stringify(items)).to.not.include('polluted')
      expect(({} as { polluted?: unknown }).polluted).to.equal(undefined)
    }
  })
})
