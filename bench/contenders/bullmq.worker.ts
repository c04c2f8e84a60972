/** BullMQ and pg, written as its documentation advises for throughput: one Worker with high concurrency, pooled writes. */
import { Worker } from 'bullmq'
import { Redis } from 'ioredis'
import pg from 'pg'
import { Agent } from 'undici'
import type { Dispatched } from '../../src/dispatch/request.ts'
import { CONNECTIONS, post, workerProgram } from '../job.ts'
import { recordDelivery } from './table.ts'

workerProgram(async ({ url, secret, n, databaseUrl, redisUrl }, done) => {
  const agent = new Agent({ connections: CONNECTIONS })
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 16 })
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null })
  let finished = 0
  const worker = new Worker<Dispatched>(
    'dispatch',
    async (job) => {
      await post(agent, url, secret, job.data)
      await recordDelivery(pool, job.data.id)
      if (++finished === n) done()
    },
    { connection, concurrency: CONNECTIONS, removeOnComplete: { count: 0 } },
  )
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
