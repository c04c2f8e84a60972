import crypto from 'node:crypto'
import { expect } from 'chai'
import { Webhook } from 'standardwebhooks'
import { dispatchBody } from '../../src/dispatch/request.ts'
import { retryAfterMs } from '../../src/dispatch/retry-after.ts'
import { signDispatch } from '../../src/dispatch/signing.ts'

// As the Retivo page shows it, word for word.
function verifyRetivo(body: string, signature: string, secret: string): boolean {
  const expected = crypto.createHmac('sha256', secret).update(body).digest('hex')
  return crypto.timingSafeEqual(Buffer.from(signature), Buffer.from(expected))
}

const secret = crypto.randomBytes(32).toString('hex')
const action = {
  id: 'ea_01KAJ0000000000000000000AB',
  typeName: 'grant_points',
  userId: 'user "123" – ü',
  parameters: '{"amount":500,"reason":"re-engagement bonus"}',
  reasoning: 'quiet\nfor 14 days',
  confidence: 0.82,
  tenant: '3f0c2c0e-0000-4000-8000-000000000001',
}

function signed(nowMs: number) {
  const body = dispatchBody(action, nowMs)
  const flat = signDispatch({ body, secret, actionId: action.id, nowMs, headerPrefix: 'X-Retivo-' })
  const headers: Record<string, string> = {}
  for (let i = 0; i < flat.length; i += 2) headers[flat[i]!] = flat[i + 1]!
  return { body, headers }
}

describe('a dispatch', () => {
  let now: number
  let body: string
  let headers: Record<string, string>
  // Not when the file is read: the whole suite may run for longer than a signature is good.
  before(() => {
    now = Date.now()
    ;({ body, headers } = signed(now))
  })

  it('has the body of the page, key by key, with confidence as a string', () => {
    expect(Object.keys(JSON.parse(body))).to.deep.equal([
      'action_id',
      'action_type',
      'user_id',
      'parameters',
      'reasoning',
      'confidence',
      'tenant_id',
      'timestamp',
    ])
    expect(JSON.parse(body)).to.include({
      user_id: action.userId,
      confidence: '0.82',
      timestamp: new Date(now).toISOString(),
    })
    expect(JSON.parse(body).parameters).to.deep.equal({ amount: 500, reason: 're-engagement bonus' })
  })

  it('says null where there is no reasoning and no confidence', () => {
    const bare = JSON.parse(dispatchBody({ ...action, reasoning: null, confidence: null }, now))
    expect(bare).to.include({ reasoning: null, confidence: null })
  })

  it('is accepted by the function on the page, and not after a change', () => {
    expect(verifyRetivo(body, headers['X-Retivo-Signature']!, secret)).to.equal(true)
    expect(verifyRetivo(`${body} `, headers['X-Retivo-Signature']!, secret)).to.equal(false)
  })

  it('is accepted by standardwebhooks with the same key, and not under another id', () => {
    const webhook = new Webhook(secret, { format: 'raw' })
    expect(webhook.verify(body, headers)).to.deep.equal(JSON.parse(body))
    expect(() => webhook.verify(body, { ...headers, 'webhook-id': 'ea_other' })).to.throw()
  })

  it('names the action and the time in its headers', () => {
    expect(headers['X-Retivo-Action-Id']).to.equal(action.id)
    expect(headers['webhook-id']).to.equal(action.id)
    expect(headers['X-Retivo-Timestamp']).to.equal(new Date(now).toISOString())
  })
})

describe('Retry-After', () => {
  const now = Date.parse('2026-11-21T00:00:00Z')
  for (const [value, expected] of [
    ['120', 120_000],
    ['0', 0],
    ['Sat, 21 Nov 2026 00:01:00 GMT', 60_000],
    ['Sat, 21 Nov 2020 00:01:00 GMT', 0],
    ['-5', null],
    ['soon', null],
    ['1.5', null],
    [undefined, null],
  ] as const) {
    it(`reads ${value} as ${expected} ms`, () => expect(retryAfterMs(value, now)).to.equal(expected))
  }
})
