import { expect } from 'chai'
import { countBacklog } from '../../src/ledger/intake/backlog.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'
import { PARTITIONS } from '../support/servers.ts'
import { wrongTimers } from '../support/timers.ts'

const LIMIT = 20

describe('the limit of a backlog', () => {
  let volley: Installation
  let receiver: Receiver
  beforeEach(async () => {
    receiver = await new Receiver().start()
    volley = await Installation.start({ env: { VOLLEY_BACKLOG_MAX: String(LIMIT) } })
    await volley.actionType({ name: 'kept', delivery_webhook: receiver.url })
    await volley.actionType({ name: 'unlock_badge', delivery_webhook: receiver.url })
  })
  afterEach(async () => {
    await volley.stop()
    await receiver.stop()
  })

  const later = () => new Date(Date.now() + 3_600_000).toISOString()
  const post = (fields: Record<string, unknown> = {}, options: Parameters<Installation['call']>[3] = {}) =>
    volley.call('POST', '/api/external/actions', { action_type: 'kept', user_id: 'u', ...fields }, options)
  const batch = (n: number, fields: Record<string, unknown> = {}) =>
    volley.call('POST', '/api/external/actions/batch', {
      actions: Array.from({ length: n }, () => ({ action_type: 'kept', user_id: 'u', ...fields })),
    })
  const accepted = async (): Promise<number> => {
    const { rows } = await volley.ledger.pool.query('select count(*)::int as n from action')
    return rows[0].n
  }
  const backlog = async (limit = 1_000): Promise<number> => {
    const { rows } = await volley.ledger.pool.query(`select id from tenant where slug = 'acme'`)
    return countBacklog(volley.ledger.pool, rows[0].id, { partitions: PARTITIONS, limit })
  }

  it('refuses actions and batches as a whole with 429 and when to come again, and takes them once there is room', async () => {
    expect((await batch(LIMIT / 2)).status).to.equal(200)
    expect((await batch(LIMIT / 2, { scheduled_at: later() })).status).to.equal(200)
    const { status, body, headers } = await post()
    expect([status, body.code]).to.deep.equal([429, 'backlog_full'])
    expect(body.details).to.deep.equal({ backlog: LIMIT, limit: LIMIT })
    expect(Number(headers.get('retry-after'))).to.be.within(1, 60)
    expect((await batch(2)).status).to.equal(429)
    expect(await accepted()).to.equal(LIMIT)
    await volley.addWorker()
    await eventually(async () => expect((await post()).status).to.equal(201))
    await eventually(() => expect(receiver.ids.length).to.equal(LIMIT / 2 + 1))
  })

  it('holds for many requests at once', async () => {
    const answers = await Promise.all(Array.from({ length: 3 * LIMIT }, () => post()))
    expect(answers.filter(({ status }) => status === 201)).to.have.length(LIMIT)
    expect(await accepted()).to.equal(LIMIT)
  })

  it('is one tenant alone, and counts nothing that is never sent', async () => {
    await batch(LIMIT)
    expect((await post()).status).to.equal(429)
    expect((await post({}, { key: volley.keys.test })).status).to.equal(201)
    expect((await post({}, { key: volley.keys.other })).body.code).to.equal('action_type_unknown')
  })

  it('answers the repeat of an accepted request as before', async () => {
    const headers = { 'idempotency-key': 'once' }
    const first = await post({}, { headers })
    await batch(LIMIT)
    expect((await post()).status).to.equal(429)
    const again = await post({}, { headers })
    expect([again.status, again.body.action.id]).to.deep.equal([201, first.body.action.id])
  })

  it('refuses events that a rule answers, and records all others', async () => {
    const push = (type: string) =>
      volley.call('POST', '/api/external/events', {
        events: [{ type, user_id: 'u', data: { reward_type: 'discount' } }],
      })
    await batch(LIMIT)
    expect((await push('custom.reward.redeemed')).status).to.equal(429)
    expect((await push('custom.nobody.asks')).status).to.equal(202)
  })

  it('is counted over what is due, asleep or waits for a retry, of types with and without a limit', async () => {
    receiver.answer = (_received, response) => response.writeHead(500).end()
    await volley.actionType({
      name: 'limited',
      delivery_webhook: receiver.url,
      max_in_flight: 1,
      retry_policy: { delays: ['1h'] },
    })
    const worker = await volley.addWorker()
    await post({ action_type: 'limited' })
    await eventually(async () => expect(receiver.ids).to.have.length(1))
    await eventually(async () => {
      const { rows } = await volley.ledger.pool.query('select status from action')
      expect(rows).to.deep.equal([{ status: 'retrying' }])
    })
    volley.workers.splice(volley.workers.indexOf(worker), 1)
    await worker.close()
    await batch(3)
    await batch(4, { scheduled_at: later() })
    await batch(5, { action_type: 'limited' })
    expect(await backlog()).to.equal(13)
    expect(await backlog(6)).to.equal(6)
    expect(await wrongTimers(volley.ledger.pool)).to.deep.equal([])
  })

  it('may be another one for a single tenant', async () => {
    await volley.ledger.pool.query(`update tenant set backlog_max = 3 where slug = 'acme'`)
    await batch(3)
    await eventually(async () => expect((await post()).body.details).to.include({ limit: 3 }))
  })
})
