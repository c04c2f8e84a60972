import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'

const PATH = '/api/webhooks/endpoints'

describe('the health of a webhook endpoint', function () {
  this.timeout(60_000)
  let volley: Installation
  let watcher: Receiver
  before(async () => {
    watcher = await new Receiver().start()
    volley = await Installation.start({ workers: 1, env: { VOLLEY_ENDPOINT_FAILING: '6s' } })
    const subscribed_events = ['endpoint.*', 'breaker.*']
    await volley.call('POST', PATH, { url: watcher.url, subscribed_events })
  })
  after(async () => {
    await volley.stop()
    await watcher.stop()
  })

  const create = async (fields: Record<string, unknown>): Promise<string> => {
    const { body } = await volley.call('POST', PATH, fields)
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    return body.endpoint.id
  }
  const tell = (type: string) =>
    volley.call('POST', '/api/external/events', { events: [{ type, user_id: 'u1', data: {} }] })
  const toldOf = (id: string) =>
    watcher.received.map(({ text }) => JSON.parse(text)).filter(({ data }) => data.endpoint_id === id)
  const endpoint = async (id: string) => (await volley.call('GET', `${PATH}/${id}`)).body

  it('ends at once where it answers 410: it is disabled, its tenant told, and nothing is tried again', async () => {
    const receiver = await new Receiver().start()
    receiver.answer = (_received, response) => response.writeHead(410).end()
    const id = await create({ url: receiver.url, subscribed_events: ['custom.gone'] })
    await tell('custom.gone')
    await eventually(async () => {
      const { endpoint: shown } = await endpoint(id)
      expect(shown).to.include({ active: false, disabled_reason: 'it answered 410 Gone' })
    })
    await eventually(() => expect(toldOf(id).map(({ type }) => type)).to.deep.equal(['endpoint.disabled']))
    expect(toldOf(id)[0].data).to.include({ url: receiver.url, reason: 'it answered 410 Gone' })
    const { deliveries } = (await volley.call('GET', `${PATH}/${id}/deliveries`)).body
    expect(deliveries[0]).to.include({ status: 'failed', failure_reason: 'permanent', attempts: 1 })
    receiver.answer = (_received, response) => response.end()
    const { body } = await volley.call('PUT', `${PATH}/${id}`, { active: true })
    expect(body.endpoint).to.include({ active: true, disabled_at: null })
    expect(body.recovery).to.include({ failed: 1 })
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    await volley.call('POST', `${PATH}/${id}/recover`, { since: body.recovery.since })
    await eventually(() => expect(receiver.received.length).to.equal(2))
    await receiver.stop()
  })

  it('is warned of while nothing succeeds, and in the end the endpoint is disabled', async () => {
    const receiver = await new Receiver().start()
    receiver.answer = (_received, response) => response.writeHead(500).end()
    const delays = Array.from({ length: 20 }, () => '600ms')
    const retry_policy = { delays }
    const id = await create({ url: receiver.url, subscribed_events: ['custom.failing'], retry_policy })
    await tell('custom.failing')
    await eventually(
      () =>
        expect(toldOf(id).map(({ type }) => type)).to.include.members([
          'endpoint.failing',
          'endpoint.disabled',
        ]),
      20_000,
    )
    const { endpoint: shown, health } = await endpoint(id)
    expect(shown.active).to.equal(false)
    expect(shown.disabled_reason).to.contain('it answered 500')
    expect(health).to.include({ last_success_at: null, last_failure: 'it answered 500' })
    await receiver.stop()
  })

  it('is good again with the first success', async () => {
    const receiver = await new Receiver().start()
    receiver.answer = (_received, response) =>
      response.writeHead(receiver.received.length === 1 ? 500 : 200).end()
    const retry_policy = { delays: ['1500ms'] }
    const id = await create({ url: receiver.url, subscribed_events: ['custom.shaky'], retry_policy })
    await tell('custom.shaky')
    await eventually(async () => expect((await endpoint(id)).health.failing_since).to.not.equal(null))
    await eventually(async () => {
      const { health } = await endpoint(id)
      expect(health.last_success_at).to.not.equal(null)
      expect(health.failing_since).to.equal(null)
    })
    await receiver.stop()
  })

  it('is beside that of destinations, whose breakers are told of too', async () => {
    const receiver = await new Receiver().start()
    receiver.answer = (_received, response) => response.writeHead(503).end()
    await volley.actionType({ name: 'broken', delivery_webhook: receiver.url })
    const actions = Array.from({ length: 60 }, () => ({ action_type: 'broken', user_id: 'u' }))
    await volley.call('POST', '/api/external/actions/batch', { actions })
    await eventually(() => {
      const told = watcher.received
        .map(({ text }) => JSON.parse(text))
        .find(({ type }) => type === 'breaker.opened')
      expect(told?.data.destination).to.equal(new URL(receiver.url).origin)
    })
    await receiver.stop()
  })
})
