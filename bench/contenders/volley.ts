import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { childEnvironment } from '../../src/config.ts'
import { acceptActions } from '../../src/ledger/accept-actions.ts'
import { createActionType } from '../../src/ledger/action-types.ts'
import type { NewAction } from '../../src/ledger/insert-actions.ts'
import { createKey } from '../../src/ledger/keys.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { laneOf, sliceOf, slicesOf } from '../../src/ledger/placement.ts'
import { secretBox } from '../../src/ledger/secrets.ts'
import { DEADLINE_LANE } from '../../src/ledger/timers.ts'
import { owners } from '../../src/ledger/workers.ts'
import { createLog } from '../../src/log.ts'
import { connect } from '../../src/mailbox/connect.ts'
import { Mailer } from '../../src/mailbox/send.ts'
import { BATCH } from '../job.ts'
import { type Contender, type Round, timed } from './contender.ts'

const PARTITIONS = 64
const KEY = 'ab'.repeat(32)
const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

/** One worker process as it is deployed; accepting happens here, by the functions that the web process calls. */
export const volley: Contender = {
  name: 'volley',
  async prepare(round) {
    const ledger = await Ledger.open({ databaseUrl: round.databaseUrl, poolMax: 4 })
    await ledger.migrate(PARTITIONS)
    const log = createLog({ level: 'silent', name: 'bench' })
    const redis = connect(round.redisUrl, 'send', log)
    const mailer = new Mailer({ redis, log, readOwners: () => owners(ledger.pool) })
    const rows = await makeRows(ledger, round)
    const worker = spawn(
      process.execPath,
      [...(process.env.BENCH_NODE_FLAGS?.split(' ') ?? []), MAIN, 'worker'],
      {
        env: childEnvironment({
          DATABASE_URL: round.databaseUrl,
          REDIS_URL: round.redisUrl,
          VOLLEY_SECRET_KEY: KEY,
          VOLLEY_EGRESS_ALLOW: '127.0.0.0/8',
          VOLLEY_LEASH: '1',
          LOG_LEVEL: 'warn',
        }),
        // Standard input is the leash: a bench that is killed takes its worker along.
        stdio: ['pipe', 'inherit', 'inherit'],
      },
    )
    const died = new Promise<never>((_, reject) => {
      worker.once('error', reject)
      worker.once('exit', (code, signal) => reject(new Error(`the worker ended (${signal ?? code})`)))
    })
    died.catch(() => undefined)
    const ownsAll = async () => ![...(await owners(ledger.pool)).values()].includes(null)
    await Promise.race([until(ownsAll), died])
    return {
      run: () =>
        timed(worker.pid!, async () => {
          for (let i = 0; i < rows.length; i += BATCH) {
            const batch = rows.slice(i, i + BATCH)
            await acceptActions(ledger.pool, batch, null, () => null)
            mailer.nudge(batch.map(({ p, lane }) => ({ kind: 'lane', p, lane })))
          }
          await Promise.race([round.allReceived, died])
          await Promise.race([until(() => isSettled(ledger)), died])
        }),
      async end() {
        const dispatched = await count(ledger, `status = 'dispatched' and attempt = 1`)
        if (dispatched !== round.n)
          throw new Error(`${dispatched} of ${round.n} actions are dispatched at their first attempt`)
        const gone = new Promise((resolve) => worker.once('exit', resolve))
        worker.kill('SIGTERM')
        await gone
        redis.disconnect()
        await ledger.close()
      },
    }
  },
}

/** The jobs as rows of an action type whose secret is the round's. */
async function makeRows(ledger: Ledger, round: Round): Promise<NewAction[]> {
  await createKey(ledger, { tenant: 'bench', mode: 'live' })
  const { rows: tenants } = await ledger.pool.query<{ id: string }>('select id from tenant')
  const tenant = tenants[0]!.id
  const box = secretBox(Buffer.from(KEY, 'hex'))
  const { type } = await createActionType(ledger, box, tenant, 'grant_points', {
    description: null,
    provider: 'bench',
    domain: null,
    parameters_schema: {},
    delivery_webhook: round.url,
    estimated_cost_usd: null,
    retry_policy: null,
    timeout: null,
    expires_after: null,
    max_in_flight: null,
    rate_limit: null,
    resend: 'always',
    awaits_outcome: true,
  })
  await ledger.pool.query('update action_type set secret = $1', [box.seal(round.secret)])
  const lane = laneOf(tenant, round.url)
  const slices = slicesOf(lane, PARTITIONS, false)
  return round.jobs.map((job) => ({
    id: job.id,
    tenant,
    type: type.id,
    userId: job.userId,
    parameters: job.parameters,
    reasoning: job.reasoning,
    confidence: job.confidence,
    origin: 'api',
    test: false,
    lane,
    p: slices[sliceOf(job.id, slices.length)]!,
    scheduledAt: null,
    expiresAt: null,
    expiresAfterMs: 72 * 3_600_000,
  }))
}

/** Whether no action is to be sent any more; by the timers of the lanes, so that asking costs the worker nothing. */
async function isSettled(ledger: Ledger): Promise<boolean> {
  const { rows } = await ledger.pool.query<{ n: number }>(
    `select count(*)::int as n from timer where lane > ${DEADLINE_LANE}`,
  )
  return rows[0]!.n === 0
}

async function count(ledger: Ledger, condition: string): Promise<number> {
  const { rows } = await ledger.pool.query<{ n: number }>(
    `select count(*)::int as n from action where ${condition}`,
  )
  return rows[0]!.n
}

async function until(check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) await sleep(5)
}
