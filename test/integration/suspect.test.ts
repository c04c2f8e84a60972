import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { childEnvironment } from '../../src/config.ts'
import { retryLetter } from '../../src/ledger/actions/resolve-letters.ts'
import { readStatus } from '../../src/ledger/status.ts'
import { type Death, VolleyProcess } from '../chaos/process.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'
import { temporaryHome } from '../support/servers.ts'
import { wrongTimers } from '../support/timers.ts'

const DEADLY = pathToFileURL(join(import.meta.dirname, '..', 'support', 'deadly.ts')).href

/** Two make a partition suspect, two more condemn; one worker may die with what another one was about to bury. */
const DEATHS_MAX = 5

describe('what kills the worker that works on it', function () {
  this.timeout(90_000)
  let volley: Installation
  let receiver: Receiver
  let processes: VolleyProcess[] = []
  let deaths: Death[] = []

  beforeEach(async () => {
    receiver = await new Receiver().start()
    volley = await Installation.start()
  })
  afterEach(async () => {
    await Promise.all(processes.map((process) => process.stop()))
    processes = []
    deaths = []
    await volley.stop()
    await receiver.stop()
  })

  /** Worker processes that are started again whenever they have died. */
  const startWorkers = async (nodeOptions: string, more: Record<string, string> = {}) => {
    const logs = mkdtempSync(join(tmpdir(), 'volley-suspect-'))
    const env = childEnvironment({
      DATABASE_URL: volley.config.databaseUrl!,
      REDIS_URL: volley.config.redisUrl!,
      VOLLEY_SECRET_KEY: 'ab'.repeat(32),
      VOLLEY_EGRESS_ALLOW: '127.0.0.0/8',
      VOLLEY_LEASH: '1',
      NODE_OPTIONS: nodeOptions,
      ...more,
    })
    processes = ['worker-1', 'worker-2'].map(
      (name) =>
        new VolleyProcess({ name, kind: 'worker', env, logs, onDeath: (death) => deaths.push(death) }),
    )
    await eventually(async () => {
      const { workers, partitions } = await readStatus(volley.ledger.pool)
      expect([workers.map((worker) => worker.partitions), partitions.free]).to.deep.equal([[32, 32], 0])
    }, 20_000)
  }
  const post = async (users: string[], action_type = 'kept'): Promise<string[]> => {
    const actions = users.map((user_id) => ({ action_type, user_id }))
    const { body } = await volley.call('POST', '/api/external/actions/batch', { actions })
    return body.results.map((result: { action: { id: string } }) => result.action.id)
  }
  const statuses = async (ids: string[]) => {
    const { rows } = await volley.ledger.pool.query<{ id: string; how: string }>(
      `select id, concat_ws(' ', status, failure_reason) as how from action`,
    )
    const how = new Map(rows.map((row) => [row.id, row.how]))
    return ids.map((id) => how.get(id))
  }
  const letters = async () =>
    (await volley.ledger.pool.query('select id, action_id, reason, error, body from dead_letter order by id'))
      .rows
  const innocents = (count: number) => Array.from({ length: count }, (_, i) => `u${i}`)
  /** All that was accepted with it has ended well, it alone is a dead letter, and nobody dies any more. */
  const soonEnds = async (id: string, others: string[], howMany = DEATHS_MAX) => {
    await eventually(async () => {
      expect((await letters()).map(({ action_id, reason }) => [action_id, reason])).to.deep.equal([
        [id, 'crash'],
      ])
    }, 60_000)
    await eventually(async () => {
      expect(await statuses(others)).to.deep.equal(others.map(() => 'dispatched'))
    }, 30_000)
    expect(deaths.length).to.be.within(4, howMany)
    expect(await wrongTimers(volley.ledger.pool)).to.deep.equal([])
  }

  it('when it is sent becomes a dead letter after a few deaths, and its 50 neighbours are sent', async () => {
    await startWorkers(`--import ${DEADLY}`)
    // A type with a limit has one partition, so this is what stands before and behind it there.
    await volley.actionType({
      name: 'kept',
      delivery_webhook: receiver.url,
      rate_limit: { limit: 1_000, per: '1s' },
    })
    const ids = await post([...innocents(20), 'kills-when-sent', ...innocents(30)])
    const [deadly] = ids.splice(20, 1)
    await eventually(async () => {
      const { partitions, suspects } = await readStatus(volley.ledger.pool)
      expect(partitions.suspect).to.be.above(0)
      expect(suspects.map(({ id, deaths }) => [id, deaths])).to.deep.equal([[deadly, 1]])
    }, 40_000)
    await soonEnds(deadly!, ids)
    expect(await statuses([deadly!])).to.deep.equal(['failed internal'])
    expect(receiver.ids).to.not.include(deadly)
    // Once the defect is mended, it goes its way like every other letter.
    await Promise.all(processes.map((process) => process.stop()))
    await startWorkers('')
    const [letter] = await letters()
    await retryLetter(volley.ledger.pool, letter.id, 'a test')
    await eventually(async () => expect(await statuses([deadly!])).to.deep.equal(['dispatched']), 20_000)
  })

  it('when it is answered becomes a dead letter', async () => {
    await startWorkers(`--import ${DEADLY}`)
    await volley.actionType({ name: 'kept', delivery_webhook: receiver.url })
    const ids = await post([...innocents(50), 'kills-when-answered'])
    const deadly = ids.pop()!
    await soonEnds(deadly, ids)
    // Each who died had sent it; nobody sends it again.
    expect(receiver.ids.filter((id) => id === deadly)).to.have.length(deaths.length)
  })

  it('when its outcome is heard becomes a dead letter that has the outcome', async () => {
    await volley.actionType({ name: 'kept', delivery_webhook: receiver.url })
    const ids = await post([...innocents(50), 'kills-when-told'])
    const deadly = ids.pop()!
    await startWorkers(`--import ${DEADLY}`)
    await eventually(async () => expect(await statuses([deadly])).to.deep.equal(['dispatched']))
    await volley.call('POST', `/api/external/actions/${deadly}/outcome`, { status: 'completed' })
    await soonEnds(deadly, ids)
    expect((await letters())[0].body.facts[0]).to.deep.include({ kind: 'outcome' })
  })

  it('when its deadline passes becomes a dead letter', async () => {
    await volley.actionType({ name: 'kept', delivery_webhook: receiver.url })
    await volley.actionType({ name: 'short', delivery_webhook: receiver.url, expires_after: '2s' })
    const ids = await post(innocents(50))
    await startWorkers(`--import ${DEADLY}`)
    const [deadly] = await post(['kills-when-late'], 'short')
    await soonEnds(deadly!, ids)
  })

  it('when it is decided on becomes a dead letter, and the events behind it are decided on', async () => {
    await volley.actionType({ name: 'grant_points', delivery_webhook: receiver.url })
    await startWorkers(`--import ${DEADLY}`)
    const event = (user_id: string) => ({
      type: 'custom.purchase.completed',
      user_id,
      data: { total: 500, currency: 'EUR' },
    })
    const users = ['kills-when-decided', ...innocents(50)]
    await volley.call('POST', '/api/external/events', { events: users.map(event) })
    await eventually(async () => {
      expect((await letters()).map(({ reason, body }) => [reason, body?.event.user_id])).to.deep.equal([
        ['crash', 'kills-when-decided'],
      ])
    }, 60_000)
    await eventually(async () => {
      const { rows } = await volley.ledger.pool.query<{ user_id: string }>(
        'select distinct user_id from decision',
      )
      expect(rows.map((row) => row.user_id).toSorted()).to.deep.equal(innocents(50).toSorted())
    }, 20_000)
    expect(deaths.length).to.be.within(4, DEATHS_MAX)
  })

  it('when it is due becomes a dead letter, and others who are due are decided for', async () => {
    const home = temporaryHome()
    mkdirSync(join(home, 'recommendations'))
    const rule = { name: 'back', on: [{ inactive_for: '14d' }], when: true, action: 'gift', confidence: 1 }
    const document = { domain: 'due', rules: [{ ...rule, reasoning: 'because' }] }
    writeFileSync(join(home, 'recommendations', 'due.json'), JSON.stringify(document))
    await volley.actionType({ name: 'gift', delivery_webhook: receiver.url })
    await startWorkers(`--import ${DEADLY}`, { VOLLEY_RULES: home })
    const timestamp = new Date(Date.now() - 14 * 86_400_000 + 3_000).toISOString()
    const users = ['kills-when-due', ...innocents(20)]
    await volley.call('POST', '/api/external/events', {
      events: users.map((user_id) => ({ type: 'custom.seen', user_id, timestamp })),
    })
    await eventually(async () => {
      expect((await letters()).map(({ reason, body }) => [reason, body?.due.user_id])).to.deep.equal([
        ['crash', 'kills-when-due'],
      ])
    }, 60_000)
    await eventually(async () => {
      const { rows } = await volley.ledger.pool.query<{ user_id: string }>('select user_id from decision')
      expect(rows.map((row) => row.user_id).toSorted()).to.deep.equal(innocents(20).toSorted())
    }, 20_000)
    expect(deaths.length).to.be.within(4, DEATHS_MAX)
  })

  it('is not suspected of a SIGKILL: workers that are killed again and again leave no dead letter', async () => {
    receiver.answer = (_received, response) => setTimeout(() => response.end('{}'), 50)
    await volley.actionType({ name: 'kept', delivery_webhook: receiver.url })
    await startWorkers('')
    const ids: string[] = []
    for (let round = 0; round < 4; round++) {
      ids.push(...(await post(innocents(150))))
      await eventually(() =>
        expect(new Set(receiver.ids))
          .to.have.property('size')
          .above(round * 150),
      )
      const { workers } = await readStatus(volley.ledger.pool)
      await Promise.all(processes.map((process) => process.kill()))
      await eventually(async () => {
        const now = await readStatus(volley.ledger.pool)
        const dead = workers.filter(({ id }) => now.workers.some((worker) => worker.id === id))
        expect([dead, now.workers.length, now.partitions.free]).to.deep.equal([[], 2, 0])
        expect(now.partitions.suspect).to.equal(round === 0 ? 0 : 64)
      }, 30_000)
    }
    await eventually(async () => {
      expect(await statuses(ids)).to.deep.equal(ids.map(() => 'dispatched'))
    }, 60_000)
    expect(await letters()).to.deep.equal([])
    expect(await wrongTimers(volley.ledger.pool)).to.deep.equal([])
  })
})
