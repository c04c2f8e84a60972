import { createHmac } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { createOperatorKey } from '../../src/ledger/tenants/keys.ts'
import { Installation } from '../support/installation.ts'

const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

describe('POST /api/connectors', () => {
  let here: Installation

  before(async () => {
    here = await Installation.start()
  })
  after(() => here.stop())

  const post = (source: string, body: unknown, options: { key?: string; method?: string } = {}) =>
    here.call(options.method ?? 'POST', `/api/connectors/${source}`, body, options)

  /** A request without the key of `here.call`. */
  const raw = async (path: string, init: RequestInit) => {
    const answer = await fetch(here.url + path, { method: 'POST', ...init })
    return { status: answer.status, body: (await answer.json()) as any }
  }

  const rows = async (userId: string) =>
    (
      await here.ledger.pool.query(
        `select kind, type, data, date_part('epoch', time) * 1000 as time, source, test, is_anonymous, dedupe_id from event where user_id = $1 order by seq`,
        [userId],
      )
    ).rows

  describe('of the API page', () => {
    const timestamp = '2026-04-04T12:00:00.000Z'
    const cases: [string, string, object, object, object][] = [
      [
        'identify of Segment',
        'segment',
        {
          type: 'identify',
          userId: 'page-1',
          traits: { name: 'Jane Smith', email: 'jane@example.com', company: { name: 'Acme Inc' } },
          timestamp,
        },
        { accepted: 0, users_upserted: 1 },
        { kind: 'traits', type: '$traits' },
      ],
      [
        'track of Segment',
        'segment',
        {
          type: 'track',
          userId: 'page-2',
          event: 'Project Created',
          properties: { templateUsed: true },
          timestamp,
        },
        { accepted: 1, users_upserted: 0 },
        { type: 'Project Created', data: { templateUsed: true }, time: Date.parse(timestamp) },
      ],
      [
        'page of Segment',
        'segment',
        {
          type: 'page',
          userId: 'page-3',
          name: 'Dashboard',
          properties: { url: 'https://app.example.com/dashboard' },
        },
        { accepted: 1, users_upserted: 0 },
        { type: 'page_viewed', data: { url: 'https://app.example.com/dashboard', name: 'Dashboard' } },
      ],
      [
        'event of PostHog',
        'posthog',
        {
          event: 'project_created',
          distinct_id: 'page-4',
          properties: { $current_url: 'https://app.example.com/' },
          timestamp,
        },
        { accepted: 1, users_upserted: 0 },
        {
          type: 'project_created',
          data: { $current_url: 'https://app.example.com/' },
          time: Date.parse(timestamp),
        },
      ],
      [
        '$identify of PostHog',
        'posthog',
        { event: '$identify', distinct_id: 'page-5', properties: { $set: { name: 'Jane Smith' } } },
        { accepted: 0, users_upserted: 1 },
        { kind: 'traits' },
      ],
      [
        'event of Mixpanel',
        'mixpanel',
        {
          event: 'Project Created',
          properties: { distinct_id: 'page-6', time: 1743782400, $city: 'San Francisco' },
        },
        { accepted: 1, users_upserted: 0 },
        {
          type: 'Project Created',
          data: { $city: 'San Francisco' },
          time: 1_743_782_400_000,
          source: 'mixpanel',
        },
      ],
    ]
    for (const [i, [what, source, body, answer, row]] of cases.entries())
      it(`takes the ${what}`, async () => {
        expect(await post(source, body)).to.deep.include({ status: 200, body: answer })
        const [kept] = await rows(`page-${i + 1}`)
        expect(kept).to.deep.include({ source, test: false, is_anonymous: false, ...row })
      })

    it('answers 400 with its words where nobody is named, and says where', async () => {
      const { status, body } = await post('segment', { type: 'track', event: 'x' })
      expect(status).to.equal(400)
      expect(body).to.deep.include({ error: 'Missing user_id / distinct_id', code: 'no_usable_event' })
      expect(body.details[0].message).to.equal('is missing, and so is anonymousId')
    })
  })

  it('counts what is sent again once, and not for another tenant or a test key', async () => {
    const body = { event: 'seen', distinct_id: 'again', uuid: 'u-1' }
    const accepted = async (key: string) => (await post('posthog', body, { key })).body.accepted
    const { live, test, other } = here.keys
    expect([
      await accepted(live),
      await accepted(live),
      await accepted(test),
      await accepted(test),
      await accepted(other),
    ]).to.deep.equal([1, 0, 1, 0, 1])
  })

  it('counts users once, and those of a repeat not at all', async () => {
    const body = ['m-1', 'm-2'].map((messageId) => ({
      type: 'identify',
      userId: 'counted',
      messageId,
      traits: { a: 1 },
    }))
    expect((await post('segment', body)).body).to.deep.equal({ accepted: 0, users_upserted: 1 })
    expect((await post('segment', body)).body).to.deep.equal({ accepted: 0, users_upserted: 0 })
  })

  it('takes the good items of a body and names the bad ones', async () => {
    const { status, body } = await post('mixpanel', [
      { event: 'a', properties: { distinct_id: 'mixed' } },
      { event: 'b', properties: {} },
      { event: 7, properties: { distinct_id: 'mixed' } },
    ])
    expect(status).to.equal(200)
    expect(body).to.deep.include({ accepted: 1, users_upserted: 0 })
    expect(body.rejected.map(({ path }: { path: string }) => path.split('/')[1])).to.deep.equal(['1', '2'])
    expect(await rows('mixed')).to.have.length(1)
  })

  it('answers 200 to what is understood and not kept', async () => {
    expect(await post('segment', { type: 'group', userId: 'u', groupId: 'g' })).to.deep.include({
      status: 200,
      body: { accepted: 0, users_upserted: 0 },
    })
    expect((await post('segment', [])).status).to.equal(200)
  })

  it('keeps the order of a body, and an anonymous visitor as one', async () => {
    await post('segment', [
      { type: 'track', event: 'first', anonymousId: 'visitor' },
      { type: 'track', event: 'second', anonymousId: 'visitor' },
    ])
    expect((await rows('visitor')).map(({ type, is_anonymous }) => [type, is_anonymous])).to.deep.equal([
      ['first', true],
      ['second', true],
    ])
  })

  it('takes lines of JSON, gzip, a form, and PUT and PATCH', async () => {
    const event = (name: string) => JSON.stringify({ event: name, properties: { distinct_id: 'forms' } })
    const headers = { authorization: `Bearer ${here.keys.live}` }
    const sent = [
      raw('/api/connectors/mixpanel', {
        headers: { ...headers, 'content-type': 'application/x-ndjson' },
        body: `${event('l1')}\n${event('l2')}\n`,
      }),
      raw('/api/connectors/mixpanel', {
        headers: { ...headers, 'content-encoding': 'gzip' },
        body: gzipSync(event('gz')),
      }),
      raw('/api/connectors/mixpanel', {
        headers,
        body: new URLSearchParams({ data: Buffer.from(event('form')).toString('base64') }),
      }),
      raw('/api/connectors/mixpanel', { method: 'PUT', headers, body: event('put') }),
      raw('/api/connectors/mixpanel', { method: 'PATCH', headers, body: event('patch') }),
    ]
    expect((await Promise.all(sent)).map(({ body }) => body.accepted)).to.deep.equal([2, 1, 1, 1, 1])
    expect((await rows('forms')).map(({ type }) => type)).to.have.members([
      'l1',
      'l2',
      'gz',
      'form',
      'put',
      'patch',
    ])
  })

  it('knows its caller by Bearer, by either part of Basic and by the query, and keeps no key', async () => {
    const { live } = here.keys
    const event = (name: string) => ({
      body: JSON.stringify({ event: name, distinct_id: 'caller', api_key: live }),
    })
    const path = '/api/connectors/posthog'
    const answers = await Promise.all([
      raw(path, { ...event('bearer'), headers: { authorization: `Bearer ${live}` } }),
      raw(path, { ...event('user'), headers: { authorization: basic(live, '') } }),
      raw(path, { ...event('password'), headers: { authorization: basic('volley', live) } }),
      raw(`${path}?api_key=${live}`, event('query')),
    ])
    expect(answers.map(({ status }) => status)).to.deep.equal([200, 200, 200, 200])
    expect(await rows('caller')).to.have.length(4)
    const { rows: dump } = await here.ledger.pool.query('select e::text as text from event e')
    for (const { text } of dump) expect(text).to.not.include('rt_live_')
  })

  for (const [what, init] of [
    ['no key', {}],
    ['a key in the body alone', { key: 'body' }],
    ['an unknown key', { headers: { authorization: 'Bearer rt_live_unknown' } }],
    ['Basic without a key', { headers: { authorization: basic('me', 'secret') } }],
    ['Basic that is none', { headers: { authorization: 'Basic %%%' } }],
  ] as const) {
    it(`refuses ${what} before it reads a body`, async () => {
      const text = JSON.stringify({
        event: 'refused',
        distinct_id: 'r',
        ...('key' in init ? { api_key: here.keys.live } : {}),
      })
      const { status, body } = await raw('/api/connectors/posthog', { ...init, body: `${text}, not JSON` })
      expect(status).to.equal(401)
      expect(body.code).to.equal('unauthorized')
    })
  }

  it('refuses the key of an operator, a body that is no JSON, and one that is too large', async () => {
    const { key } = await createOperatorKey(here.ledger)
    expect((await post('segment', {}, { key })).body.code).to.equal('tenant_key_needed')
    expect((await post('segment', 'not JSON')).body.code).to.equal('malformed_json')
    expect((await post('segment', '')).body.code).to.equal('malformed_json')
    const large = await post('segment', `[${' '.repeat(here.config.bodyLimitBytes)}]`)
    expect(large).to.deep.include({ status: 413 })
    expect(large.body.code).to.equal('body_too_large')
    const bomb = await raw('/api/connectors/segment', {
      headers: { authorization: `Bearer ${here.keys.live}`, 'content-encoding': 'gzip' },
      body: gzipSync(`[${' '.repeat(here.config.bodyLimitBytes)}]`),
    })
    expect(bomb.status).to.equal(413)
  })

  it('says to a test key what rules would decide, and keeps what it sent apart', async () => {
    await here.actionType({ delivery_webhook: 'http://127.0.0.1:9/' })
    const event = (distinct_id: string, value: number) => ({
      event: 'custom.cart.abandoned',
      distinct_id,
      properties: { value },
    })
    const { body } = await post('posthog', event('tested', 40), { key: here.keys.test })
    expect(body).to.deep.equal({
      accepted: 1,
      users_upserted: 0,
      would_decide: [
        {
          event: 'custom.cart.abandoned',
          user_id: 'tested',
          domain: 'loyalty',
          action: 'grant_points',
          parameters: { amount: 200, reason: 'come back bonus' },
          would_send: true,
          reason: null,
        },
      ],
    })
    expect((await post('posthog', event('small', 1), { key: here.keys.test })).body).to.deep.equal({
      accepted: 1,
      users_upserted: 0,
    })
    expect((await rows('tested')).map(({ test }) => test)).to.deep.equal([true])
    expect((await post('posthog', event('live', 40))).body).to.not.have.property('would_decide')
  })

  describe('of Segment, signed', () => {
    const path = '/api/connectors/segment/secret'
    const secret = 'shared with Segment'
    const text = JSON.stringify({ type: 'track', event: 'signed', userId: 'signer' })
    const sign = (body: string, by = secret) => createHmac('sha1', by).update(body).digest('hex')
    const send = (signature?: string, body = text) =>
      raw('/api/connectors/segment', {
        headers: {
          authorization: `Bearer ${here.keys.live}`,
          ...(signature === undefined ? {} : { 'x-signature': signature }),
        },
        body,
      })

    before(async () => {
      expect((await here.call('GET', path)).body).to.deep.equal({ configured: false })
      expect((await here.call('PUT', path, { secret })).body).to.deep.equal({ configured: true })
    })
    after(async () => {
      expect((await here.call('DELETE', path)).body).to.deep.equal({ configured: false })
      expect((await send()).status).to.equal(200)
    })

    it('is taken with its signature alone, of the body or of the first item of a list', async () => {
      expect((await send(sign(text))).status).to.equal(200)
      expect((await send(sign(text), `[${text},${text}]`)).status).to.equal(200)
      for (const wrong of [undefined, '', sign(text, 'another'), sign(`${text} `)]) {
        const { status, body } = await send(wrong)
        expect([status, body.code], wrong).to.deep.equal([401, 'signature_invalid'])
      }
    })

    it('asks nothing of another tenant, of another vendor, or of the library', async () => {
      expect((await post('segment', JSON.parse(text), { key: here.keys.other })).status).to.equal(200)
      expect((await post('posthog', { event: 'e', distinct_id: 'u' })).status).to.equal(200)
      expect((await here.call('POST', '/v1/track', { event: 'e', userId: 'u' })).status).to.equal(200)
    })

    it('keeps the secret sealed, and lets no test key change it', async () => {
      const { rows: tenants } = await here.ledger.pool.query('select segment_secret from tenant')
      expect(
        Buffer.concat(tenants.flatMap((row) => row.segment_secret ?? [])).toString('latin1'),
      ).to.not.include(secret)
      for (const method of ['PUT', 'DELETE']) {
        const body = method === 'PUT' ? { secret: 'another one' } : undefined
        expect((await here.call(method, path, body, { key: here.keys.test })).body.code).to.equal(
          'live_key_needed',
        )
      }
    })
  })

  describe('of the cohort webhook of Mixpanel', () => {
    const message = (members: unknown[]) => ({
      action: 'add_members',
      parameters: {
        mixpanel_cohort_id: '7',
        mixpanel_cohort_name: 'VIP',
        page_info: { total_pages: 1, page_count: 1 },
        members,
      },
    })

    it('puts its members into the cohort and gets the reply that it wants', async () => {
      const { status, body } = await raw('/api/connectors/mixpanel', {
        headers: { authorization: basic('volley', here.keys.live) },
        body: JSON.stringify(message([{ mixpanel_distinct_id: 'member', email: 'm@example.com' }])),
      })
      expect([status, body]).to.deep.equal([200, { action: 'add_members', status: 'success' }])
      const [kept] = await rows('member')
      expect(kept.data).to.deep.include({
        set: { email: 'm@example.com' },
        union: { mixpanel_cohorts: ['7'] },
      })
    })

    it('hears in its own words that nobody was named', async () => {
      const { status, body } = await post('mixpanel', message([{ email: 'm@example.com' }]))
      expect(status).to.equal(400)
      expect(body).to.deep.equal({
        action: 'add_members',
        status: 'failure',
        error: { message: 'Missing user_id / distinct_id', code: 400 },
      })
    })
  })
})
