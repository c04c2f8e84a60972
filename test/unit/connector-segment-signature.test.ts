import { createHmac } from 'node:crypto'
import { expect } from 'chai'
import { isSignedBySegment } from '../../src/connectors/segment-signature.ts'

const SECRET = 'shared'
const sign = (text: string, secret = SECRET) => createHmac('sha1', secret).update(text).digest('hex')
const isSigned = (body: string, signature: string | undefined, secret = SECRET) =>
  isSignedBySegment(Buffer.from(body), signature, secret)

const event = '{"type":"track","userId":"u","event":"a \\" } ]","properties":{"list":[{}]}}'

describe('the signature of Segment', () => {
  it('is the HMAC that other programs make', () =>
    expect(isSigned('{"a":1}', '3d68fa02f2449b6d8f3d44c0e0c9cc9ef771782a')).to.equal(true))

  it('signs one event by its bytes', () => {
    expect(isSigned(event, sign(event))).to.equal(true)
    expect(isSigned(event, sign(event).toUpperCase())).to.equal(true)
    expect(isSigned(`${event} `, sign(event))).to.equal(false)
    expect(isSigned(event.replace('track', 'trick'), sign(event))).to.equal(false)
  })

  it('signs the first of a list, as it is written or as JSON.stringify writes it', () => {
    expect(isSigned(`[${event},{"type":"page"}]`, sign(event))).to.equal(true)
    expect(isSigned(`[ ${event} ]`, sign(event))).to.equal(true)
    expect(isSigned(`[{ "a" : 1 }, {}]`, sign('{"a":1}'))).to.equal(true)
    expect(isSigned(`[{"type":"page"},${event}]`, sign(event))).to.equal(false)
  })

  it('is refused with another secret, with none, without a header, and with one of another form', () => {
    expect(isSigned(event, sign(event, 'other'))).to.equal(false)
    expect(isSigned(event, sign(event, ''), '')).to.equal(false)
    for (const signature of [
      undefined,
      '',
      'sha1',
      sign(event).slice(2),
      `sha1=${sign(event)}`,
      'g'.repeat(40),
    ])
      expect(isSigned(event, signature), String(signature)).to.equal(false)
  })

  it('is refused for bodies that are no event', () => {
    for (const body of ['', '[', '[]', '[1]', '[{', '[{"a":"}', '{', 'null'])
      expect(isSigned(body, sign('{}')), body).to.equal(false)
  })
})
