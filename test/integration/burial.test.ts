import { expect } from 'chai'
import { openSession } from '../../src/ledger/ownership/session.ts'
import { register } from '../../src/ledger/ownership/workers.ts'
import { inTurn } from '../../src/ledger/turn-transaction.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'

describe('a worker that was stopped in the middle of a turn', function () {
  this.timeout(40_000)
  it('does not keep the others from burying it, and cannot commit afterwards', async () => {
    const volley = await Installation.start()
    const session = await openSession(volley.config.databaseUrl!, 2_000, () => undefined)
    await register(session, { id: 'w_zombie', host: 'here', pid: 1, beatMs: 100 })
    await volley.ledger.pool.query(`update partition set owner = 'w_zombie'`)
    let goOn = () => {}
    const stopped = new Promise<void>((resolve) => {
      goOn = resolve
    })
    // Inside its turn, with the fence taken: this is where a SIGSTOP or a lost network leaves it.
    const turn = inTurn(volley.ledger.pool, 'w_zombie', async (_tx, fence) => {
      expect(fence.partitions).to.have.length(64)
      await stopped
      return 'late'
    }).catch((error: Error) => error)
    await volley.addWorker()
    await eventually(async () => {
      const { rows } = await volley.ledger.pool.query(`select distinct owner from partition`)
      expect(rows).to.deep.equal([{ owner: volley.workers[0]!.id }])
    }, 25_000)
    goOn()
    expect(await turn).to.be.an('error')
    expect(await inTurn(volley.ledger.pool, 'w_zombie', async () => 'again')).to.deep.equal({
      kind: 'buried',
    })
    await session.end()
    await volley.stop()
  })
})
