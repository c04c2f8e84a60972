import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'
import { privateRedis } from '../support/servers.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
const TOTAL = 2_000
/** Most POSTs of one worker at a time, and most results that it holds before they are committed. */
const ON_WIRE_MAX = 64
const UNCOMMITTED_MAX = 1_000

describe('two workers', function () {
  this.timeout(90_000)
  let volley: Installation
  let receiver: Receiver
  let redisUrl: string
  const workers: ChildProcess[] = []

  before(async () => {
    redisUrl = (await privateRedis()).url
    volley = await Installation.start({ redisUrl })
    receiver = await new Receiver().start()
    receiver.answer = (_received, response) => setTimeout(() => response.end('{}'), 5)
  })
  after(async () => {
    for (const worker of workers) worker.kill('SIGKILL')
    await receiver.stop()
    await volley.stop()
  })

  /** A worker as a process of its own, which can be killed. */
  function spawnWorker(more: Record<string, string> = {}): ChildProcess {
    const env = {
      ...process.env,
      DATABASE_URL: volley.config.databaseUrl!,
      REDIS_URL: redisUrl,
      VOLLEY_SECRET_KEY: 'ab'.repeat(32),
      VOLLEY_EGRESS_ALLOW: '127.0.0.0/8',
      LOG_LEVEL: 'silent',
      ...more,
    }
    const worker = spawn(process.execPath, [MAIN, 'worker'], { env, stdio: 'ignore' })
    workers.push(worker)
    return worker
  }
  const owned = async () => {
    const { rows } = await volley.ledger.pool.query<{ n: number }>(
      'select count(*)::int as n from partition where owner is not null group by owner order by n',
    )
    return rows.map(({ n }) => n)
  }
  const open = async () => {
    const { rows } = await volley.ledger.pool.query<{ n: number }>(
      `select count(*)::int as n from action where status in ('pending', 'retrying')`,
    )
    return rows[0]!.n
  }
  const accept = async (name: string) => {
    const actions = Array.from({ length: TOTAL / 4 }, (_, i) => ({ action_type: name, user_id: `u${i}` }))
    const ids: string[] = []
    for (let i = 0; i < 4; i++) {
      const { body } = await volley.call('POST', '/api/external/actions/batch', { actions })
      ids.push(...body.results.map((result: { action: { id: string } }) => result.action.id))
    }
    return ids
  }

  it('share the partitions, and send each action once', async () => {
    spawnWorker()
    spawnWorker()
    await eventually(async () => expect(await owned()).to.deep.equal([32, 32]), 20_000)
    await volley.actionType({ name: 'once', delivery_webhook: receiver.url })
    const ids = await accept('once')
    await eventually(async () => expect(await open()).to.equal(0), 30_000)
    expect(receiver.ids.toSorted()).to.deep.equal(ids.toSorted())
  })

  it('lose nothing when one is killed and Redis is emptied', async () => {
    receiver.received.length = 0
    await volley.actionType({ name: 'kept', delivery_webhook: receiver.url })
    const ids = await accept('kept')
    await eventually(() => expect(receiver.ids.length).to.be.above(100))
    const redis = new Redis(redisUrl)
    await redis.flushall()
    redis.disconnect()
    const [victim] = workers
    victim!.kill('SIGKILL')
    const killedAt = Date.now()
    await eventually(async () => expect(await owned()).to.deep.equal([64]), 20_000)
    expect(Date.now() - killedAt).to.be.below(10_000)
    await eventually(async () => expect(await open()).to.equal(0), 30_000)
    const sent = new Set(receiver.ids)
    expect(ids.filter((id) => !sent.has(id))).to.deep.equal([])
    // What was on the wire of the killed worker, or back and not yet committed, is all that may come twice.
    expect(receiver.ids.length - sent.size).to.be.at.most(ON_WIRE_MAX + UNCOMMITTED_MAX)
    const { rows } = await volley.ledger.pool.query(
      `select status, count(*)::int as n from action group by status`,
    )
    expect(rows).to.deep.equal([{ status: 'dispatched', n: 2 * TOTAL }])
  })

  it('hand over without sending twice on SIGTERM', async () => {
    receiver.received.length = 0
    receiver.answer = (_received, response) => setTimeout(() => response.end('{}'), 200)
    const leaving = spawnWorker()
    await eventually(async () => expect(await owned()).to.deep.equal([32, 32]), 20_000)
    await volley.actionType({ name: 'handed', delivery_webhook: receiver.url })
    const ids = await accept('handed')
    await eventually(() => expect(receiver.ids.length).to.be.above(50))
    leaving.kill('SIGTERM')
    const [code] = await once(leaving, 'exit')
    expect(code).to.equal(0)
    await eventually(async () => expect(await open()).to.equal(0), 40_000)
    expect(receiver.ids.toSorted()).to.deep.equal(ids.toSorted())
  })

  it('fence one that was stopped longer than its beat, and hear what came of its POSTs', async () => {
    const living = workers
      .splice(0)
      .filter((worker) => worker.exitCode === null && worker.signalCode === null)
    for (const worker of living) worker.kill('SIGTERM')
    await Promise.all(living.map((worker) => once(worker, 'exit')))
    // Two owners that died within a minute make a partition suspect, and what it has is then sent one by one.
    await volley.ledger.pool.query('update partition set crashes = 0')
    receiver.received.length = 0
    receiver.answer = (_received, response) => setTimeout(() => response.end('{}'), 20)
    const [zombie] = [spawnWorker({ VOLLEY_BEAT: '3s' }), spawnWorker({ VOLLEY_BEAT: '3s' })]
    await eventually(async () => expect(await owned()).to.deep.equal([32, 32]), 20_000)
    await volley.actionType({ name: 'fenced', delivery_webhook: receiver.url })
    const ids = await accept('fenced')
    await eventually(() => expect(receiver.ids.length).to.be.above(300))
    zombie.kill('SIGSTOP')
    await eventually(async () => expect(await open()).to.equal(0), 30_000)
    zombie.kill('SIGCONT')
    // It begins again under a new id and takes its share. What it had on the wire, or back but not yet committed, is
    // all that came twice.
    await eventually(async () => expect(await owned()).to.deep.equal([32, 32]), 20_000)
    const twice = receiver.ids.length - new Set(receiver.ids).size
    expect(twice).to.be.at.most(ON_WIRE_MAX + UNCOMMITTED_MAX)
    expect([...new Set(receiver.ids)].toSorted()).to.deep.equal(ids.toSorted())
    const { rows } = await volley.ledger.pool.query(
      `select count(*)::int as gaps from action a where a.version <> (select count(*) from history h where h.action_id = a.id)`,
    )
    expect(rows[0].gaps).to.equal(0)
  })
})
