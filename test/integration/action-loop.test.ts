import { expect } from 'chai'
import { Webhook } from 'standardwebhooks'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'

describe('the way of an action', () => {
  let volley: Installation
  let receiver: Receiver

  before(async () => {
    volley = await Installation.start({ workers: 1 })
  })
  after(() => volley.stop())
  beforeEach(async () => {
    receiver = await new Receiver().start()
  })
  afterEach(() => receiver.stop())

  let types = 0
  const type = (fields: Record<string, unknown> = {}) =>
    volley.actionType({ name: `type_${++types}`, delivery_webhook: receiver.url, ...fields })
  const post = async (name: string, fields: Record<string, unknown> = {}, key?: string) => {
    const { status, body } = await volley.call(
      'POST',
      '/api/external/actions',
      { action_type: name, user_id: 'user-1', ...fields },
      key === undefined ? {} : { key },
    )
    expect(status, JSON.stringify(body)).to.equal(201)
    return body.action.id as string
  }
  const get = async (id: string) => (await volley.call('GET', `/api/external/actions/${id}`)).body
  const until = (id: string, status: string) =>
    eventually(async () => {
      const found = await get(id)
      expect(found.action.status).to.equal(status)
      return found
    })

  it('sends it signed, once, and takes the outcome back', async () => {
    const { name, webhook_secret } = await type()
    const id = await post(name, { parameters: { amount: 500 }, reasoning: 'because', confidence: 0.82 })
    await until(id, 'dispatched')
    const [received] = receiver.received
    expect(receiver.ids).to.deep.equal([id])
    expect(receiver.isSignedBy(received!, webhook_secret)).to.equal(true)
    new Webhook(webhook_secret, { format: 'raw' }).verify(
      received!.text,
      received!.headers as Record<string, string>,
    )
    expect(received!.body).to.deep.include({
      action_id: id,
      action_type: name,
      user_id: 'user-1',
      parameters: { amount: 500 },
      confidence: '0.82',
    })
    const outcome = await volley.call('POST', `/api/external/actions/${id}/outcome`, {
      status: 'partial',
      result: { points: 5 },
    })
    expect(outcome.body).to.deep.equal({ recorded: true, action_id: id, outcome_status: 'partial' })
    const { action, history } = await eventually(async () => {
      const found = await get(id)
      expect(found.history).to.have.length(2)
      return found
    })
    expect(action).to.deep.include({ status: 'completed', outcome_status: 'partial', late: false })
    expect(history.map((step: { kind: string; to: string }) => [step.kind, step.to])).to.deep.equal([
      ['result', 'dispatched'],
      ['outcome', 'completed'],
    ])
  })

  it('repeats what fails with the asked gaps, four times in all, and keeps each step', async () => {
    let calls = 0
    receiver.answer = (_received, response) => {
      response.statusCode = ++calls <= 3 ? 503 : 200
      response.end(`answer ${calls}`)
    }
    const { name } = await type({ retry_policy: { delays: ['300ms', '600ms', '900ms'] } })
    const id = await post(name)
    const { attempts, history } = await until(id, 'dispatched')
    expect(receiver.ids).to.deep.equal([id, id, id, id])
    const gaps = receiver.received.slice(1).map(({ at }, i) => at - receiver.received[i]!.at)
    for (const [i, wanted] of [300, 600, 900].entries())
      expect(gaps[i]).to.be.within(wanted - 5, wanted + 250)
    expect(
      attempts.map((a: { http_status: number; response_excerpt: string }) => [
        a.http_status,
        a.response_excerpt,
      ]),
    ).to.deep.equal([
      [503, 'answer 1'],
      [503, 'answer 2'],
      [503, 'answer 3'],
      [200, 'answer 4'],
    ])
    expect(history.map((step: { to: string }) => step.to)).to.deep.equal([
      'retrying',
      'retrying',
      'retrying',
      'dispatched',
    ])
    expect(history.map((step: { version: number }) => step.version)).to.deep.equal([1, 2, 3, 4])
  })

  it('fails when no retry is left, and can be forced to try again', async () => {
    receiver.answer = (_received, response) => response.writeHead(400).end()
    const { name } = await type({ retry_policy: { delays: ['10ms'] } })
    const id = await post(name)
    const { action } = await until(id, 'failed')
    expect(action).to.include({ failure_reason: 'retries_exhausted', attempts: 2, next_attempt_at: null })
    receiver.answer = (_received, response) => response.end()
    const retried = await volley.call('POST', `/api/external/actions/${id}/retry`)
    expect(retried.status).to.equal(200)
    await until(id, 'dispatched')
    expect(receiver.ids).to.have.length(3)
  })

  it('counts a timeout as a failure', async () => {
    receiver.answer = () => undefined
    const { name } = await type({ timeout: '150ms', retry_policy: { delays: [] } })
    const { attempts, action } = await until(await post(name), 'failed')
    expect(attempts[0]).to.include({ error: 'timeout', http_status: null })
    expect(action.failure_reason).to.equal('retries_exhausted')
  })

  it('names a host that does not resolve, and tries it again by the policy', async () => {
    const { name } = await type({
      delivery_webhook: 'http://no-such-host.invalid/x',
      retry_policy: { delays: ['10ms'] },
    })
    const { attempts } = await until(await post(name), 'failed')
    expect(attempts.map((attempt: { error: string }) => attempt.error)).to.deep.equal(['dns', 'dns'])
  })

  it('fails for good on an address that is refused at the socket', async () => {
    const { id: typeId, name } = await type()
    // As if the guard had been opened when the type was registered.
    await volley.ledger.pool.query(
      `update action_type set delivery_webhook = 'http://10.0.0.1/' where id = $1`,
      [typeId],
    )
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    const { action, attempts } = await until(await post(name), 'failed')
    expect(action).to.include({ failure_reason: 'permanent', attempts: 1 })
    expect(attempts[0]).to.include({ error: 'refused_address', message: '10.0.0.1 is a private address' })
  })

  it('waits for its scheduled time', async () => {
    const { name } = await type()
    const due = Date.now() + 700
    const id = await post(name, { scheduled_at: new Date(due).toISOString() })
    await until(id, 'dispatched')
    expect(receiver.received[0]!.at - due).to.be.within(-5, 400)
  })

  it('expires what was not answered for by its deadline, and takes a late outcome', async () => {
    const { name } = await type()
    const id = await post(name, { expires_at: new Date(Date.now() + 1_200).toISOString() })
    await until(id, 'expired')
    expect(
      (await volley.call('POST', `/api/external/actions/${id}/outcome`, { status: 'completed' })).status,
    ).to.equal(200)
    const { action } = await until(id, 'completed')
    expect(action.late).to.equal(true)
  })

  it('completes on delivery where no outcome is awaited', async () => {
    const { name } = await type({ awaits_outcome: false })
    await until(await post(name), 'completed')
  })

  it('cancels what was not sent, and not what was', async () => {
    const { name } = await type()
    const later = await post(name, { scheduled_at: new Date(Date.now() + 60_000).toISOString() })
    const cancelled = await volley.call('POST', `/api/external/actions/${later}/cancel`)
    expect(cancelled.body.action).to.include({ status: 'failed', failure_reason: 'cancelled' })
    const sent = await post(name)
    await until(sent, 'dispatched')
    const refused = await volley.call('POST', `/api/external/actions/${sent}/cancel`)
    expect(refused.status).to.equal(409)
    expect(refused.body.code).to.equal('invalid_transition')
  })

  it('lets success win over a cancel that came while it was on the wire', async () => {
    let finish = () => {}
    receiver.answer = (_received, response) => {
      finish = () => response.end()
    }
    const { name } = await type()
    const id = await post(name)
    await eventually(() => expect(receiver.ids).to.deep.equal([id]))
    const cancel = volley.call('POST', `/api/external/actions/${id}/cancel`)
    await eventually(async () => expect((await get(id)).action.requested).to.equal('cancel'))
    finish()
    const answered = await cancel
    expect([answered.status, answered.body.code]).to.deep.equal([409, 'too_late'])
    expect((await get(id)).action.status).to.equal('dispatched')
  })

  it('stops sending once an outcome was reported for a pulled action', async () => {
    receiver.answer = (_received, response) => response.writeHead(503).end()
    const { name } = await type({ retry_policy: { delays: ['400ms', '400ms'] } })
    const id = await post(name)
    await until(id, 'retrying')
    const pulled = await volley.call('GET', '/api/external/actions?status=pending,retrying,failed')
    expect(pulled.body.actions.map((action: { id: string }) => action.id)).to.include(id)
    await volley.call('POST', `/api/external/actions/${id}/outcome`, { status: 'completed' })
    expect((await get(id)).action.status).to.equal('completed')
    const sent = receiver.ids.length
    await new Promise((resolve) => setTimeout(resolve, 900))
    expect(receiver.ids).to.have.length(sent)
  })

  it('never sends what a test key made, and still takes its outcome', async () => {
    const { name } = await type()
    const id = await post(name, {}, volley.keys.test)
    await new Promise((resolve) => setTimeout(resolve, 1_300))
    expect((await get(id)).action).to.include({ status: 'pending', test: true })
    expect(receiver.ids).to.deep.equal([])
    await volley.call('POST', `/api/external/actions/${id}/outcome`, { status: 'completed' })
    await until(id, 'completed')
  })

  it('signs with the new secret after a rotation, and sends to the new address after a change', async () => {
    const { id: typeId, name } = await type()
    await until(await post(name), 'dispatched')
    const rotated = await volley.call('POST', `/api/external/action-types/${typeId}/rotate-secret`)
    const other = await new Receiver().start()
    await volley.call('PUT', `/api/external/action-types/${typeId}`, { delivery_webhook: other.url })
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    await until(await post(name), 'dispatched')
    expect(other.isSignedBy(other.received[0]!, rotated.body.action_type.webhook_secret)).to.equal(true)
    await other.stop()
  })

  it('turns an event into the action that a rule asks for', async () => {
    await volley.actionType({ name: 'unlock_badge', delivery_webhook: receiver.url })
    const pushed = await volley.call('POST', '/api/external/events', {
      events: [
        { type: 'custom.reward.redeemed', user_id: 'user-123', data: { reward_type: 'discount', value: 20 } },
        { type: 'custom.reward.redeemed', user_id: 'user-124', data: { reward_type: 'gift' } },
      ],
    })
    expect(pushed.body).to.deep.equal({ accepted: 2, duplicates: 0, rejected: [] })
    await eventually(() => expect(receiver.received).to.have.length(1))
    expect(receiver.received[0]!.body).to.deep.include({
      action_type: 'unlock_badge',
      user_id: 'user-123',
      parameters: { badge: 'smart_shopper' },
      confidence: '0.55',
    })
  })
})
