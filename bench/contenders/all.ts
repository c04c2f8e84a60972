import { Queue } from 'bullmq'
import { makeWorkerUtils } from 'graphile-worker'
import { Redis } from 'ioredis'
import pg from 'pg'
import { BATCH } from '../job.ts'
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
      // The same six tries; a removed job costs Redis nothing more.
      defaultJobOptions: {
        attempts: 6,
        backoff: { type: 'exponential', delay: 30_000 },
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
            await utils.addJobs(batch.map((payload) => ({ identifier: 'dispatch', payload, maxAttempts: 6 })))
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

export const contenders: readonly Contender[] = [raw, volley, bullmq, graphile]
