import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'

describe('what a user does not allow', () => {
  let volley: Installation
  let receiver: Receiver

  before(async () => {
    receiver = await new Receiver().start()
    volley = await Installation.start({ workers: 1 })
    const { url } = receiver
    await volley.actionType({
      name: 'send_mail',
      provider: 'post-office',
      channel: 'email',
      delivery_webhook: url,
    })
    await volley.actionType({ name: 'give_points', provider: 'loyalty', delivery_webhook: url })
  })
  after(async () => {
    await volley.stop()
    await receiver.stop()
  })

  const put = (id: string, body: unknown) => volley.call('PUT', `/api/users/${id}`, body)
  const ask = async (action_type: string, user_id: string, more = {}) =>
    (await volley.call('POST', '/api/external/actions', { action_type, user_id, ...more })).body.action
      .id as string
  const ended = (id: string, steps = 1) =>
    eventually(async () => {
      const { body } = await volley.call('GET', `/api/external/actions/${id}`)
      expect(body.action.status).to.not.be.oneOf(['pending', 'retrying'])
      expect(body.history).to.have.lengthOf.at.least(steps)
      return body
    })
  const received = (id: string) => receiver.ids.filter((each) => each === id).length

  it('is not sent: the action fails with the reason, and without an attempt', async () => {
    await put('u1', { consent: { channels: { email: false } } })
    const [mail, points] = [await ask('send_mail', 'u1'), await ask('give_points', 'u1')]
    const { action, attempts, history } = await ended(mail)
    expect(action).to.include({ status: 'failed', failure_reason: 'consent_withdrawn', attempts: 0 })
    expect(attempts).to.deep.equal([])
    expect(history[0]).to.deep.include({
      kind: 'withheld',
      detail: { reason: 'consent_withdrawn', channel: 'email', action: 'send_mail' },
    })
    expect((await ended(points)).action.status).to.equal('dispatched')
    expect([received(mail), received(points)]).to.deep.equal([0, 1])
  })

  it('goes by the provider where its type has no channel, by the name, and while a suppression holds', async () => {
    await put('u2', { consent: { channels: { loyalty: false } } })
    expect((await ended(await ask('give_points', 'u2'))).action.failure_reason).to.equal('consent_withdrawn')
    await put('u3', { suppression: { actions: { give_points: true } } })
    expect((await ended(await ask('give_points', 'u3'))).action.failure_reason).to.equal('suppressed')
    await put('u4', { suppression: { actions: { give_points: '2020-01-01T00:00:00Z' } } })
    expect((await ended(await ask('give_points', 'u4'))).action.status).to.equal('dispatched')
  })

  it('is asked when an action comes due, not when it was accepted', async () => {
    const soon = new Date(Date.now() + 2_500).toISOString()
    const id = await ask('send_mail', 'u5', { scheduled_at: soon })
    await put('u5', { consent: { actions: { send_mail: false } } })
    expect((await ended(id)).action.failure_reason).to.equal('consent_withdrawn')
    expect(received(id)).to.equal(0)
  })

  it('is not sent either where it was loaded before, and waits behind a limit', async () => {
    const slow = await new Receiver().start()
    // Long enough for the worker to hear of it: it asks each second.
    slow.answer = (_received, response) => void setTimeout(() => response.end('{}'), 3_000)
    await volley.actionType({
      name: 'slow_mail',
      provider: 'slow',
      max_in_flight: 1,
      delivery_webhook: slow.url,
    })
    const first = await ask('slow_mail', 'first')
    await eventually(() => expect(slow.ids).to.deep.equal([first]))
    const [second, third] = [await ask('slow_mail', 'second'), await ask('slow_mail', 'third')]
    await put('second', { suppression: { channels: { slow: true } } })
    await put('third', { suppression: { channels: { slow: true } } })
    await put('third', { suppression: { channels: { slow: false } } })
    expect((await ended(second)).action.failure_reason).to.equal('suppressed')
    expect((await ended(third)).action.status).to.equal('dispatched')
    expect(slow.ids).to.deep.equal([first, third])
    await slow.stop()
  })

  it('can be sent by a forced retry once it is allowed', async () => {
    await put('u6', { consent: { channels: { '*': false } } })
    const id = await ask('send_mail', 'u6')
    expect((await ended(id)).action.status).to.equal('failed')
    await volley.call('POST', `/api/external/actions/${id}/retry`)
    expect((await ended(id, 3)).action.failure_reason).to.equal('consent_withdrawn')
    await put('u6', { consent: { channels: { '*': true } } })
    await volley.call('POST', `/api/external/actions/${id}/retry`)
    expect((await ended(id, 5)).action.status).to.equal('dispatched')
    expect(received(id)).to.equal(1)
  })
})
