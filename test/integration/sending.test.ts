import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'
import { wrongTimers } from '../support/timers.ts'

describe('the kill switch of a tenant', () => {
  let volley: Installation
  let receiver: Receiver
  before(async () => {
    receiver = await new Receiver().start()
    volley = await Installation.start({ workers: 2 })
    await volley.actionType({ name: 'switched', delivery_webhook: receiver.url })
    await volley.actionType({ name: 'short', delivery_webhook: receiver.url, expires_after: '1s' })
    await volley.actionType({ name: 'unlock_badge', delivery_webhook: receiver.url })
  })
  after(async () => {
    await volley.stop()
    await receiver.stop()
  })

  const set = async (sending: string, key = volley.keys.live) =>
    volley.call('PUT', '/api/sending', { sending, reason: 'a drill' }, { key })
  const post = async (action_type: string, count: number): Promise<string[]> => {
    const actions = Array.from({ length: count }, (_, i) => ({ action_type, user_id: `u${i}` }))
    const { body } = await volley.call('POST', '/api/external/actions/batch', { actions })
    return body.results.map((result: { action: { id: string } }) => result.action.id)
  }
  const get = async (id: string) => (await volley.call('GET', `/api/external/actions/${id}`)).body.action

  it('stops all sending within a second, lets deadlines run, and sends what waited when it is on again', async () => {
    receiver.answer = (_received, response) => setTimeout(() => response.end(), 5)
    await post('switched', 1_000)
    await eventually(() => expect(receiver.ids.length).to.be.above(50))
    const { status, body } = await set('paused')
    expect([status, body.sending, body.reason]).to.deep.equal([200, 'paused', 'a drill'])
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    const sent = receiver.ids.length
    const [expiring] = await post('short', 1)
    const ids = await post('switched', 20)
    await eventually(async () => expect((await get(expiring!)).status).to.equal('expired'))
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(receiver.ids.length).to.equal(sent)
    expect((await get(ids[0]!)).attempts).to.equal(0)
    await set('on')
    await eventually(() => expect(new Set(receiver.ids).size).to.be.at.least(1_020))
    expect(new Set(receiver.ids).size).to.equal(receiver.ids.length)
  })

  it('in shadow decides and records without sending, then and later', async () => {
    await set('shadow')
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    const before = receiver.ids.length
    const [id] = await post('switched', 1)
    expect(await get(id!)).to.include({ shadow: true, status: 'pending' })
    await volley.call('POST', '/api/external/events', {
      events: [{ type: 'custom.reward.redeemed', user_id: 'watched', data: { reward_type: 'discount' } }],
    })
    const decided = await eventually(async () => {
      const { body } = await volley.call('GET', '/api/external/actions?user_id=watched')
      expect(body.actions).to.have.length(1)
      return body.actions[0]
    })
    expect(decided).to.include({ shadow: true, action_type: 'unlock_badge' })
    await set('on')
    const [live] = await post('switched', 1)
    await eventually(async () => expect((await get(live!)).status).to.equal('dispatched'))
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    expect(receiver.ids.length).to.equal(before + 1)
    expect(await wrongTimers(volley.ledger.pool)).to.deep.equal([])
  })

  it('is nothing that a test key may turn, and refuses a mode that does not exist', async () => {
    expect([(await set('paused', volley.keys.test)).body.code]).to.deep.equal(['live_key_needed'])
    const { status, body } = await set('off')
    expect([status, body.code, body.details[0].path]).to.deep.equal([400, 'invalid_body', '/sending'])
    expect((await volley.call('GET', '/api/sending')).body.sending).to.equal('on')
  })
})
