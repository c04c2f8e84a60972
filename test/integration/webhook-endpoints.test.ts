import { createHmac, timingSafeEqual } from 'node:crypto'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect } from 'chai'
import { Webhook } from 'standardwebhooks'
import { createKey, createOperatorKey } from '../../src/ledger/tenants/keys.ts'
import { freePort } from '../../src/local/ports.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { type Received, Receiver } from '../support/receiver.ts'

const PATH = '/api/webhooks/endpoints'

/** As the page has it. */
function verifyRetivo(body: string, signature: string, secret: string): boolean {
  const expected = createHmac('sha256', secret).update(body).digest('hex')
  return timingSafeEqual(Buffer.from(signature), Buffer.from(expected))
}

describe('webhook endpoints', () => {
  let volley: Installation
  let receiver: Receiver
  before(async () => {
    receiver = await new Receiver().start()
    volley = await Installation.start({ workers: 1 })
  })
  after(async () => {
    await volley.stop()
    await receiver.stop()
  })
  beforeEach(() => {
    receiver.received.length = 0
  })

  const create = async (fields: Record<string, unknown> = {}) => {
    const { status, body } = await volley.call('POST', PATH, { url: receiver.url, ...fields })
    expect(status, JSON.stringify(body)).to.equal(201)
    return body.endpoint as { id: string; secret: string; standard_webhooks_secret: string }
  }
  const refused = async (fields: Record<string, unknown>) => {
    const { status, body } = await volley.call('POST', PATH, { url: receiver.url, ...fields })
    expect(status).to.equal(400)
    return body.details[0] as { path: string; message: string }
  }
  /** The worker knows of an endpoint's change a second later at the latest. */
  const known = () => new Promise((resolve) => setTimeout(resolve, 1_100))

  it('take a bare URL, and are shown with the keys of the page and the secret once', async () => {
    const { status, body } = await volley.call('POST', PATH, { url: 'http://example.com' })
    expect(status).to.equal(201)
    expect(body.endpoint).to.include({ url: 'http://example.com', description: '', active: true })
    expect(body.endpoint.subscribed_events).to.deep.equal(['*'])
    expect(body.endpoint.id).to.match(/^we_/)
    expect(body.endpoint.secret).to.match(/^[0-9a-f]{64}$/)
    expect(body.endpoint.created_at).to.be.a('string')
    const { id } = body.endpoint
    const list = await volley.call('GET', PATH)
    const listed = list.body.endpoints.find((each: { id: string }) => each.id === id)
    expect(listed).to.include.keys(
      'id',
      'url',
      'description',
      'subscribed_events',
      'active',
      'created_at',
      'updated_at',
    )
    expect(listed).to.not.have.any.keys('secret', 'standard_webhooks_secret')
    const same = await volley.call('PUT', `${PATH}/${id}`, {})
    expect([same.status, same.body.endpoint.url]).to.deep.equal([200, 'http://example.com'])
    const changed = await volley.call('PUT', `${PATH}/${id}`, { description: 'ours', active: false })
    expect(changed.body.endpoint).to.include({
      description: 'ours',
      active: false,
      url: 'http://example.com',
    })
    expect((await volley.call('GET', `${PATH}/${id}`)).body.endpoint).to.include({ description: 'ours' })
    const gone = await volley.call('DELETE', `${PATH}/${id}`)
    expect([gone.status, gone.body]).to.deep.equal([200, { deleted: true }])
    for (const [method, path] of [
      ['GET', ''],
      ['PUT', ''],
      ['DELETE', ''],
      ['POST', '/test'],
    ] as const) {
      const answer = await volley.call(method, `${PATH}/${id}${path}`, method === 'PUT' ? {} : undefined)
      expect([answer.status, answer.body.code], `${method}${path}`).to.deep.equal([404, 'not_found'])
    }
  })

  it('belong to their tenant alone', async () => {
    const { id } = await create({ subscribed_events: [] })
    const { status } = await volley.call('GET', `${PATH}/${id}`, undefined, { key: volley.keys.other })
    expect(status).to.equal(404)
    expect(
      (await volley.call('GET', PATH, undefined, { key: volley.keys.other })).body.endpoints,
    ).to.deep.equal([])
  })

  it('refuse what they could not be told or sent, and say where and what was expected', async () => {
    const unknown = await refused({ subscribed_events: ['custom.a', 'external_action.fialed'] })
    expect(unknown.path).to.equal('/subscribed_events/1')
    expect(unknown.message).to.contain('external_action.failed').and.to.contain('custom.*')
    expect((await refused({ url: 'ftp://example.com' })).path).to.equal('/url')
    expect((await refused({ url: 'http://169.254.169.254/' })).message).to.contain('metadata')
    expect((await refused({ headers: { 'Webhook-Id': 'x' } })).path).to.equal('/headers/Webhook-Id')
    expect((await refused({ headers: { 'X-Retivo-Signature': 'x' } })).path).to.equal(
      '/headers/X-Retivo-Signature',
    )
    expect((await refused({ headers: { key: 'a\r\nb' } })).path).to.equal('/headers/key')
    expect((await refused({ timeout: '1h' })).path).to.equal('/timeout')
  })

  it('are tried out with a signed event, and what comes of it is answered with 200', async () => {
    const { id, secret } = await create({ subscribed_events: [], headers: { Authorization: 'Bearer ours' } })
    const { status, body } = await volley.call('POST', `${PATH}/${id}/test`)
    expect([status, body]).to.deep.equal([200, { test: { success: true, status: 200, status_text: 'OK' } }])
    const [received] = receiver.received
    expect(verifyRetivo(received!.text, String(received!.headers['x-retivo-signature']), secret)).to.equal(
      true,
    )
    expect(JSON.parse(received!.text).type).to.equal('webhook.test')
    expect(received!.headers.authorization).to.equal('Bearer ours')
    receiver.answer = (_received, response) => response.writeHead(503).end()
    expect((await volley.call('POST', `${PATH}/${id}/test`)).body.test).to.include({
      success: false,
      status: 503,
    })
    receiver.answer = (_received, response) => response.end()
    const closed = await create({ url: `http://127.0.0.1:${await freePort()}/`, subscribed_events: [] })
    const failed = await volley.call('POST', `${PATH}/${closed.id}/test`)
    expect(failed.status).to.equal(200)
    expect(failed.body.test).to.include({ success: false, status: 0 })
    expect(failed.body.test.error).to.be.a('string').and.not.equal('')
  })

  it('are told of the life of an action, signed as the page and Standard Webhooks have it', async () => {
    const {
      id,
      secret,
      standard_webhooks_secret: standard,
    } = await create({ headers: { 'X-Api-Key': 'k-1' } })
    const outside = await new Receiver().start()
    await volley.actionType({ name: 'told_of', delivery_webhook: outside.url })
    await known()
    const { body } = await volley.call('POST', '/api/external/actions', {
      action_type: 'told_of',
      user_id: 'u1',
      parameters: { amount: 5 },
    })
    const action = body.action.id as string
    await eventually(() => expect(receiver.received.length).to.equal(1))
    await volley.call('POST', `/api/external/actions/${action}/outcome`, {
      status: 'partial',
      result: { n: 1 },
    })
    await eventually(() => expect(receiver.received.length).to.equal(2))
    const told = receiver.received.map(({ text }) => JSON.parse(text))
    expect(told.map(({ type }) => type)).to.deep.equal([
      'external_action.dispatched',
      'external_action.completed',
    ])
    expect(told[1].data).to.include({ action_id: action, status: 'completed', outcome_status: 'partial' })
    const ulid = action.slice(3)
    expect(told.map((each) => each.id)).to.deep.equal([`evt_${ulid}_1`, `evt_${ulid}_2`])
    for (const received of receiver.received) {
      expect(received.headers['x-api-key']).to.equal('k-1')
      expect(received.headers['webhook-id']).to.equal(JSON.parse(received.text).id)
      expect(verifyRetivo(received.text, String(received.headers['x-retivo-signature']), secret)).to.equal(
        true,
      )
      new Webhook(standard).verify(received.text, received.headers as Record<string, string>)
      new Webhook(secret, { format: 'raw' }).verify(received.text, received.headers as Record<string, string>)
    }
    const list = await volley.call('GET', '/api/external/actions?user_id=u1')
    expect(list.body.actions.map((each: { id: string }) => each.id)).to.deep.equal([action])
    await volley.call('DELETE', `${PATH}/${id}`)
    await outside.stop()
  })

  it('are told of what they subscribed to and of nothing else', async () => {
    const { id } = await create({ subscribed_events: ['custom.reward.*', 'external_action.failed'] })
    await known()
    const events = ['custom.badge.unlocked', 'custom.reward.redeemed'].map((type) => ({
      type,
      user_id: 'u2',
      data: { value: 20 },
    }))
    await volley.call('POST', '/api/external/events', { events })
    const test = { key: volley.keys.test }
    await volley.call('POST', '/api/external/events', { events }, test)
    await eventually(() => expect(receiver.received.length).to.equal(1))
    expect(JSON.parse(receiver.received[0]!.text)).to.deep.include({ type: 'custom.reward.redeemed' })
    expect(JSON.parse(receiver.received[0]!.text).data).to.deep.include({
      user_id: 'u2',
      data: { value: 20 },
    })
    await known()
    expect(receiver.received.length).to.equal(1)
    await volley.call('DELETE', `${PATH}/${id}`)
  })

  it('are made, changed, deleted and looked into with live keys alone', async () => {
    const { id } = await create({ subscribed_events: ['custom.never'] })
    const test = { key: volley.keys.test }
    const refused = [
      await volley.call('POST', PATH, { url: receiver.url }, test),
      await volley.call('PUT', `${PATH}/${id}`, { url: 'http://127.0.0.1:9/mine' }, test),
      await volley.call('POST', `${PATH}/${id}/rotate-secret`, undefined, test),
      await volley.call('GET', `${PATH}/${id}/deliveries`, undefined, test),
      await volley.call('DELETE', `${PATH}/${id}`, undefined, test),
    ]
    expect(refused.map(({ status, body }) => [status, body.code])).to.deep.equal(
      refused.map(() => [403, 'live_key_needed']),
    )
    const seen = await volley.call('GET', `${PATH}/${id}`, undefined, test)
    expect(seen.body.endpoint.url).to.equal(receiver.url)
    await volley.call('DELETE', `${PATH}/${id}`)
  })

  it('are told only of what their filter holds for', async () => {
    const filter = { '>': [{ var: 'data.data.value' }, 10] }
    const { id } = await create({ subscribed_events: ['custom.filtered'], filter })
    await known()
    const events = [5, 20].map((value) => ({ type: 'custom.filtered', user_id: 'u9', data: { value } }))
    await volley.call('POST', '/api/external/events', { events })
    await eventually(() => expect(receiver.received.length).to.equal(1))
    expect(JSON.parse(receiver.received[0]!.text).data.data).to.deep.equal({ value: 20 })
    await known()
    expect(receiver.received.length).to.equal(1)
    const wrong = await refused({ filter: { and: [{ nonsense: 1 }] } })
    expect(wrong.path).to.contain('/filter')
    expect(wrong.message).to.contain('is not an operator')
    await volley.call('DELETE', `${PATH}/${id}`)
  })

  it('wait while they are paused, and end what waits when they are deleted', async () => {
    const { id } = await create({ subscribed_events: ['custom.paused.*'], paused: true })
    await known()
    const event = { type: 'custom.paused.a', user_id: 'u3', data: {} }
    await volley.call('POST', '/api/external/events', { events: [event] })
    const waiting = async () =>
      (
        await volley.ledger.pool.query(
          'select status, failure_reason from action where type = $1 order by id',
          [id],
        )
      ).rows
    await eventually(async () =>
      expect(await waiting()).to.deep.equal([{ status: 'pending', failure_reason: null }]),
    )
    await known()
    expect(receiver.received.length).to.equal(0)
    await volley.call('PUT', `${PATH}/${id}`, { paused: false })
    await eventually(() => expect(receiver.received.length).to.equal(1))
    await volley.call('PUT', `${PATH}/${id}`, { paused: true })
    await known()
    await volley.call('POST', '/api/external/events', { events: [event] })
    await eventually(async () => expect((await waiting()).length).to.equal(2))
    await volley.call('DELETE', `${PATH}/${id}`)
    await eventually(async () =>
      expect((await waiting())[1]).to.deep.equal({ status: 'failed', failure_reason: 'endpoint_disabled' }),
    )
    expect(receiver.received.length).to.equal(1)
  })

  it('get another secret, beside which the one before signs for as long as was asked for', async () => {
    const { id, secret } = await create({ subscribed_events: ['custom.rotated.*'] })
    const rotate = await volley.call('POST', `${PATH}/${id}/rotate-secret?overlap=1h`)
    const next = rotate.body.endpoint.secret as string
    // Tried out within the overlap, a receiver that has the old secret verifies it too.
    await volley.call('POST', `${PATH}/${id}/test`)
    const tried = receiver.received.at(-1)!
    expect(tried.headers['x-retivo-signature-previous']).to.equal(
      createHmac('sha256', secret).update(tried.text).digest('hex'),
    )
    receiver.received.length = 0
    expect(next)
      .to.match(/^[0-9a-f]{64}$/)
      .and.not.equal(secret)
    const told = async (): Promise<Received> => {
      await known()
      receiver.received.length = 0
      const events = [{ type: 'custom.rotated.a', user_id: 'u4', data: {} }]
      await volley.call('POST', '/api/external/events', { events })
      return eventually(() => {
        expect(receiver.received.length).to.equal(1)
        return receiver.received[0]!
      })
    }
    const both = await told()
    expect(receiver.isSignedBy(both, next)).to.equal(true)
    expect(verifyRetivo(both.text, String(both.headers['x-retivo-signature-previous']), secret)).to.equal(
      true,
    )
    for (const key of [secret, next])
      new Webhook(key, { format: 'raw' }).verify(both.text, both.headers as Record<string, string>)
    const last = await volley.call('POST', `${PATH}/${id}/rotate-secret?overlap=0s`)
    const one = await told()
    expect(receiver.isSignedBy(one, last.body.endpoint.secret)).to.equal(true)
    expect(one.headers).to.not.have.property('x-retivo-signature-previous')
    expect(() =>
      new Webhook(next, { format: 'raw' }).verify(one.text, one.headers as Record<string, string>),
    ).to.throw('No matching signature')
    const { body } = await volley.call('POST', `${PATH}/${id}/rotate-secret?overlap=30d`)
    expect([body.code, body.details[0].path]).to.deep.equal(['invalid_query', '/overlap'])
    await volley.call('DELETE', `${PATH}/${id}`)
  })

  it('are as many as the plan of their tenant allows', async () => {
    const { key } = await createKey(volley.ledger, { tenant: 'small', mode: 'live' })
    const operator = await createOperatorKey(volley.ledger, {})
    const set = await volley.call(
      'PUT',
      '/api/operators/tenants/small/plan',
      { plan: 'free' },
      { key: operator.key },
    )
    expect([set.status, set.body]).to.deep.equal([200, { plan: 'free' }])
    const post = () => volley.call('POST', PATH, { url: 'http://example.com' }, { key })
    const answers = await Promise.all([post(), post(), post()])
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([201, 403, 403])
    const { body } = answers.find(({ status }) => status === 403)!
    expect(body).to.include({ code: 'plan_limit', upgrade_to: 'team' })
    expect(body.error).to.contain('free')
    const wrong = await volley.call(
      'PUT',
      '/api/operators/tenants/small/plan',
      { plan: 'x' },
      { key: operator.key },
    )
    expect(wrong.body.details[0].message).to.contain('unlimited')
  })
})

describe('the types of events', () => {
  it('have each a schema that its example satisfies', async () => {
    const volley = await Installation.start()
    const { status, body } = await volley.call('GET', '/api/webhooks/event-types')
    expect(status).to.equal(200)
    const ajv = new Ajv2020({ strict: false })
    for (const { name, schema, example } of body.event_types) {
      expect(ajv.validate(schema, example), `${name}: ${ajv.errorsText()}`).to.equal(true)
      expect(ajv.validate(schema, { ...example, data: {} }), name).to.equal(false)
    }
    expect(body.event_types.map(({ name }: { name: string }) => name)).to.include.members([
      'external_action.retrying',
      'custom.*',
    ])
    await volley.stop()
  })
})
