import { expect } from 'chai'
import { takeSuspect } from '../../src/ledger/actions/suspects.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { openSession, type Session } from '../../src/ledger/ownership/session.ts'
import { bury, claim, owned, register, release, retire } from '../../src/ledger/ownership/workers.ts'
import { eventually } from '../support/eventually.ts'
import { testDatabase } from '../support/servers.ts'

describe('suspicion of a partition', () => {
  let database: Awaited<ReturnType<typeof testDatabase>>
  let ledger: Ledger
  let observer: Session
  let workers = 0

  beforeEach(async () => {
    database = await testDatabase()
    ledger = await Ledger.open({ databaseUrl: database.url, poolMax: 2 })
    observer = await openSession(database.url, 2_000, () => undefined)
  })
  afterEach(async () => {
    await observer.end()
    await ledger.close()
    await database.drop()
  })

  /** A worker that has claimed everything. */
  const live = async (): Promise<{ id: string; session: Session }> => {
    const id = `w_${++workers}`
    const session = await openSession(database.url, 2_000, () => undefined)
    await register(session, { id, host: 'here', pid: 1, beatMs: 60_000 })
    await claim(session, id, 64)
    return { id, session }
  }
  const die = async ({ id, session }: { id: string; session: Session }): Promise<void> => {
    await session.end()
    await eventually(async () => expect(await bury(observer, id)).to.equal(true))
  }
  const inHand = (worker: string, known: { p: number; id: string } | null) =>
    takeSuspect(ledger.pool, worker, { partitions: [5], known, except: [] })
  const suspects = async (worker: { id: string; session: Session }) =>
    (await owned(worker.session, worker.id)).filter(({ isSuspect }) => isSuspect).map(({ p }) => p)
  const isCondemned = async (known: { p: number; id: string }): Promise<boolean | undefined> => {
    const worker = await live()
    const suspect = await inHand(worker.id, known)
    await retireInOrder(worker)
    return suspect?.isCondemned
  }
  const retireInOrder = async ({ id, session }: { id: string; session: Session }) => {
    await release(
      session,
      id,
      (await owned(session, id)).map(({ p }) => p),
      [],
    )
    await retire(session, id)
    await session.end()
  }
  const known = { p: 5, id: 'ea_in_hand' }

  it('begins with the second owner that dies of it, and not with the first', async () => {
    await die(await live())
    const second = await live()
    expect(await suspects(second)).to.deep.equal([])
    await die(second)
    const third = await live()
    expect(await suspects(third)).to.have.length(64)
    await third.session.end()
  })

  it('is forgotten with the crashes once an owner has lived with it for a minute', async () => {
    await die(await live())
    await die(await live())
    const third = await live()
    await ledger.pool.query(`update partition set claimed_at = now() - interval '61 seconds' where p <> 7`)
    expect(await suspects(third)).to.deep.equal([7])
    await die(third)
    const { rows } = await ledger.pool.query(
      'select distinct p = 7 as seven, crashes from partition order by 1',
    )
    expect(rows).to.deep.equal([
      { seven: false, crashes: 1 },
      { seven: true, crashes: 3 },
    ])
  })

  it('falls on what was in hand when its owner died, and condemns it with the second death', async () => {
    for (const condemned of [false, false, true]) {
      const worker = await live()
      expect(await inHand(worker.id, known)).to.deep.equal({
        kind: 'action',
        ...known,
        isCondemned: condemned,
      })
      await die(worker)
    }
    // The verdict took its record with it.
    expect(await isCondemned(known)).to.equal(false)
  })

  it('does not fall on what was in hand before, or of a worker that ended in good order', async () => {
    for (let i = 0; i < 3; i++) {
      const worker = await live()
      await inHand(worker.id, known)
      await inHand(worker.id, { p: 6, id: 'ea_other' })
      await inHand(worker.id, null)
      await die(worker)
      const leaving = await live()
      await inHand(leaving.id, known)
      await retireInOrder(leaving)
    }
    expect((await ledger.pool.query('select from suspect')).rowCount).to.equal(0)
    expect(await isCondemned(known)).to.equal(false)
  })

  it('takes two deaths within an hour', async () => {
    for (let i = 0; i < 3; i++) {
      await ledger.pool.query(`update suspect set died_at = now() - interval '61 minutes'`)
      const worker = await live()
      await inHand(worker.id, known)
      await die(worker)
    }
    const { rows } = await ledger.pool.query('select deaths from suspect')
    expect(rows).to.deep.equal([{ deaths: 1 }])
  })

  it('falls on what a worker had written down while its burial waited for it', async () => {
    const worker = await live()
    await worker.session.query(`update beat set until = now() - interval '1 second' where worker = $1`, [
      worker.id,
    ])
    const client = await ledger.pool.connect()
    await client.query('begin')
    await client.query('select from worker where id = $1 for share', [worker.id])
    const buried = bury(observer, worker.id)
    await eventually(async () => {
      const { rows } = await ledger.pool.query(`select from pg_stat_activity where wait_event_type = 'Lock'`)
      expect(rows).to.have.length(1)
    })
    await client.query(`update partition set suspect = 'ea_late' where p = 5`)
    await client.query('commit')
    client.release()
    expect(await buried).to.equal(true)
    expect((await ledger.pool.query('select id, deaths from suspect')).rows).to.deep.equal([
      { id: 'ea_late', deaths: 1 },
    ])
    await worker.session.end()
  })

  it('is not for the dead: a buried worker takes nothing in hand', async () => {
    const worker = await live()
    await die(worker)
    expect(await inHand(worker.id, known)).to.equal(null)
  })
})

describe('partitions that a worker owns without knowing', () => {
  it('are free again once it has ended in good order', async () => {
    const database = await testDatabase()
    const session = await openSession(database.url, 2_000, () => undefined)
    await register(session, { id: 'w_1', host: 'here', pid: 1, beatMs: 60_000 })
    // The answer of this claim is lost, so nothing is released.
    await claim(session, 'w_1', 64)
    await retire(session, 'w_1')
    const { rows } = await session.query('select distinct owner from partition')
    expect(rows).to.deep.equal([{ owner: null }])
    await session.end()
    await database.drop()
  })
})
