import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { startWorker } from '../../src/app.ts'
import { createDatabase, dropDatabase } from '../../src/ledger/database.ts'
import { createLog } from '../../src/log.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'
import { privateRedis } from '../support/servers.ts'

describe('Redis carries motion and no facts', function () {
  this.timeout(60_000)
  let receiver: Receiver
  before(async () => {
    receiver = await new Receiver().start()
  })
  after(() => receiver.stop())

  /** Accepts one action, and gives the ms until the receiver had it. */
  async function send(volley: Installation): Promise<number> {
    const { status, body } = await volley.call('POST', '/api/external/actions', {
      action_type: 'grant_points',
      user_id: 'u',
    })
    expect(status).to.equal(201)
    const acceptedAt = performance.now()
    await eventually(() => expect(receiver.ids).to.include(body.action.id))
    return performance.now() - acceptedAt
  }

  it('so without any Redis all is accepted, sent, decided and answered by the sweep', async () => {
    const volley = await Installation.start({ workers: 1, redisUrl: 'redis://127.0.0.1:1' })
    await volley.actionType({ delivery_webhook: receiver.url })
    expect(await send(volley)).to.be.below(3_000)
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
    await send(volley)
    await redis.kill('SIGKILL')
    expect(await send(volley)).to.be.below(3_000)
    await redis.restart()
    // Both connections come back within a second or two; from then on nobody waits for the sweep.
    await eventually(async () => {
      await sleep(150)
      expect(await send(volley)).to.be.below(150)
    }, 20_000)
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
