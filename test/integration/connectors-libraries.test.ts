import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { Installation } from '../support/installation.ts'
import { keptEvents } from '../support/kept-events.ts'

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64')

describe('the addresses of the vendors’ libraries', () => {
  let here: Installation

  before(async () => {
    here = await Installation.start()
  })
  after(() => here.stop())

  /** A request as a library makes it: without a header of ours. */
  const send = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(here.url + path, { method: 'POST', ...init })
    return { status: answer.status, text: await answer.text() }
  }
  const json = (value: unknown): RequestInit => ({ body: JSON.stringify(value) })

  const kept = async (source: string, user: string) =>
    (await keptEvents(here, source))
      .filter(({ user_id }) => user_id === user)
      .map(({ kind, type }) => (kind === 'event' ? type : kind))

  it('of Segment know a call by its address, and a caller by either way of the key', async () => {
    const user = { userId: 'calls', writeKey: here.keys.live }
    const authorization = `Basic ${Buffer.from(`${here.keys.live}:`).toString('base64')}`
    const calls: [string, object][] = [
      ['track', { event: 'Tracked' }],
      ['identify', { traits: { a: 1 } }],
      ['page', { name: 'Home' }],
      ['alias', { previousId: 'before' }],
      ['screen', { name: 'Home' }],
      ['group', { groupId: 'g' }],
      ['batch', { batch: [{ type: 'track', userId: 'calls', event: 'Batched' }] }],
      ['import', { batch: [{ type: 'track', userId: 'calls', event: 'Imported' }] }],
    ]
    for (const [call, fields] of calls) {
      expect(await send(`/v1/${call}`, json({ ...user, ...fields }))).to.deep.equal({
        status: 200,
        text: '{"success":true}',
      })
    }
    const { status } = await send('/v1/track', {
      headers: { authorization },
      ...json({ userId: 'calls', event: 'Basic' }),
    })
    expect(status).to.equal(200)
    expect(await kept('segment', 'calls')).to.deep.equal([
      'Tracked',
      'traits',
      'page_viewed',
      'join',
      'Batched',
      'Imported',
      'Basic',
    ])
  })

  it('of PostHog take an event alone, a list and a form', async () => {
    const event = (name: string) => ({ event: name, distinct_id: 'shapes', api_key: here.keys.live })
    const sent = [
      ['/capture/', json(event('alone'))],
      ['/capture', json({ api_key: here.keys.live, batch: [event('listed')] })],
      ['/e/?ip=1&compression=gzip-js', { body: gzipSync(JSON.stringify([event('zipped')])) }],
      ['/i/v0/e/', { body: new URLSearchParams({ data: base64(event('form')) }) }],
      [`/batch/?api_key=${here.keys.live}`, json({ batch: [{ ...event('query'), api_key: undefined }] })],
    ] as const
    for (const [path, init] of sent)
      expect(await send(path, init), path).to.deep.equal({ status: 200, text: '{"status":"Ok"}' })
    expect(await kept('posthog', 'shapes')).to.deep.equal(['alone', 'listed', 'zipped', 'form', 'query'])
  })

  it('of PostHog say that there are no flags, no configuration and no surveys', async () => {
    for (const [method, path] of [
      ['POST', '/flags/?v=2&config=true'],
      ['POST', '/decide/?v=3'],
      ['GET', `/array/${here.keys.live}/config?x=1`],
      ['GET', '/api/surveys/?token=x'],
      ['GET', '/flags/definitions?token=x&send_cohorts'],
      ['GET', '/api/feature_flag/local_evaluation?token=x'],
    ] as const) {
      const { status, text } = await send(path, {
        method,
        ...(method === 'POST' ? json({ token: 'x' }) : {}),
      })
      expect(status, path).to.equal(200)
      const { flags = {}, featureFlags = {}, surveys = [] } = JSON.parse(text)
      expect([...Object.keys(flags), ...Object.keys(featureFlags), ...Object.keys(surveys)]).to.be.empty
    }
  })

  it('of Mixpanel answer in the form that was asked for', async () => {
    const event = (name: string) => ({
      event: name,
      properties: { distinct_id: 'forms', token: here.keys.live },
    })
    const query = (name: string) => encodeURIComponent(base64(event(name)))
    const form = (value: unknown) => ({ body: `data=${base64(value)}` })
    const sent: [string, RequestInit, string][] = [
      [`/track?data=${query('get')}`, { method: 'GET' }, '1'],
      [`/track/?verbose=1&data=${query('verbose')}`, { method: 'GET' }, '{"status":1,"error":null}'],
      ['/track', form([event('form')]), '1'],
      ['/track', json([event('json')]), '1'],
      ['/import?verbose=1', form([event('form import')]), '{"status":1,"error":null}'],
      [
        '/import?strict=1&project_id=7',
        json([event('import'), event('import 2')]),
        '{"code":200,"status":"OK","num_records_imported":2}',
      ],
      ['/engage', json([{ $token: here.keys.live, $distinct_id: 'forms', $set: { a: 1 } }]), '1'],
      [
        '/groups',
        json([{ $token: here.keys.live, $group_key: 'c', $group_id: 'acme', $set: { a: 1 } }]),
        '1',
      ],
    ]
    for (const [path, init, text] of sent)
      expect(await send(path, init), path).to.deep.equal({ status: 200, text })
    expect(await kept('mixpanel', 'forms')).to.deep.equal([
      'get',
      'verbose',
      'form',
      'json',
      'form import',
      'import',
      'import 2',
      'traits',
    ])
  })

  it('refuse a body without a key, with an unknown one, and of nobody', async () => {
    for (const [init, status, words] of [
      [json({ event: 'e', distinct_id: 'u' }), 401, 'No API key was found'],
      [json({ event: 'e', distinct_id: 'u', api_key: 'phc_of_posthog' }), 401, 'not known'],
      [json({ event: 'e', api_key: here.keys.live }), 400, 'Missing user_id'],
      [{ body: 'no JSON' }, 400, 'not valid JSON'],
      [
        { headers: { authorization: 'Bearer wrong' }, ...json({ event: 'e', api_key: here.keys.live }) },
        401,
        'not known',
      ],
    ] as [RequestInit, number, string][]) {
      const answer = await send('/batch/', init)
      expect(answer.status).to.equal(status)
      expect(answer.text).to.include(words)
    }
  })

  it('read no more than a megabyte for a key in a body, and more for one in a header', async () => {
    const body = JSON.stringify({
      api_key: here.keys.live,
      batch: [{ event: 'large', distinct_id: 'large', properties: { x: 'x'.repeat(1_100_000) } }],
    })
    expect((await send('/batch/', { body })).status).to.equal(413)
    expect((await send('/batch/', { body: gzipSync(body) })).status).to.equal(413)
    const headers = { authorization: `Bearer ${here.keys.live}` }
    expect((await send('/batch/', { headers, body })).status).to.equal(200)
  })

  it('answer other methods with what they take', async () => {
    expect((await send('/v1/batch', { method: 'GET' })).status).to.equal(405)
    expect((await send('/v1/unknown')).status).to.equal(404)
    const data = base64({ event: 'head', properties: { distinct_id: 'head', token: here.keys.live } })
    expect((await send(`/track?data=${encodeURIComponent(data)}`, { method: 'HEAD' })).status).to.equal(405)
    expect(await kept('mixpanel', 'head')).to.be.empty
  })
})
