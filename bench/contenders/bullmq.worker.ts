/**
 * BullMQ and pg with the settings that were fastest here, tried in turn with their neighbours (docs/performance.md has
 * the figures). Everything a deployment needs stays on: locks and their renewal, the stalled check, retries.
 */
import { Worker } from 'bullmq'
import { Redis } from 'ioredis'
import pg from 'pg'
import { Agent } from 'undici'
import type { Dispatched } from '../../src/dispatch/request.ts'
import { CONNECTIONS, DELAYS_MS, post, workerProgram } from '../job.ts'
import { recordAttempt } from './table.ts'

/** Twice the connections, so that a job that is being written to Postgres need not leave the wire idle. */
const CONCURRENCY = 2 * CONNECTIONS
/** Tried with 8, 16 and 32 beside 64 jobs, and with 64 beside 256; together with the concurrency above, 32 was fastest. */
const POOL_MAX = 32

workerProgram(async ({ url, secret, n, databaseUrl, redisUrl }, done) => {
  const agent = new Agent({ connections: CONNECTIONS })
  const pool = new pg.Pool({ connectionString: databaseUrl, max: POOL_MAX })
  // Commands of one tick of the loop share a write; a few per cent at most, and within the spread of the trials.
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null, enableAutoPipelining: true })
  let finished = 0
  const worker = new Worker<Dispatched>(
    'dispatch',
    // The job carries all that is sent, so that no row has to be read.
    async ({ data, attemptsMade }) => {
      const posted = await post(agent, url, secret, data)
      await recordAttempt(pool, data.id, attemptsMade + 1, posted)
      if (!posted.isDelivered) throw new Error(`the receiver answered ${posted.httpStatus ?? 'nothing'}`)
      if (++finished === n) done()
    },
    {
      connection,
      concurrency: CONCURRENCY,
      // Postgres has the record; a kept job would cost Redis memory and time.
      removeOnComplete: { count: 0 },
      settings: { backoffStrategy: (attemptsMade) => DELAYS_MS[attemptsMade - 1] ?? 0 },
    },
  )
  worker.on('error', (error) => process.stderr.write(`bullmq: ${error.message}\n`))
  await worker.waitUntilReady()
  return {
    stop: async () => {
      await worker.close()
      connection.disconnect()
      await pool.end()
      await agent.close()
    },
  }
})
