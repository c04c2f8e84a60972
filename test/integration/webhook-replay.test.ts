import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { type Received, Receiver } from '../support/receiver.ts'

const PATH = '/api/webhooks/endpoints'

describe('a replay for a webhook endpoint', function () {
  this.timeout(60_000)
  let volley: Installation
  let app: Receiver
  let witness: Receiver
  const began = new Date(Date.now() - 1_000).toISOString()
  before(async () => {
    app = await new Receiver().start()
    witness = await new Receiver().start()
    volley = await Installation.start({ workers: 2 })
    await volley.call('POST', PATH, { url: witness.url })
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    await makeHistory()
  })
  after(async () => {
    await volley.stop()
    await app.stop()
    await witness.stop()
  })

  const event = (type: string, user_id: string, key?: string) =>
    volley.call(
      'POST',
      '/api/external/events',
      { events: [{ type, user_id, data: { n: 1.5, text: 'é' } }] },
      key === undefined ? {} : { key },
    )
  /** An action that is refused, retried, delivered and reported; one that fails; events; a test key's, which nobody is told. */
  async function makeHistory() {
    let posts = 0
    app.answer = (_received, response) => response.writeHead(posts++ === 0 ? 500 : 200).end('{}')
    await volley.actionType({ delivery_webhook: app.url, retry_policy: { delays: ['20ms'] } })
    const ask = async (user_id: string, key?: string) => {
      const action = { action_type: 'grant_points', user_id, parameters: { amount: 5, why: 'ü' } }
      const options = key === undefined ? {} : { key }
      return (await volley.call('POST', '/api/external/actions', action, options)).body.action.id as string
    }
    const id = await ask('u1')
    await eventually(() => expect(types()).to.include('external_action.dispatched'))
    const result = { points: 5, nested: { b: 1, a: [1, null] } }
    await volley.call('POST', `/api/external/actions/${id}/outcome`, { status: 'partial', result })
    const rejected = await ask('u2')
    await volley.call('POST', `/api/external/actions/${rejected}/outcome`, { status: 'rejected' })
    await event('custom.reward.redeemed', 'u1')
    await event('custom.other', 'u3')
    await ask('u4', volley.keys.test)
    await event('custom.other', 'u4', volley.keys.test)
    await eventually(() =>
      expect([...new Set(types())].sort()).to.deep.equal([
        'custom.other',
        'custom.reward.redeemed',
        'external_action.completed',
        'external_action.dispatched',
        'external_action.failed',
        'external_action.retrying',
      ]),
    )
  }
  const typeOf = ({ text }: Received) => JSON.parse(text).type as string
  const types = () => witness.received.map(typeOf)
  const idOf = ({ headers }: Received) => String(headers['webhook-id'])
  const bodies = (all: readonly Received[]) => Object.fromEntries(all.map((each) => [idOf(each), each.text]))

  async function late(fields: Record<string, unknown> = {}) {
    const receiver = await new Receiver().start()
    const { body } = await volley.call('POST', PATH, { url: receiver.url, ...fields })
    const id = body.endpoint.id as string
    return { id, receiver, path: `${PATH}/${id}/replay`, all: `${PATH}/${id}/replays` }
  }
  const ended = (all: string, replay: string, state: string) =>
    eventually(async () => {
      const { body } = await volley.call('GET', `${all}/${replay}`)
      expect(body.replay.state, JSON.stringify(body)).to.equal(state)
      return body.replay
    }, 20_000)

  it('tells it what happened before it was there, under the same ids, to the byte', async () => {
    const { id, receiver, path, all } = await late()
    const asked = await volley.call('POST', path, { since: began })
    expect(asked.status, JSON.stringify(asked.body)).to.equal(202)
    expect(asked.body.replay).to.deep.include({ state: 'running', event_types: null, per_second: 100 })
    const done = await ended(all, asked.body.replay.id, 'done')
    expect(done.told).to.equal(witness.received.length)
    expect(done.estimated_total).to.be.at.least(done.told)
    await eventually(() => expect(bodies(receiver.received)).to.deep.equal(bodies(witness.received)))
    const { deliveries } = (await volley.call('GET', `${PATH}/${id}/deliveries`)).body
    const made = [...deliveries]
      .reverse()
      .map((each: { request: { body: string } }) => JSON.parse(each.request.body).created_at)
    expect(made).to.deep.equal([...made].sort())
    await receiver.stop()
  })

  it('keeps to the events that are asked for, to what the endpoint subscribed to, and to its filter', async () => {
    const { receiver, path, all } = await late({
      subscribed_events: ['custom.*', 'external_action.completed'],
      filter: { '!=': [{ var: 'data.user_id' }, 'u3'] },
    })
    const { body } = await volley.call('POST', path, {
      since: began,
      event_types: ['custom.*', 'external_action.failed'],
    })
    expect((await ended(all, body.replay.id, 'done')).told).to.equal(1)
    await eventually(() => expect(receiver.received.map(typeOf)).to.deep.equal(['custom.reward.redeemed']))
    const again = await volley.call('POST', path, { since: began, until: '2020-01-01T00:00:00Z' })
    expect(again.body.details[0].path).to.equal('/since')
    await receiver.stop()
  })

  it('includes breakers and endpoints, of which nothing else is kept', async () => {
    const gone = await late({ subscribed_events: ['custom.gone'] })
    gone.receiver.answer = (_received, response) => response.writeHead(410).end()
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    await event('custom.gone', 'u9')
    await eventually(() => expect(types()).to.include('endpoint.disabled'))
    const { receiver, path } = await late({ subscribed_events: ['endpoint.*'] })
    await volley.call('POST', path, { since: began })
    const expected = witness.received.find((each) => typeOf(each) === 'endpoint.disabled')!
    await eventually(() => expect(receiver.received.map(({ text }) => text)).to.deep.equal([expected.text]))
    expect(idOf(receiver.received[0]!)).to.equal(idOf(expected))
    await gone.receiver.stop()
    await receiver.stop()
  })

  it('goes on where it was when its worker is gone, and tells nothing twice', async () => {
    await volley.call('POST', '/api/external/events', {
      events: Array.from({ length: 60 }, (_, n) => ({ type: 'custom.many', user_id: `m${n}`, data: { n } })),
    })
    const { receiver, path, all } = await late({ subscribed_events: ['custom.many'] })
    const { body } = await volley.call('POST', path, { since: began, per_second: 20 })
    await eventually(async () => {
      const { told } = (await volley.call('GET', `${all}/${body.replay.id}`)).body.replay
      expect(told).to.be.within(20, 59)
    })
    await volley.workers.shift()!.close()
    await volley.addWorker()
    expect((await ended(all, body.replay.id, 'done')).told).to.equal(60)
    await eventually(() => expect(receiver.received.length).to.equal(60))
    expect(new Set(receiver.received.map(idOf)).size).to.equal(60)
    await receiver.stop()
  })

  it('comes past a hundred thousand steps that are told to nobody in seconds', async () => {
    await volley.ledger.pool.query(
      `insert into history (action_id, tenant, version, at, kind, from_status, to_status, attempt)
       select 'ea_01KAJX0M6Q' || lpad(n::text, 16, '0'), (select id from tenant where slug = 'acme'), 1,
              '2025-01-01'::timestamptz + n / 10 * interval '1 ms', 'result', 'pending', 'dispatched', 1
       from generate_series(1, 100000) n`,
    )
    const { receiver, path, all } = await late({ subscribed_events: ['custom.reward.redeemed'] })
    const { body } = await volley.call('POST', path, { since: '2024-12-31T00:00:00Z' })
    const done = await ended(all, body.replay.id, 'done')
    expect(done.told).to.equal(1)
    expect(done.looked_at).to.be.above(100_000)
    await receiver.stop()
  })

  it('can be cancelled, is one at a time, and waits while its endpoint is paused', async () => {
    const { id, receiver, path, all } = await late({ subscribed_events: ['custom.many'], paused: true })
    const { body } = await volley.call('POST', path, { since: began })
    await eventually(async () => {
      const shown = await volley.call('GET', `${all}/${body.replay.id}`)
      expect(shown.body.replay.waits_for).to.equal('the endpoint is paused')
    })
    const second = await volley.call('POST', path, { since: began })
    expect([second.status, second.body.code]).to.deep.equal([409, 'invalid_transition'])
    const cancelled = await volley.call('POST', `${all}/${body.replay.id}/cancel`)
    expect(cancelled.body.replay).to.include({ state: 'cancelled', told: 0, waits_for: null })
    await volley.call('PUT', `${PATH}/${id}`, { paused: false })
    expect(
      (await volley.call('GET', all)).body.replays.map((each: { state: string }) => each.state),
    ).to.deep.equal(['cancelled'])
    const third = await volley.call('POST', path, { since: began })
    await volley.call('DELETE', `${PATH}/${id}`)
    await eventually(async () => {
      const { rows } = await volley.ledger.pool.query('select state from replay where id = $1', [
        third.body.replay.id,
      ])
      expect(rows[0].state).to.not.equal('running')
    })
    await receiver.stop()
  })

  it('is refused where it says no time, no event that exists, or comes from a test key', async () => {
    const { receiver, path, all } = await late({ subscribed_events: [] })
    const refused = async (body: unknown) => (await volley.call('POST', path, body)).body.details[0].path
    expect(await refused({ since: 'yesterday' })).to.equal('/since')
    expect(await refused({ since: '2026-02-30T00:00:00Z' })).to.equal('/since')
    expect(await refused({ since: '2999-01-01T00:00:00Z' })).to.equal('/since')
    expect(await refused({ since: began, until: '2999-01-01T00:00:00Z' })).to.equal('/until')
    expect(await refused({ since: began, event_types: ['custom.a', 'unknown'] })).to.equal('/event_types/1')
    const test = await volley.call('POST', path, { since: began }, { key: volley.keys.test })
    expect(test.body.code).to.equal('live_key_needed')
    const other = await volley.call('POST', path, { since: began }, { key: volley.keys.other })
    expect(other.status).to.equal(404)
    expect((await volley.call('GET', `${all}/wr_x`)).status).to.equal(404)
    await receiver.stop()
  })
})
