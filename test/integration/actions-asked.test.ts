import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'

describe('a cancel or a retry, with a worker that decides on it', () => {
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
  const post = async (delays: string[], more: Record<string, unknown> = {}) => {
    const { name } = await volley.actionType({
      name: `asked_${++types}`,
      delivery_webhook: receiver.url,
      retry_policy: { delays },
    })
    const { body } = await volley.call('POST', '/api/external/actions', {
      action_type: name,
      user_id: 'u',
      ...more,
    })
    return body.action.id as string
  }
  const ask = (what: 'cancel' | 'retry', id: string) =>
    volley.call('POST', `/api/external/actions/${id}/${what}`)
  const get = async (id: string) => (await volley.call('GET', `/api/external/actions/${id}`)).body

  /** Cancels while the receiver holds the answer, then lets it answer 503. */
  const cancelledOnTheWire = async (delays: string[]) => {
    let fail = () => {}
    receiver.answer = (_received, response) => {
      fail = () => response.writeHead(503).end()
    }
    const id = await post(delays)
    await eventually(() => expect(receiver.ids).to.deep.equal([id]))
    const cancel = ask('cancel', id)
    await eventually(async () => expect((await get(id)).action.requested).to.equal('cancel'))
    fail()
    return { id, answered: await cancel }
  }

  it('on the wire cancels the retries that a failure would have had', async () => {
    const { id, answered } = await cancelledOnTheWire(['30s'])
    expect(answered.status).to.equal(200)
    expect(answered.body.action).to.include({ status: 'failed', failure_reason: 'cancelled', attempts: 1 })
    expect((await get(id)).history.map(({ kind }: { kind: string }) => kind)).to.deep.equal([
      'result',
      'cancel',
    ])
    expect(receiver.ids).to.have.length(1)
  })

  it('never undoes a delivery, whenever between its answer and its commit it comes', async () => {
    const finish = new Map<string, () => void>()
    receiver.answer = ({ body }, response) => {
      finish.set(body.action_id, () => response.end())
    }
    const { name } = await volley.actionType({ name: `asked_${++types}`, delivery_webhook: receiver.url })
    const { body } = await volley.call('POST', '/api/external/actions/batch', {
      actions: Array.from({ length: 40 }, () => ({ action_type: name, user_id: 'u' })),
    })
    const ids = body.results.map(({ action }: { action: { id: string } }) => action.id) as string[]
    await eventually(() => expect(finish.size).to.equal(ids.length))
    // Spread over the few ms in which a turn has taken its results and not yet decided.
    const told = await Promise.all(
      ids.map(async (id, i) => {
        await sleep(i * 12)
        const cancel = ask('cancel', id)
        await sleep(3 + (i % 20))
        finish.get(id)!()
        return (await cancel).body.code
      }),
    )
    // Who asks after the commit is told the state; nobody is told that it was cancelled.
    expect(told.filter((code) => code !== 'too_late' && code !== 'invalid_transition')).to.deep.equal([])
    for (const id of ids) expect((await get(id)).action).to.include({ status: 'dispatched', attempts: 1 })
  })

  it('that meets the last failure is told that the action failed, not that it was sent', async () => {
    const { answered } = await cancelledOnTheWire([])
    expect([answered.status, answered.body.code, answered.body.error]).to.deep.equal([
      409,
      'invalid_transition',
      'The action is failed by now.',
    ])
  })

  it('that is asked ten times at once is one step; who comes after it hears that it is over', async () => {
    const id = await post([], { scheduled_at: new Date(Date.now() + 60_000).toISOString() })
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask('cancel', id)))
    const said = answers.map(({ status, body }) => `${status} ${body.action?.failure_reason ?? body.code}`)
    expect(said).to.include('200 cancelled')
    expect(
      said.filter((text) => text !== '200 cancelled' && text !== '409 invalid_transition'),
    ).to.deep.equal([])
    expect((await get(id)).history).to.have.length(1)
    const { rows } = await volley.ledger.pool.query('select kind, n from fact where action_id = $1', [id])
    expect(rows).to.deep.equal([{ kind: 'cancel', n: 0 }])
  })

  it('is refused where an outcome was acknowledged', async () => {
    receiver.answer = (_received, response) => response.writeHead(503).end()
    const id = await post([])
    await eventually(async () => expect((await get(id)).action.status).to.equal('failed'))
    await volley.call('POST', `/api/external/actions/${id}/outcome`, { status: 'completed' })
    const { status, body } = await ask('retry', id)
    expect([status, body.code]).to.deep.equal([409, 'invalid_transition'])
    expect(body.error).to.equal('The action has an outcome; retry needs one that is failed or expired.')
  })

  it('is never told cancelled and sent all the same, however close to its time it comes', async () => {
    const { name } = await volley.actionType({ name: `asked_${++types}`, delivery_webhook: receiver.url })
    const due = Date.now() + 1_500
    const { body } = await volley.call('POST', '/api/external/actions/batch', {
      actions: Array.from({ length: 120 }, () => ({
        action_type: name,
        user_id: 'u',
        scheduled_at: new Date(due).toISOString(),
      })),
    })
    const ids = body.results.map(({ action }: { action: { id: string } }) => action.id) as string[]
    const told = await Promise.all(
      ids.map(async (id, i) => {
        await sleep(due - Date.now() - 60 + i)
        return { id, reason: (await ask('cancel', id)).body.action?.failure_reason }
      }),
    )
    const cancelled = told.filter(({ reason }) => reason === 'cancelled')
    expect(cancelled.length).to.be.within(1, 119)
    await sleep(200)
    expect(cancelled.filter(({ id }) => receiver.ids.includes(id))).to.deep.equal([])
  })
})
