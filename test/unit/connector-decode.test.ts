import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { type ConnectorBody, decode } from '../../src/connectors/decode.ts'
import { brief, read, requestOf } from '../support/connector.ts'

const value = { event: 'e', properties: { distinct_id: 'u', text: 'a+b c&d=é' } }
const json = JSON.stringify(value)
const base64 = (text: string) => Buffer.from(text).toString('base64')
const FORM = { contentType: 'application/x-www-form-urlencoded' }
const JSON_DOCUMENT = { kind: 'json', value }

/** Title, body, and what else the request says. */
const same: [string, string | Buffer, Partial<ConnectorBody>?][] = [
  ['JSON', json],
  ['JSON with a byte order mark', `\ufeff${json}`],
  ['JSON without a type', json, { contentType: null }],
  ['JSON that calls itself a text, as browsers send it', json, { contentType: 'text/plain;charset=UTF-8' }],
  ['JSON that calls itself a form, as curl sends it', json, FORM],
  ['gzip', gzipSync(json), { contentEncoding: 'gzip' }],
  ['x-gzip, in whatever letters', gzipSync(json), { contentEncoding: ' X-GZIP ' }],
  ['deflate', deflateSync(json), { contentEncoding: 'deflate' }],
  ['br', brotliCompressSync(json), { contentEncoding: 'br' }],
  ['identity', json, { contentEncoding: 'identity' }],
  ['gzip that calls itself a text, as browsers send it', gzipSync(json), { contentType: 'text/plain' }],
  ['a form with base64', `data=${encodeURIComponent(base64(json))}`, FORM],
  ['a form with base64 and no type', `data=${encodeURIComponent(base64(json))}`, { contentType: null }],
  ['a form with JSON', `verbose=1&data=${encodeURIComponent(json)}`, FORM],
  ['a form with gzip in base64', `data=${encodeURIComponent(gzipSync(json).toString('base64'))}`, FORM],
  [
    'a form that is gzip',
    gzipSync(`data=${encodeURIComponent(base64(json))}`),
    { ...FORM, contentEncoding: 'gzip' },
  ],
  ['a query with base64', '', { query: { data: base64(json) } }],
  ['a query with JSON', '', { query: { data: json } }],
  ['a query with base64 for URLs', '', { query: { data: Buffer.from(json).toString('base64url') } }],
]

/** Title, body, what else the request says, code, and message. */
const refusals: [string, string | Buffer, Partial<ConnectorBody>, string, RegExp][] = [
  ['nothing', '', {}, 'malformed_json', /^The body is empty; JSON was expected\.$/],
  ['spaces', ' \n ', {}, 'malformed_json', /^The body is empty/],
  [
    'what is no JSON',
    '{"a":1,}',
    {},
    'malformed_json',
    /^The body is not valid JSON: the mistake is at line 1, column 8\.$/,
  ],
  ['JSON that was cut off', '[{"a":1},\n{"b":2}', {}, 'malformed_json', /it ends too early\.$/],
  ['a form without data', 'a=1', FORM, 'malformed_json', /^The field data is missing or empty/],
  [
    'a form with what is neither',
    'data=hello',
    FORM,
    'malformed_json',
    /^The field data is neither JSON nor base64 of JSON\.$/,
  ],
  ['what is no gzip', json, { contentEncoding: 'gzip' }, 'malformed_json', /^The body is not valid gzip\.$/],
  [
    'gzip that was cut off',
    gzipSync(json).subarray(0, 20),
    { contentEncoding: 'gzip' },
    'malformed_json',
    /not valid gzip/,
  ],
  [
    'another coding',
    json,
    { contentEncoding: 'compress' },
    'unsupported_media_type',
    /^Content-Encoding compress is not known; use gzip, deflate or br\.$/,
  ],
  [
    'a body past the limit',
    json,
    { limitBytes: 10 },
    'body_too_large',
    /larger than 10 bytes once it is inflated/,
  ],
]

describe('the body of a connector', () => {
  for (const [title, body, rest] of same)
    it(`may be ${title}`, () => expect(decode(requestOf(body, rest))).to.deep.equal(JSON_DOCUMENT))

  for (const [title, body, rest, code, message] of refusals)
    it(`must not be ${title}`, () => {
      const answer = decode(requestOf(body, rest))
      expect(answer).to.include({ kind: 'refused', code })
      expect(answer).to.have.property('message').that.matches(message)
    })

  it('may have a + in its base64 that nobody escaped', () => {
    const text = JSON.stringify({ a: '\u00fb\u00ff>>>???~~~', b: 'ûûû' })
    expect(base64(text)).to.include('+')
    expect(decode(requestOf(`data=${base64(text)}`, FORM))).to.deep.equal({
      kind: 'json',
      value: JSON.parse(text),
    })
  })

  for (const [coding, pack] of [
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ] as const)
    it(`is not inflated past its limit by ${coding}`, () => {
      const bomb = pack(Buffer.alloc(5_000_000, 0x20))
      const answer = decode(requestOf(bomb, { contentEncoding: coding, limitBytes: 1_000_000 }))
      expect(answer).to.include({ kind: 'refused', code: 'body_too_large' })
      expect(answer).to.have.property('message').that.includes('1000000 bytes')
    })

  it('is not inflated past its limit where it does not say that it is packed, nor inside a form', () => {
    const bomb = gzipSync(Buffer.alloc(5_000_000, 0x20))
    for (const body of [
      requestOf(bomb),
      requestOf(`data=${encodeURIComponent(bomb.toString('base64'))}`, FORM),
      requestOf(gzipSync(bomb), { contentEncoding: 'gzip' }),
    ])
      expect(decode({ ...body, limitBytes: 1_000_000 })).to.include({
        kind: 'refused',
        code: 'body_too_large',
      })
  })

  it('is not inflated further once it is past its limit', () => {
    const bomb = Buffer.concat(Array(60).fill(gzipSync(Buffer.alloc(5_000_000, 0x20))))
    const before = process.resourceUsage().maxRSS
    const answer = decode(requestOf(bomb, { contentEncoding: 'gzip', limitBytes: 1_000_000 }))
    expect(answer).to.include({ kind: 'refused', code: 'body_too_large' })
    expect((process.resourceUsage().maxRSS - before) / 1_024, 'MiB').to.be.below(100)
  })

  it('may be lines, which are judged one by one', () => {
    const lines = `${json}\r\n\n{"event":\n7\n${json}`
    const { items, rejected } = read('mixpanel', lines, { contentType: 'application/x-ndjson' })
    expect(items).to.have.length(2)
    expect(rejected).to.deep.equal([
      { index: 1, where: '/1', reason: 'is not valid JSON: it ends too early' },
      { index: 2, where: '/2', reason: 'must be an object' },
    ])
  })

  it('may be lines without saying so, even where the first of them is broken', () => {
    expect(read('mixpanel', `${json}\n${json}\n`).items).to.have.length(2)
    expect(read('mixpanel', `{"event":\n${json}\n`))
      .to.have.property('items')
      .with.length(1)
    expect(read('mixpanel', `${json}\n`, { contentType: 'application/x-ndjson' }).items).to.have.length(1)
  })

  it('may have 10,000 items and no more', () => {
    const items = (count: number) => Array(count).fill(value)
    expect(read('mixpanel', items(10_000)).items).to.have.length(10_000)
    for (const body of [items(10_001), { batch: items(10_001) }, `${json}\n`.repeat(10_001)])
      expect(() => read('mixpanel', body)).to.throw(
        'The body has 10001 items; at most 10000 are taken at a time.',
      )
  })

  it('spoils only the text in which its bytes are no UTF-8', () => {
    const bytes = Buffer.concat([
      Buffer.from('[{"event":"a'),
      Buffer.from([0xff]),
      Buffer.from(`","properties":{"distinct_id":"u"}},${json}]`),
    ])
    expect(brief(read('mixpanel', bytes).items)).to.deep.equal([
      { kind: 'event', type: 'a\ufffd', userId: 'u', data: {} },
      { kind: 'event', type: 'e', userId: 'u', data: { text: value.properties.text } },
    ])
  })
})
