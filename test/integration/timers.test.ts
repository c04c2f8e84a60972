import { expect } from 'chai'
import { DEADLINE_LANE, SLEEP_LANE } from '../../src/ledger/actions/timers.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'
import { wrongTimers } from '../support/timers.ts'

describe('timers', function () {
  this.timeout(90_000)
  let volley: Installation
  let receiver: Receiver
  before(async () => {
    receiver = await new Receiver().start()
    volley = await Installation.start({ workers: 2 })
  })
  after(async () => {
    await volley.stop()
    await receiver.stop()
  })

  const statuses = async () => {
    const { rows } = await volley.ledger.pool.query<{ status: string; n: number }>(
      'select status, count(*)::int as n from action group by status',
    )
    return Object.fromEntries(rows.map(({ status, n }) => [status, n]))
  }
  const post = async (fields: Record<string, unknown>, key = volley.keys.live): Promise<string> =>
    (
      await volley.call(
        'POST',
        '/api/external/actions',
        { action_type: 'walked', user_id: 'u', ...fields },
        { key },
      )
    ).body.action.id

  it('stand beside actions on every way that one can go, and no update of an action touches an index', async () => {
    const seen = new Map<string, number>()
    receiver.answer = ({ body }, response) => {
      const tries = (seen.get(body.action_id) ?? 0) + 1
      seen.set(body.action_id, tries)
      const fails = body.user_id === 'fails' || (body.user_id === 'retried' && tries <= 2)
      response.writeHead(fails ? 500 : 200).end()
    }
    await volley.actionType({
      name: 'walked',
      delivery_webhook: receiver.url,
      retry_policy: { delays: ['20ms', '30ms'] },
      expires_after: '1h',
    })
    for (let i = 0; i < 20; i++) await post({})
    const retried = await post({ user_id: 'retried' })
    const failed = await post({ user_id: 'fails' })
    const forced = await post({ user_id: 'fails' })
    const cancelled = await post({ scheduled_at: new Date(Date.now() + 60_000).toISOString() })
    await post({ scheduled_at: new Date(Date.now() + 60_000).toISOString() })
    await post(
      {
        scheduled_at: new Date(Date.now() + 2_000).toISOString(),
        expires_at: new Date(Date.now() + 2_001).toISOString(),
      },
      volley.keys.test,
    )
    await post({}, volley.keys.test)
    await eventually(async () =>
      expect(await statuses()).to.deep.equal({ dispatched: 21, failed: 2, pending: 4 }),
    )
    expect(await wrongTimers(volley.ledger.pool)).to.deep.equal([])

    await volley.call('POST', `/api/external/actions/${retried}/outcome`, { status: 'completed' })
    await volley.call('POST', `/api/external/actions/${cancelled}/cancel`)
    await volley.call('POST', `/api/external/actions/${failed}/outcome`, { status: 'completed' })
    await volley.call('POST', `/api/external/actions/${forced}/retry`)
    await eventually(async () => {
      expect(seen.get(forced)).to.be.above(3)
      expect(await statuses()).to.deep.equal({
        dispatched: 20,
        completed: 2,
        failed: 2,
        pending: 2,
        expired: 1,
      })
    })
    expect(await wrongTimers(volley.ledger.pool)).to.deep.equal([])

    const { rows } = await eventually(async () => {
      const stats = await volley.ledger.pool.query<{ updates: number; hot: number }>(
        `select sum(n_tup_upd)::int as updates, sum(n_tup_hot_upd)::int as hot from pg_stat_user_tables where relname ~ '^action_\\d'`,
      )
      expect(stats.rows[0]!.updates).to.be.above(30)
      return stats
    })
    expect(rows[0]!.hot).to.equal(rows[0]!.updates)
  })

  it('of what is due later sleep apart from the lanes, and wake in time', async () => {
    const id = await post({ scheduled_at: new Date(Date.now() + 3_600_000).toISOString() })
    const lanes = async () => {
      const { rows } = await volley.ledger.pool.query<{ lane: string }>(
        'select t.lane from timer t join action a using (id) where a.id = $1 and t.lane <> $2',
        [id, DEADLINE_LANE],
      )
      return rows.map(({ lane }) => lane)
    }
    expect(await lanes()).to.deep.equal([SLEEP_LANE])
    // The hour passes.
    await volley.ledger.pool.query(
      `with a as (update action set next_at = now() + interval '1 second' where id = $1 returning next_at)
       update timer set at = a.next_at from a where id = $1 and lane = $2`,
      [id, SLEEP_LANE],
    )
    await eventually(async () => expect(await lanes()).to.deep.equal([]))
    expect(receiver.ids.filter((sent) => sent === id)).to.deep.equal([id])
  })

  it('are where they belong after workers have put off what they had on the wire', async () => {
    const open: (() => void)[] = []
    receiver.answer = (_received, response) => open.push(() => response.end())
    const ids = await Promise.all(Array.from({ length: 12 }, () => post({ user_id: 'slow' })))
    await eventually(() => expect(open.length).to.equal(12))
    const closing = Promise.all(volley.workers.splice(0).map((worker) => worker.close()))
    await eventually(async () => {
      const { rows } = await volley.ledger.pool.query(
        'select count(*)::int as n from action where id = any($1) and next_at > now()',
        [ids],
      )
      expect(rows[0].n).to.equal(12)
    })
    expect(await wrongTimers(volley.ledger.pool)).to.deep.equal([])
    for (const answer of open) answer()
    await closing
    await volley.addWorker()
    await eventually(async () => expect((await statuses()).dispatched).to.equal(33), 20_000)
    expect(await wrongTimers(volley.ledger.pool)).to.deep.equal([])
    expect(ids.filter((id) => receiver.ids.filter((sent) => sent === id).length !== 1)).to.deep.equal([])
  })
})
