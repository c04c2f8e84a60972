import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'

const PATH = '/api/webhooks/endpoints'

interface Told {
  type: string
  data: Record<string, unknown>
}

describe('every type of event that endpoints can be told of', function () {
  this.timeout(60_000)
  let volley: Installation
  let all: Receiver
  let app: Receiver
  const receivers: Receiver[] = []
  const opened = async () => {
    const receiver = await new Receiver().start()
    receivers.push(receiver)
    return receiver
  }
  before(async () => {
    all = await opened()
    app = await opened()
    volley = await Installation.start({ workers: 1, env: { VOLLEY_ENDPOINT_FAILING: '4s' } })
    await volley.call('POST', PATH, { url: all.url })
  })
  after(async () => {
    await volley.stop()
    for (const receiver of receivers) await receiver.stop()
  })

  const told = () => all.received.map(({ text }) => JSON.parse(text) as Told)
  const ask = async (action_type: string, fields: Record<string, unknown> = {}) =>
    (await volley.call('POST', '/api/external/actions', { action_type, user_id: 'u', ...fields })).body.action
      .id

  /** An endpoint that nothing but fails, one action of each end, and a destination that breaks and mends. */
  async function provoke(): Promise<void> {
    const broken = await opened()
    broken.answer = (_received, response) => response.writeHead(503).end()
    const retry_policy = { delays: Array.from({ length: 20 }, () => '300ms') }
    await volley.call('POST', PATH, { url: broken.url, subscribed_events: ['custom.any'], retry_policy })
    await volley.actionType({ name: 'reported', delivery_webhook: app.url })
    await volley.actionType({ name: 'late', delivery_webhook: app.url, expires_after: '1s' })
    const shaky = await opened()
    let isWell = false
    shaky.answer = (_received, response) => response.writeHead(isWell ? 200 : 500).end()
    await volley.actionType({
      name: 'shaky',
      delivery_webhook: shaky.url,
      retry_policy: { delays: ['100ms'] },
    })
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    await volley.call('POST', '/api/external/events', {
      events: [{ type: 'custom.any', user_id: 'u', data: {} }],
    })
    const id = await ask('reported')
    const refused = await ask('reported')
    await volley.call('POST', `/api/external/actions/${refused}/outcome`, { status: 'rejected' })
    await ask('late')
    const actions = Array.from({ length: 40 }, () => ({ action_type: 'shaky', user_id: 'u' }))
    await volley.call('POST', '/api/external/actions/batch', { actions })
    await eventually(() => expect(told().map(({ type }) => type)).to.include('external_action.dispatched'))
    await volley.call('POST', `/api/external/actions/${id}/outcome`, { status: 'completed' })
    await eventually(() => expect(told().map(({ type }) => type)).to.include('breaker.opened'), 20_000)
    isWell = true
    await ask('shaky')
  }

  it('is sent where it happens, as its schema says', async () => {
    const { event_types } = (await volley.call('GET', '/api/webhooks/event-types')).body
    await provoke()
    const nameOf = ({ type }: Told) => (type.startsWith('custom.') ? 'custom.*' : type)
    const names = event_types.map(({ name }: { name: string }) => name)
    await eventually(
      () => expect([...new Set(told().map(nameOf))].sort()).to.deep.equal(names.toSorted()),
      40_000,
    )
    const ajv = new Ajv2020({ strict: false })
    for (const each of told()) {
      const { schema } = event_types.find(({ name }: { name: string }) => name === nameOf(each))
      expect(ajv.validate(schema, each), `${each.type}: ${ajv.errorsText()}`).to.equal(true)
    }
  })
})
