import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'

describe('the breaker of a destination', function () {
  this.timeout(60_000)
  let volley: Installation
  let broken: Receiver
  let well: Receiver

  before(async () => {
    volley = await Installation.start({ workers: 2 })
    broken = await new Receiver().start()
    well = await new Receiver().start()
  })
  after(async () => {
    await volley.stop()
    await broken.stop()
    await well.stop()
  })

  const post = (action_type: string, count: number) =>
    volley.call('POST', '/api/external/actions/batch', {
      actions: Array.from({ length: count }, (_, i) => ({ action_type, user_id: `u${i}` })),
    })
  const changes = async () =>
    (await volley.ledger.pool.query('select change, destination from breaker_change order by seq')).rows
  const statuses = async (type: string) => {
    const { rows } = await volley.ledger.pool.query<{ status: string; n: number }>(
      'select status, count(*)::int as n from action where type = $1 group by status',
      [type],
    )
    return Object.fromEntries(rows.map(({ status, n }) => [status, n]))
  }

  it('opens once for all workers, spends no attempt while open, lets one probe through, and closes', async () => {
    let isWell = false
    let probes = 0
    let sentWhileOpen = 0
    broken.answer = (_received, response) => {
      if (isWell) {
        response.end('{}')
        return
      }
      sentWhileOpen++
      response.writeHead(503).end()
    }
    const type = await volley.actionType({
      name: 'guarded',
      delivery_webhook: broken.url,
      retry_policy: { delays: Array(20).fill('100ms') },
    })
    const short = await volley.actionType({
      name: 'short',
      delivery_webhook: broken.url,
      expires_after: '3s',
    })
    const other = await volley.actionType({ name: 'other', delivery_webhook: well.url })
    await post('guarded', 60)
    await eventually(async () =>
      expect((await changes()).map(({ change }) => change)).to.deep.equal(['opened']),
    )
    expect((await changes())[0].destination).to.equal(new URL(broken.url).origin)
    // What was on the wire when it opened comes back, and then nothing more goes out.
    await eventually(async () => {
      const before = sentWhileOpen
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      expect(sentWhileOpen).to.equal(before)
    })
    const sent = sentWhileOpen
    expect(sent).to.be.below(150)
    await post('short', 3)
    await post('other', 30)
    await eventually(async () => expect(await statuses(other.id)).to.deep.equal({ dispatched: 30 }))
    await eventually(async () => expect(await statuses(short.id)).to.deep.equal({ expired: 3 }))
    // The first probe still fails, and is the only POST of both workers.
    await eventually(() => expect(sentWhileOpen).to.be.above(sent), 10_000)
    await new Promise((resolve) => setTimeout(resolve, 500))
    probes = sentWhileOpen - sent
    expect(probes).to.equal(1)
    isWell = true
    await eventually(async () => expect(await statuses(type.id)).to.deep.equal({ dispatched: 60 }), 20_000)
    expect((await changes()).map(({ change }) => change)).to.deep.equal(['opened', 'closed'])
  })

  it('stays closed for answers that refuse an action', async () => {
    const before = (await changes()).length
    broken.answer = (_received, response) => response.writeHead(404).end()
    const type = await volley.actionType({
      name: 'refused',
      delivery_webhook: broken.url,
      retry_policy: { delays: [] },
    })
    await post('refused', 60)
    await eventually(async () => expect(await statuses(type.id)).to.deep.equal({ failed: 60 }))
    expect((await changes()).length).to.equal(before)
  })
})
