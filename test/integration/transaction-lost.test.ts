import { expect } from 'chai'
import { asVolleyError } from '../../src/http/failures.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { inTransaction } from '../../src/ledger/transaction.ts'
import { eventually } from '../support/eventually.ts'
import { testDatabase } from '../support/servers.ts'

describe('a transaction that the ledger ended while the process stood still', () => {
  let database: { url: string; drop(): Promise<void> }
  let ledger: Ledger

  before(async () => {
    database = await testDatabase()
    ledger = await Ledger.open({ databaseUrl: database.url, poolMax: 2 })
  })
  after(async () => {
    await ledger.close()
    await database.drop()
  })

  /** What a statement throws whose transaction was idle for too long; `pause` is what the process does meanwhile. */
  const thrownAfter = (pause: (pid: number) => unknown): Promise<unknown> =>
    inTransaction(ledger.pool, async (client) => {
      await client.query('set local idle_in_transaction_session_timeout = 200')
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
      await pause(rows[0]!.pid)
      await client.query('select 1')
    }).catch((error: unknown) => error)

  it('is answered as unavailable where the process hears of it with its next statement', async () => {
    // The whole process stands still, as under SIGSTOP, so that it cannot hear of it before.
    const thrown = await thrownAfter(() =>
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000),
    )
    expect((thrown as { code?: string }).code).to.equal('25P03')
    expect(asVolleyError(thrown).code).to.equal('unavailable')
  })

  it('is answered as unavailable where the process has heard of it before', async () => {
    const thrown = await thrownAfter((pid) =>
      eventually(async () => {
        const { rows } = await ledger.pool.query('select from pg_stat_activity where pid = $1', [pid])
        expect(rows).to.deep.equal([])
      }),
    )
    expect(String(thrown)).to.match(/not queryable|terminat/)
    expect(asVolleyError(thrown).code).to.equal('unavailable')
  })
})
