import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'
import { wrongTimers } from '../support/timers.ts'

describe('limits of an action type', function () {
  this.timeout(60_000)
  let volley: Installation
  let receiver: Receiver
  let atOnce = 0
  let most = 0

  before(async () => {
    volley = await Installation.start({ workers: 2 })
  })
  after(() => volley.stop())
  beforeEach(async () => {
    receiver = await new Receiver().start()
    atOnce = 0
    most = 0
  })
  afterEach(() => receiver.stop())

  const answersAfter = (ms: number) => {
    receiver.answer = (_received, response) => {
      most = Math.max(most, ++atOnce)
      setTimeout(() => {
        atOnce--
        response.end('{}')
      }, ms)
    }
  }
  const post = async (action_type: string, count: number): Promise<string[]> => {
    const actions = Array.from({ length: count }, (_, i) => ({ action_type, user_id: `u${i}` }))
    const { body } = await volley.call('POST', '/api/external/actions/batch', { actions })
    return body.results.map((result: { action: { id: string } }) => result.action.id)
  }
  const countOf = async (type: string, status: string) => {
    const { rows } = await volley.ledger.pool.query<{ n: number }>(
      'select count(*)::int as n from action where type = $1 and status = $2',
      [type, status],
    )
    return rows[0]!.n
  }
  const get = async (id: string) => (await volley.call('GET', `/api/external/actions/${id}`)).body

  it('max_in_flight bounds concurrent POSTs over all workers, while they come and go', async () => {
    answersAfter(15)
    const { id } = await volley.actionType({
      name: 'three',
      delivery_webhook: receiver.url,
      max_in_flight: 3,
    })
    await post('three', 150)
    await eventually(() => expect(receiver.ids.length).to.be.above(30))
    const third = await volley.addWorker()
    await eventually(() => expect(receiver.ids.length).to.be.above(70))
    await third.close()
    volley.workers.pop()
    await eventually(async () => expect(await countOf(id, 'dispatched')).to.equal(150), 20_000)
    expect(most).to.equal(3)
    expect(new Set(receiver.ids).size).to.equal(receiver.ids.length)
    const permits = await volley.ledger.pool.query('select from permit where type = $1', [id])
    expect(permits.rowCount).to.equal(0)
  })

  it('max_in_flight that is set later holds for what was accepted before', async () => {
    answersAfter(15)
    const { id } = await volley.actionType({ name: 'later', delivery_webhook: receiver.url })
    const scheduled_at = new Date(Date.now() + 1_500).toISOString()
    const actions = Array.from({ length: 60 }, (_, i) => ({
      action_type: 'later',
      user_id: `u${i}`,
      scheduled_at,
    }))
    await volley.call('POST', '/api/external/actions/batch', { actions })
    await volley.call('PUT', `/api/external/action-types/${id}`, { max_in_flight: 2 })
    await eventually(async () => expect(await countOf(id, 'dispatched')).to.equal(60), 30_000)
    expect(most).to.be.within(1, 2)
  })

  it('rate_limit spreads POSTs so that no window holds more, and does not hold up other types', async () => {
    const arrived: number[] = []
    receiver.answer = ({ body }, response) => {
      if (body.action_type === 'paced') arrived.push(performance.now())
      response.end('{}')
    }
    const { id } = await volley.actionType({
      name: 'paced',
      delivery_webhook: receiver.url,
      rate_limit: { limit: 20, per: '1s' },
    })
    const other = await volley.actionType({ name: 'unpaced', delivery_webhook: receiver.url })
    await post('paced', 50)
    await post('unpaced', 100)
    await eventually(async () => expect(await countOf(other.id, 'dispatched')).to.equal(100), 2_000)
    await eventually(async () => expect(await countOf(id, 'dispatched')).to.equal(50), 20_000)
    const inWindow = (from: number) => arrived.filter((at) => at >= from && at < from + 1_000).length
    expect(Math.max(...arrived.map(inWindow))).to.be.within(15, 20)
  })

  it('waiting for a limit spends no attempt, and a deadline still runs', async () => {
    answersAfter(10)
    const { id } = await volley.actionType({
      name: 'slow',
      delivery_webhook: receiver.url,
      rate_limit: { limit: 1, per: '1h' },
      expires_after: '2s',
    })
    const ids = await post('slow', 5)
    await eventually(async () => expect(await countOf(id, 'expired')).to.be.at.least(4), 10_000)
    const attempts = await Promise.all(ids.map(async (each) => (await get(each)).action.attempts))
    expect(attempts.sort()).to.deep.equal([0, 0, 0, 0, 1])
    expect(receiver.ids.length).to.equal(1)
  })

  it('a limit that is raised or taken away while actions wait counts from then on', async () => {
    answersAfter(100)
    const { id } = await volley.actionType({
      name: 'raised',
      delivery_webhook: receiver.url,
      max_in_flight: 1,
    })
    await post('raised', 100)
    await eventually(() => expect(receiver.ids.length).to.be.above(1))
    expect(most).to.equal(1)
    await volley.call('PUT', `/api/external/action-types/${id}`, { max_in_flight: 4 })
    await eventually(() => expect(most).to.equal(4))
    await volley.call('PUT', `/api/external/action-types/${id}`, { max_in_flight: null })
    await eventually(() => expect(most).to.be.above(8))
    await eventually(async () => expect(await countOf(id, 'dispatched')).to.equal(100), 20_000)
  })

  it('a type that must not be sent again ends as ambiguous where no answer came, and retries an answer', async () => {
    receiver.answer = ({ body }, response) => {
      if (body.user_id === 'u0') return
      if (body.user_id === 'u1') response.socket?.destroy()
      else response.writeHead(500).end()
    }
    await volley.actionType({
      name: 'once',
      delivery_webhook: receiver.url,
      resend: 'never',
      timeout: '300ms',
      retry_policy: { delays: ['50ms'] },
    })
    const ids = await post('once', 3)
    const ends = await eventually(async () => {
      const found = await Promise.all(ids.map(async (id) => (await get(id)).action))
      expect(found.every((action) => action.status === 'failed')).to.equal(true)
      return found
    })
    expect(ends.map(({ failure_reason, attempts }) => [failure_reason, attempts])).to.deep.equal([
      ['ambiguous', 1],
      ['ambiguous', 1],
      ['retries_exhausted', 2],
    ])
    expect(receiver.ids.length).to.equal(4)
    expect(await wrongTimers(volley.ledger.pool)).to.deep.equal([])
  })

  it('what an earlier owner had claimed is not sent by the next one', async () => {
    answersAfter(1)
    const { id } = await volley.actionType({
      name: 'claimed',
      delivery_webhook: receiver.url,
      resend: 'never',
    })
    const due = new Date(Date.now() + 1_500).toISOString()
    const { body } = await volley.call('POST', '/api/external/actions', {
      action_type: 'claimed',
      user_id: 'u',
      scheduled_at: due,
    })
    // As a worker leaves it that dies between its claim and the answer.
    await volley.ledger.pool.query('update action set claimed = 1 where id = $1', [body.action.id])
    const { action, history } = await eventually(async () => {
      const found = await get(body.action.id)
      expect(found.action.status).to.equal('failed')
      return found
    })
    expect([action.failure_reason, history.at(-1).kind]).to.deep.equal(['ambiguous', 'ambiguous'])
    expect(receiver.ids).to.deep.equal([])
    expect(await countOf(id, 'failed')).to.equal(1)
  })
})
