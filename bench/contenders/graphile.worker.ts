/**
 * graphile-worker with the batching that its page on performance names for throughput (a local queue, completion in
 * batches), and the sizes that were fastest here, tried in turn with their neighbours (docs/performance.md).
 */
import { Logger, run } from 'graphile-worker'
import pg from 'pg'
import { Agent } from 'undici'
import type { Dispatched } from '../../src/dispatch/request.ts'
import { CONNECTIONS, DELAYS_MS, post, workerProgram } from '../job.ts'
import { recordAttempt } from './table.ts'

/** Twice the connections, as with BullMQ. */
const CONCURRENCY = 2 * CONNECTIONS
const POOL_MAX = 32
/** Jobs fetched and locked by one statement. */
const LOCAL_QUEUE = 1_000
/** Completions of this long go into one statement; 0 would batch only those of one tick. */
const COMPLETE_DELAY_MS = 20

workerProgram(async ({ url, secret, n, databaseUrl }, done) => {
  const agent = new Agent({ connections: CONNECTIONS })
  const pgPool = new pg.Pool({ connectionString: databaseUrl, max: POOL_MAX })
  // The library asks for both listeners on a pool that it is given.
  pgPool.on('error', () => undefined)
  pgPool.on('connect', () => undefined)
  let finished = 0
  const runner = await run({
    pgPool,
    noHandleSignals: true,
    // A line a job on the terminal would be measured too.
    logger: new Logger(() => () => undefined),
    preset: {
      worker: {
        concurrentJobs: CONCURRENCY,
        localQueue: { size: LOCAL_QUEUE },
        completeJobBatchDelay: COMPLETE_DELAY_MS,
        failJobBatchDelay: COMPLETE_DELAY_MS,
      },
    },
    taskList: {
      dispatch: async (payload, helpers) => {
        const { attempt, ...job } = payload as Dispatched & { attempt: number }
        const posted = await post(agent, url, secret, job)
        await recordAttempt(pgPool, job.id, attempt, posted)
        if (posted.isDelivered) {
          if (++finished === n) done()
          return
        }
        // The library's own backoff cannot be set, so a schedule like ours is a new job at its time.
        const delayMs = DELAYS_MS[attempt - 1]
        if (delayMs === undefined) return
        const runAt = new Date(Date.now() + delayMs)
        await helpers.addJob('dispatch', { ...job, attempt: attempt + 1 }, { runAt })
      },
    },
  })
  return {
    stop: async () => {
      await runner.stop()
      await pgPool.end().catch(() => undefined)
      await agent.close()
    },
  }
})
