import { expect } from 'chai'
import { Webhook } from 'standardwebhooks'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'

import { Receiver } from '../support/receiver.ts'

const PATH = '/api/webhooks/endpoints'
/** What a chat takes, made of an event. */
const CHAT = {
  text: { cat: [{ var: 'data.user_id' }, ' did ', { var: 'type' }] },
  values: [{ var: 'data.data.n' }, { literal: { var: 'x' } }],
}

describe('the payload mapping of a webhook endpoint', () => {
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

  const create = async (fields: Record<string, unknown>) => {
    const { status, body } = await volley.call('POST', PATH, { url: receiver.url, ...fields })
    expect(status, JSON.stringify(body)).to.equal(201)
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    return body.endpoint as { id: string; standard_webhooks_secret: string; payload_mapping: unknown }
  }
  const tell = (type: string, data: unknown) =>
    volley.call('POST', '/api/external/events', { events: [{ type, user_id: 'u1', data }] })
  const first = (id: string) =>
    eventually(async () => {
      const { deliveries } = (await volley.call('GET', `${PATH}/${id}/deliveries`)).body
      expect(deliveries[0]?.status).to.be.oneOf(['failed', 'completed'])
      return deliveries[0]
    })

  it('makes what is sent, which is what is signed and shown', async () => {
    const { id, standard_webhooks_secret, payload_mapping } = await create({
      subscribed_events: ['custom.mapped'],
      payload_mapping: CHAT,
    })
    expect(payload_mapping).to.deep.equal(CHAT)
    await tell('custom.mapped', { n: 7 })
    const received = await eventually(() => {
      expect(receiver.received.length).to.equal(1)
      return receiver.received[0]!
    })
    expect(JSON.parse(received.text)).to.deep.equal({
      text: 'u1 did custom.mapped',
      values: [7, { var: 'x' }],
    })
    new Webhook(standard_webhooks_secret).verify(received.text, received.headers as Record<string, string>)
    expect(received.headers['webhook-id']).to.match(/^evt_/)
    expect((await first(id)).request.body).to.equal(received.text)
    const plain = await volley.call('PUT', `${PATH}/${id}`, { payload_mapping: null })
    expect(plain.body.endpoint.payload_mapping).to.equal(null)
  })

  it('is tried out by a test event', async () => {
    const { id } = await create({ subscribed_events: [], payload_mapping: { said: { var: 'data.message' } } })
    expect((await volley.call('POST', `${PATH}/${id}/test`)).body.test).to.include({ success: true })
    expect(Object.keys(JSON.parse(receiver.received[0]!.text))).to.deep.equal(['said'])
    await volley.call('PUT', `${PATH}/${id}`, { payload_mapping: { n: { '+': [{ var: 'data.n' }, 'x'] } } })
    const { test } = (await volley.call('POST', `${PATH}/${id}/test`)).body
    expect(test).to.include({ success: false, status: 0 })
    expect(test.error).to.contain('payload_mapping').and.to.contain('/n')
    expect(receiver.received.length).to.equal(1)
  })

  it('that fails ends the delivery for good with the reason, and a better one lets it be sent again', async () => {
    const { id } = await create({
      subscribed_events: ['custom.unmapped'],
      payload_mapping: { doubled: { '*': [{ var: 'data.data.n' }, 2] } },
    })
    await tell('custom.unmapped', { n: 'many' })
    const failed = await first(id)
    expect(failed).to.include({ status: 'failed', failure_reason: 'permanent', attempts: 1 })
    expect(failed.last_attempt).to.include({ error: 'mapping_failed', http_status: null })
    expect(failed.last_attempt.message).to.contain('payload_mapping').and.to.contain('/doubled')
    expect(receiver.received.length).to.equal(0)
    await volley.call('PUT', `${PATH}/${id}`, { payload_mapping: { n: { var: 'data.data.n' } } })
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    await volley.call('POST', `${PATH}/${id}/deliveries/${failed.id}/resend`)
    await eventually(() => expect(receiver.received.map(({ text }) => text)).to.deep.equal(['{"n":"many"}']))
  })

  it('makes what is pulled too, and says there where it fails', async () => {
    const { id } = await create({
      delivery: 'pull',
      subscribed_events: ['custom.pulled'],
      payload_mapping: { doubled: { '*': [{ var: 'data.data.n' }, 2] } },
    })
    await tell('custom.pulled', { n: 4 })
    await tell('custom.pulled', { n: 'many' })
    await eventually(async () => {
      const { deliveries } = (await volley.call('GET', `${PATH}/${id}/poll`)).body
      expect(deliveries.length).to.equal(2)
      expect(deliveries[0]).to.deep.include({ body: { doubled: 8 } })
      expect(deliveries[1].body).to.equal(null)
      expect(deliveries[1].error).to.contain('/doubled')
    })
  })

  it('is refused where it is no template, with the place and what was expected', async () => {
    const refused = async (payload_mapping: unknown) =>
      (await volley.call('POST', PATH, { url: receiver.url, payload_mapping })).body.details[0]
    expect(await refused({ a: { b: { cat: [{ vra: 'x' }] } } })).to.deep.include({
      path: '/payload_mapping/a/b/cat/0/vra',
    })
    expect((await refused('text')).path).to.equal('/payload_mapping')
    const deep = JSON.parse(`${'{"a":'.repeat(40)}1${'}'.repeat(40)}`)
    expect((await refused(deep)).message).to.contain('deeper')
  })
})
