/** graphile-worker with its local queue and batched completion, which its documentation names for throughput. */
import { Logger, run } from 'graphile-worker'
import pg from 'pg'
import { Agent } from 'undici'
import type { Dispatched } from '../../src/dispatch/request.ts'
import { CONNECTIONS, post, workerProgram } from '../job.ts'
import { recordDelivery } from './table.ts'

workerProgram(async ({ url, secret, n, databaseUrl }, done) => {
  const agent = new Agent({ connections: CONNECTIONS })
  const pgPool = new pg.Pool({ connectionString: databaseUrl, max: 20 })
  pgPool.on('error', () => undefined)
  let finished = 0
  const runner = await run({
    pgPool,
    concurrency: CONNECTIONS,
    noHandleSignals: true,
    // A line a job on the terminal would be measured too.
    logger: new Logger(() => () => undefined),
    preset: {
      worker: {
        concurrentJobs: CONNECTIONS,
        localQueue: { size: 500 },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
      },
    },
    taskList: {
      dispatch: async (payload) => {
        const job = payload as Dispatched
        await post(agent, url, secret, job)
        await recordDelivery(pgPool, job.id)
        if (++finished === n) done()
      },
    },
  } as Parameters<typeof run>[0])
  return {
    stop: async () => {
      await runner.stop()
      await pgPool.end().catch(() => undefined)
      await agent.close()
    },
  }
})
