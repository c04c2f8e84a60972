import { expect } from 'chai'
import { startWorker } from '../../src/app.ts'
import { createDatabase, dropDatabase } from '../../src/ledger/database.ts'
import type { PrivateServer } from '../../src/local/server.ts'
import { createLog } from '../../src/log.ts'
import { eventually } from '../support/eventually.ts'
import { type Answered, Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'
import { asked, portOf } from '../support/redis-servers.ts'
import { sentAfterMs, sentAtOnce } from '../support/sent-at-once.ts'
import { privateRedis } from '../support/servers.ts'

const median = (times: readonly number[]): number =>
  [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)]!

const emptied = (redis: PrivateServer) => asked(portOf(redis), undefined, (client) => client.flushall())

describe('Redis carries motion and no facts', function () {
  this.timeout(60_000)
  let receiver: Receiver
  before(async () => {
    receiver = await new Receiver().start()
  })
  after(() => receiver.stop())

  /** Has one action accepted. */
  async function accept(volley: Installation): Promise<Answered> {
    const answer = await volley.call('POST', '/api/external/actions', {
      action_type: 'grant_points',
      user_id: 'u',
    })
    expect(answer.status).to.equal(201)
    return answer
  }

  /** The ms that accepting takes, each time, for so long. */
  async function answerTimes(volley: Installation, forMs: number): Promise<number[]> {
    const times: number[] = []
    const end = performance.now() + forMs
    while (performance.now() < end) {
      const began = performance.now()
      await accept(volley)
      times.push(performance.now() - began)
    }
    return times
  }

  it('so without any Redis all is accepted, sent, decided and answered by the sweep', async () => {
    const volley = await Installation.start({ workers: 1, redisUrl: 'redis://127.0.0.1:1' })
    await volley.actionType({ delivery_webhook: receiver.url })
    expect(await sentAfterMs(volley, receiver)).to.be.below(3_000)
    const { body } = await volley.call('POST', '/api/external/actions', {
      action_type: 'grant_points',
      user_id: 'u',
    })
    const outcome = await volley.call('POST', `/api/external/actions/${body.action.id}/outcome`, {
      status: 'completed',
    })
    expect(outcome.status).to.equal(200)
    await eventually(async () => {
      const { rows } = await volley.ledger.pool.query('select status from action where id = $1', [
        body.action.id,
      ])
      expect(rows[0].status).to.equal('completed')
    })
    await volley.stop()
  })

  it('and after a crash of Redis the nudges flow again by themselves', async () => {
    const redis = await privateRedis()
    const volley = await Installation.start({ workers: 1, redisUrl: redis.url })
    await volley.actionType({ delivery_webhook: receiver.url })
    await sentAfterMs(volley, receiver)
    await redis.kill('SIGKILL')
    expect(await sentAfterMs(volley, receiver)).to.be.below(3_000)
    await redis.restart()
    await sentAtOnce(volley, receiver)
    await volley.stop()
  })

  it('so while it stands still no request waits for it, and nudges flow again when it goes on', async () => {
    const redis = await privateRedis()
    const volley = await Installation.start({ workers: 1, redisUrl: redis.url })
    await volley.actionType({ delivery_webhook: receiver.url })
    await sentAtOnce(volley, receiver)
    const before = await answerTimes(volley, 2_000)
    process.kill(redis.pid, 'SIGSTOP')
    let during: number[]
    try {
      during = await answerTimes(volley, 4_000)
    } finally {
      process.kill(redis.pid, 'SIGCONT')
    }
    // Waiting for a command would take a second; the rest is what a busy machine adds.
    expect(median(during)).to.be.below(2 * median(before) + 10)
    expect(Math.max(...during)).to.be.below(Math.max(800, 2 * Math.max(...before)))
    expect(await sentAtOnce(volley, receiver)).to.be.below(6_000)
    await eventually(async () => {
      const { rows } = await volley.ledger.pool.query(
        "select count(*)::int as left from action where status = 'pending'",
      )
      expect(rows[0].left).to.equal(0)
    })
    await volley.stop()
  })

  it('so an installation starts, works and stops while Redis takes connections and answers none', async () => {
    const redis = await privateRedis()
    process.kill(redis.pid, 'SIGSTOP')
    try {
      const began = performance.now()
      const volley = await Installation.start({ workers: 1, redisUrl: redis.url })
      await volley.actionType({ delivery_webhook: receiver.url })
      expect(await sentAfterMs(volley, receiver)).to.be.below(3_000)
      await volley.stop()
      expect(performance.now() - began).to.be.below(12_000)
    } finally {
      process.kill(redis.pid, 'SIGCONT')
    }
  })

  it('so it may be emptied again and again while actions are accepted, and each is sent once', async () => {
    const redis = await privateRedis()
    const volley = await Installation.start({ workers: 2, redisUrl: redis.url })
    await volley.actionType({ delivery_webhook: receiver.url })
    const ids: string[] = []
    for (let round = 0; round < 20; round++) {
      const [answer] = await Promise.all([accept(volley), accept(volley), emptied(redis)])
      ids.push(answer.body.action.id)
    }
    await eventually(() => expect(receiver.ids).to.include.members(ids))
    expect(receiver.ids.filter((id) => ids.includes(id))).to.have.length(ids.length)
    await sentAtOnce(volley, receiver)
    await volley.stop()
  })
})

describe('a database without the schema', () => {
  it('stops a start with the line to type', async () => {
    const volley = await Installation.start()
    const url = volley.config.databaseUrl!.replace(/[^/]*$/, 'never_migrated')
    await createDatabase(volley.config.databaseUrl!, 'never_migrated')
    const started = await startWorker(
      { ...volley.config, databaseUrl: url },
      createLog({ level: 'silent', name: 'w' }),
    ).catch((error) => error)
    expect(started.code).to.equal('config_invalid')
    expect(started.message).to.match(/run "volley migrate" once/)
    await dropDatabase(volley.config.databaseUrl!, 'never_migrated')
    await volley.stop()
  })
})
