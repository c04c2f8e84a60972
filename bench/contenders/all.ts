import { Queue } from 'bullmq'
import { makeWorkerUtils } from 'graphile-worker'
import { Redis } from 'ioredis'
import pg from 'pg'
import { BATCH, DELAYS_MS } from '../job.ts'
import { type Contender, forked, timed } from './contender.ts'
import { insertJobs, TABLES } from './table.ts'
import { volley } from './volley.ts'

const raw: Contender = {
  name: 'raw',
  async prepare(round) {
    const { child, done, end } = await forked('./raw.worker.ts', round)
    return {
      run: () =>
        timed(child.pid!, async () => {
          child.send({ kind: 'go' })
          await done
        }),
      end,
    }
  },
}

const bullmq: Contender = {
  name: 'bullmq',
  async prepare(round) {
    const pool = new pg.Pool({ connectionString: round.databaseUrl, max: 4 })
    await pool.query(TABLES)
    const connection = new Redis(round.redisUrl, { maxRetriesPerRequest: null })
    const queue = new Queue('dispatch', {
      connection,
      // The schedule itself is the worker's: BullMQ asks it for the wait.
      defaultJobOptions: {
        attempts: 1 + DELAYS_MS.length,
        backoff: { type: 'custom' },
        removeOnComplete: true,
      },
    })
    await queue.waitUntilReady()
    const { child, done, end } = await forked('./bullmq.worker.ts', round)
    return {
      run: () =>
        timed(child.pid!, async () => {
          for (let i = 0; i < round.n; i += BATCH) {
            const batch = round.jobs.slice(i, i + BATCH)
            await insertJobs(pool, batch)
            // The action's id is the job's: a batch that is added again after a crash adds nothing twice.
            await queue.addBulk(batch.map((data) => ({ name: 'dispatch', data, opts: { jobId: data.id } })))
          }
          await done
          await requireDispatched(pool, round.n)
        }),
      async end() {
        await end()
        await queue.close()
        connection.disconnect()
        await pool.end()
      },
    }
  },
}

const graphile: Contender = {
  name: 'graphile',
  async prepare(round) {
    const pool = new pg.Pool({ connectionString: round.databaseUrl, max: 4 })
    await pool.query(TABLES)
    const utils = await makeWorkerUtils({ connectionString: round.databaseUrl })
    await utils.migrate()
    const { child, done, end } = await forked('./graphile.worker.ts', round)
    return {
      run: () =>
        timed(child.pid!, async () => {
          for (let i = 0; i < round.n; i += BATCH) {
            const batch = round.jobs.slice(i, i + BATCH)
            await insertJobs(pool, batch)
            await utils.addJobs(
              batch.map((job) => ({
                identifier: 'dispatch',
                payload: { ...job, attempt: 1 },
                maxAttempts: 1 + DELAYS_MS.length,
              })),
            )
          }
          await done
          await requireDispatched(pool, round.n)
        }),
      async end() {
        await end()
        await utils.release()
        await pool.end()
      },
    }
  },
}

async function requireDispatched(pool: pg.Pool, n: number): Promise<void> {
  const { rows } = await pool.query<{ n: number }>(
    `select count(*)::int as n from job where status = 'dispatched'`,
  )
  if (rows[0]?.n !== n) throw new Error(`${rows[0]?.n} of ${n} rows say dispatched`)
}

/** In the order in which each round runs them. */
export const contenders: readonly Contender[] = [raw, volley, bullmq, graphile]
