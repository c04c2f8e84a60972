import { expect } from 'chai'
import { startWorker } from '../../src/app.ts'
import { createLog } from '../../src/log.ts'
import { Chance } from '../chaos/chance.ts'
import { TcpProxy } from '../chaos/tcp-proxy.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'

/** Longer than anybody waits in this test. */
const FOR_EVER_MS = 120_000

describe('connections to Postgres that are dead without saying so', function () {
  this.timeout(90_000)
  let volley: Installation
  let receiver: Receiver
  let proxy: TcpProxy
  let worker: Awaited<ReturnType<typeof startWorker>>

  before(async () => {
    volley = await Installation.start()
    receiver = await new Receiver().start()
    const url = new URL(volley.config.databaseUrl!)
    proxy = await TcpProxy.start(Number(url.port))
    url.port = String(proxy.port)
    worker = await startWorker(
      { ...volley.config, databaseUrl: url.href },
      createLog({ level: process.env.TEST_LOG ?? 'silent', name: 'worker' }),
    )
  })
  after(async () => {
    await worker.close()
    await proxy.stop()
    await receiver.stop()
    await volley.stop()
  })

  it('hold up a worker for some seconds, not for as long as they stay open', async () => {
    await volley.actionType({ name: 'kept', delivery_webhook: receiver.url })
    await volley.call('POST', '/api/external/actions', { action_type: 'kept', user_id: 'before' })
    await eventually(() => expect(receiver.ids).to.have.length(1))
    void proxy.halfOpen(1, FOR_EVER_MS, new Chance(1))
    await volley.call('POST', '/api/external/actions', { action_type: 'kept', user_id: 'after' })
    await eventually(() => expect(receiver.ids).to.have.length(2), 25_000)
    const isDispatched = async () => {
      const { rows } = await volley.ledger.pool.query(`select from action where status = 'dispatched'`)
      expect(rows).to.have.length(2)
    }
    await eventually(isDispatched, 25_000)
  })
})
