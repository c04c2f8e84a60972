import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { createKey, revokeKey } from '../../src/ledger/tenants/keys.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'

const TYPES = '/api/external/action-types'
const EVENTS = '/api/external/events'
const LIMIT = 200_000

interface Raw {
  status: number
  headers: IncomingHttpHeaders
  body: any
}

describe('the edge, given bad input', () => {
  let here: Installation

  before(async () => {
    here = await Installation.start({ env: { VOLLEY_BODY_LIMIT: String(LIMIT) } })
  })
  after(() => here.stop())

  /** Bytes as they are, with no header added but the key. */
  async function post(
    bytes: Buffer | string,
    headers: Record<string, string> = {},
    path = EVENTS,
    agent?: Agent,
  ): Promise<Raw> {
    const request = httpRequest(here.url + path, {
      method: 'POST',
      agent,
      headers: { authorization: `Bearer ${here.keys.live}`, 'content-type': 'application/json', ...headers },
    })
    request.end(bytes)
    const [response] = await once(request, 'response')
    const text = (await response.toArray()).join('')
    return { status: response.statusCode, headers: response.headers, body: JSON.parse(text) }
  }

  const events = (data: string) => `{"events":[{"type":"custom.a.b","user_id":"u","data":${data}}]}`

  for (const [what, bytes, status, code, says] of [
    ['nothing', '', 400, 'malformed_json', /empty/],
    ['only blanks', ' \n', 400, 'malformed_json', /empty/],
    ['a cut-off document', '{"events":[', 400, 'malformed_json', /ends too early/],
    ['a misplaced comma', '{"events":\n [1,]}', 400, 'malformed_json', /line 2, column 5/],
    ['a comment', '{} // x', 400, 'malformed_json', /line 1, column 4/],
    ['invalid UTF-8', Buffer.from([0x22, 0xc3, 0x28, 0x22]), 400, 'malformed_json', /UTF-8/],
    ['UTF-16', Buffer.from('\ufeff{}', 'utf16le'), 400, 'malformed_json', /UTF-8/],
    ['65 levels', events('['.repeat(62) + ']'.repeat(62)), 400, 'malformed_json', /deeper than 64/],
    ['levels enough to exhaust a stack', '['.repeat(LIMIT - 1), 400, 'malformed_json', /deeper than 64/],
    ['a list', '[]', 400, 'invalid_body', /shape/],
    ['null', 'null', 400, 'invalid_body', /shape/],
    ['a text', '"x"', 400, 'invalid_body', /shape/],
    ['a number past the doubles', events('{"a":1e400}'), 400, 'invalid_body', /shape/],
    ['a NUL', events('{"a":"x\\u0000"}'), 400, 'invalid_body', /shape/],
    ['a NUL in a name', events('{"\\u0000":1}'), 400, 'invalid_body', /shape/],
    ['half of a surrogate pair', events('{"a":"\\ud800"}'), 400, 'invalid_body', /shape/],
    ['a name that would poison', events('{"__proto__":{"admin":true}}'), 400, 'invalid_body', /shape/],
    ['a body above the limit', events(`"${'x'.repeat(LIMIT)}"`), 413, 'body_too_large', /200000/],
  ] as const) {
    it(`answers ${what} with ${status} ${code}`, async () => {
      const answer = await post(bytes)
      expect([answer.status, answer.body.code]).to.deep.equal([status, code])
      expect(answer.body.error).to.match(says)
      expect(answer.headers['x-request-id']).to.match(/^rq_/)
    })
  }

  it('says where the trouble is inside a body', async () => {
    const { body } = await post(events('{"a/b":[0,"\\u0000"]}'))
    expect(body.details).to.deep.equal([
      { path: '/events/0/data/a~1b/1', message: 'must not contain the NUL character' },
    ])
  })

  it('takes a byte order mark, a body without a content type, and properties that nobody knows', async () => {
    expect((await post(`\ufeff${events('{}')}`)).status).to.equal(202)
    expect(
      (await post(events('{}'), { 'content-type': 'application/vnd.api+json; charset="UTF-8"' })).status,
    ).to.equal(202)
    const answer = await fetch(here.url + EVENTS, {
      method: 'POST',
      headers: { authorization: `Bearer ${here.keys.live}` },
      body: Buffer.from(events('{}').replace('{', '{"later":1,')),
    })
    expect(answer.status).to.equal(202)
  })

  it('takes 64 levels', async () => {
    expect((await post(events(`{"a":${'['.repeat(60)}${']'.repeat(60)}}`))).status).to.equal(202)
  })

  for (const [type, coding] of [
    ['text/plain', undefined],
    ['application/x-www-form-urlencoded', undefined],
    ['application/json; charset=latin1', undefined],
    ['application/json', 'zstd'],
    ['application/json', 'gzip, gzip'],
  ] as const) {
    it(`refuses ${type}${coding === undefined ? '' : ` in ${coding}`} with 415`, async () => {
      const headers = {
        'content-type': type,
        ...(coding === undefined ? {} : { 'content-encoding': coding }),
      }
      const answer = await post(events('{}'), headers)
      expect([answer.status, answer.body.code]).to.deep.equal([415, 'unsupported_media_type'])
    })
  }

  describe('a compressed body', () => {
    for (const [coding, compress] of [
      ['gzip', gzipSync],
      ['deflate', deflateSync],
      ['br', brotliCompressSync],
    ] as const) {
      it(`is read in ${coding}, with the limit on what it inflates to`, async () => {
        const headers = { 'content-encoding': coding }
        expect((await post(compress(events('{}')), headers)).status).to.equal(202)
        const bomb = await post(compress(Buffer.alloc(50_000_000, 0x20)), headers)
        expect([bomb.status, bomb.body.code]).to.deep.equal([413, 'body_too_large'])
        const broken = await post('no such thing', headers)
        expect([broken.status, broken.body.code]).to.deep.equal([400, 'malformed_json'])
        const cut = await post(compress(events('{}')).subarray(0, 20), headers)
        expect([cut.status, cut.body.code]).to.deep.equal([400, 'malformed_json'])
      })
    }
  })

  it('counts a body in chunks against the limit although no length was announced', async () => {
    const answer = await post('x'.repeat(LIMIT * 3), { 'transfer-encoding': 'chunked' })
    expect([answer.status, answer.body.code]).to.deep.equal([413, 'body_too_large'])
  })

  it('goes on with the next request on the connection where a body was refused halfway', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    try {
      for (let i = 0; i < 3; i++) {
        const { status } = await post(
          'x'.repeat(LIMIT * 3),
          { 'transfer-encoding': 'chunked' },
          EVENTS,
          agent,
        )
        expect(status).to.equal(413)
        expect((await post(events('{}'), {}, EVENTS, agent)).status).to.equal(202)
      }
    } finally {
      agent.destroy()
    }
  })

  it('lets the client read the refusal of an upload of many megabytes', async () => {
    for (let i = 0; i < 5; i++) {
      const { status } = await here.call('POST', EVENTS, 'x'.repeat(20_000_000))
      expect(status).to.equal(413)
    }
  })

  it('outlives clients that leave in the middle of a body, compressed or not', async () => {
    for (const coding of ['identity', 'gzip']) {
      const socket = connect(Number(new URL(here.url).port), '127.0.0.1')
      socket.write(
        `POST ${EVENTS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${here.keys.live}\r\n` +
          `content-encoding: ${coding}\r\ncontent-length: 1000\r\n\r\n\x1f\x8b\x08`,
      )
      await once(socket, 'ready')
      socket.destroy()
    }
    expect((await here.call('GET', '/healthz')).status).to.equal(200)
  })

  describe('addresses and methods', () => {
    it('answers an unknown path with 404 as JSON, before any key is asked for', async () => {
      for (const path of [
        '/',
        '/api',
        '/api/external/nothing',
        '/%00',
        '/%ff',
        '//',
        '/api/external/action-types/a/b',
      ]) {
        const { status, body } = await here.call('GET', path, undefined, { key: 'none' })
        expect([status, body.code], path).to.deep.equal([404, 'not_found'])
      }
    })

    it('answers a wrong method with 405 and lists the right ones', async () => {
      const answer = await here.call('DELETE', TYPES)
      expect([answer.status, answer.body.code]).to.deep.equal([405, 'method_not_allowed'])
      expect(answer.headers.get('allow')!.split(', ')).to.have.members(['GET', 'HEAD', 'POST', 'OPTIONS'])
      expect((await here.call('PATCH', `${TYPES}/at_x`)).status).to.equal(405)
    })

    it('answers OPTIONS with what may be asked, and HEAD like GET without a body', async () => {
      const options = await fetch(here.url + EVENTS, { method: 'OPTIONS' })
      expect([options.status, options.headers.get('allow')]).to.deep.equal([204, 'POST, OPTIONS'])
      const head = await fetch(`${here.url}/healthz`, { method: 'HEAD' })
      expect([head.status, await head.text()]).to.deep.equal([200, ''])
    })

    it('serves its own description without a key', async () => {
      const answer = await fetch(`${here.url}/api/openapi.json`)
      expect([answer.status, ((await answer.json()) as any).openapi]).to.deep.equal([200, '3.1.0'])
    })
  })

  describe('keys', () => {
    it('answers each missing or wrong one with 401 and how to authenticate', async () => {
      const wrong = [
        undefined,
        '',
        'Bearer',
        'Bearer x',
        'Basic dTpw',
        `Bearer rt_live_${'a'.repeat(43)}`,
        here.keys.live,
      ]
      for (const authorization of wrong) {
        const answer = await fetch(here.url + TYPES, {
          headers: authorization === undefined ? {} : { authorization },
        })
        expect(answer.status, authorization).to.equal(401)
        expect(answer.headers.get('www-authenticate')).to.equal('Bearer')
        expect(((await answer.json()) as any).code).to.equal('unauthorized')
      }
    })

    it('ends a revoked one within the seconds that it is remembered', async () => {
      const { id, key } = await createKey(here.ledger, { tenant: 'acme', mode: 'live' })
      expect((await here.call('GET', TYPES, undefined, { key })).status).to.equal(200)
      await revokeKey(here.ledger, id)
      await eventually(async () => {
        expect((await here.call('GET', TYPES, undefined, { key })).status).to.equal(401)
      }, 7_000)
    })
  })

  it('tells nothing of its inside when something fails there', async () => {
    await here.ledger.pool.query('alter table decision rename to decision_away')
    try {
      const answer = await here.call('GET', '/api/decisions/de_01KAJX0M6Q8V2Y3R5T7W9ZBCDE')
      expect([answer.status, answer.body.code]).to.deep.equal([500, 'internal'])
      expect(answer.body.details[0].message).to.equal(`request ${answer.headers.get('x-request-id')}`)
      expect(JSON.stringify(answer.body)).to.not.match(/decision|select|src|\.ts/)
    } finally {
      await here.ledger.pool.query('alter table decision_away rename to decision')
    }
  })
})
