import { expect } from 'chai'
import type { PrivateServer } from '../../src/local/server.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'
import { migrated, privatePostgres } from '../support/servers.ts'

describe('a restart of Postgres while actions are being sent', function () {
  this.timeout(90_000)
  let postgres: PrivateServer
  let volley: Installation
  let receiver: Receiver

  before(async () => {
    postgres = await privatePostgres()
    await migrated(postgres.url)
    volley = await Installation.start({
      workers: 2,
      database: { url: postgres.url, drop: async () => undefined },
    })
    receiver = await new Receiver().start()
    receiver.answer = (_received, response) => setTimeout(() => response.end('{}'), 3)
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

  it('loses nothing, makes no dead letter, and leaves no gap in any history', async () => {
    await volley.actionType({ name: 'kept', delivery_webhook: receiver.url })
    const actions = Array.from({ length: 1_000 }, (_, i) => ({ action_type: 'kept', user_id: `u${i}` }))
    const ids: string[] = []
    for (let i = 0; i < 3; i++) {
      const { body } = await volley.call('POST', '/api/external/actions/batch', { actions })
      ids.push(...body.results.map((result: { action: { id: string } }) => result.action.id))
    }
    await eventually(() => expect(receiver.ids.length).to.be.above(200))
    // As hard as it goes: no time to finish a transaction.
    await postgres.kill('SIGQUIT')
    const refused = await volley.call('POST', '/api/external/actions', { action_type: 'kept', user_id: 'u' })
    expect([refused.status, refused.body.code]).to.deep.equal([503, 'unavailable'])
    await postgres.restart()
    await eventually(async () => expect(await statuses()).to.deep.equal({ dispatched: 3_000 }), 45_000)
    const sent = new Set(receiver.ids)
    expect(ids.filter((id) => !sent.has(id))).to.deep.equal([])
    const { rows } = await volley.ledger.pool.query(`
      select (select count(*)::int from dead_letter) as letters,
             (select count(*)::int from action a where a.version <> (select count(*) from history h where h.action_id = a.id)) as gaps`)
    expect(rows[0]).to.deep.equal({ letters: 0, gaps: 0 })
  })

  it('and the next action goes its way as before', async () => {
    const { body } = await volley.call('POST', '/api/external/actions', {
      action_type: 'kept',
      user_id: 'after',
    })
    await eventually(() => expect(receiver.ids).to.include(body.action.id))
  })
})
