/** The one job that every contender does: the same ids, bodies, headers and retry schedule. */

import type { Dispatcher } from 'undici'
import { request } from 'undici'
import { FIXED_HEADERS } from '../src/dispatch/client.ts'
import { type Dispatched, dispatchBody } from '../src/dispatch/request.ts'
import { signDispatch } from '../src/dispatch/signing.ts'
import { durationMs } from '../src/duration.ts'
import { newId } from '../src/ids.ts'
import { DEFAULT_DELAYS, DEFAULT_TIMEOUT } from '../src/ledger/tenants/type-registry.ts'

export const TENANT = '3f0c2c0e-0000-4000-8000-000000000001'
/** Most POSTs on the wire of any contender; Volley's own limit for one destination. */
export const CONNECTIONS = 64
/** Everybody accepts this many at a time. */
export const BATCH = 1_000
/** The wait after each failed try, in ms: Volley's default policy, one entry a retry. */
export const DELAYS_MS: readonly number[] = DEFAULT_DELAYS.map((delay) => durationMs(delay)!)
const TIMEOUT_MS = durationMs(DEFAULT_TIMEOUT)!

/** `n` actions with ids of their own. */
export function makeJobs(n: number): Dispatched[] {
  return Array.from({ length: n }, (_, i) => ({
    id: newId('ea'),
    typeName: 'grant_points',
    userId: `user-${i % 5_000}`,
    parameters: `{"amount":${i % 500},"reason":"re-engagement bonus"}`,
    reasoning: "User hasn't been active for 14 days but completed onboarding successfully",
    confidence: 0.82,
    tenant: TENANT,
  }))
}

/** What one POST came to; `httpStatus` is null where no answer came. */
export interface Posted {
  isDelivered: boolean
  httpStatus: number | null
  latencyMs: number
}

/** One signed POST with undici's own `request`, as anybody would write it: the bytes and headers that Volley sends. */
export async function post(agent: Dispatcher, url: string, secret: string, job: Dispatched): Promise<Posted> {
  const startedAt = performance.now()
  const nowMs = Date.now()
  const body = dispatchBody(job, nowMs)
  let httpStatus: number | null = null
  try {
    const answer = await request(url, {
      method: 'POST',
      dispatcher: agent,
      headers: [
        ...FIXED_HEADERS,
        ...signDispatch({ body, secret, actionId: job.id, nowMs, headerPrefix: 'X-Retivo-' }),
      ],
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      body,
    })
    await answer.body.dump()
    httpStatus = answer.statusCode
  } catch {
    // No answer is a failed try like any other; the caller records it.
  }
  const isDelivered = httpStatus !== null && httpStatus >= 200 && httpStatus < 300
  return { isDelivered, httpStatus, latencyMs: performance.now() - startedAt }
}

/** What a worker program of a contender is told. */
export interface Order {
  url: string
  secret: string
  n: number
  databaseUrl: string
  redisUrl: string
}

/** What a worker program does: `go` begins the timed part where nothing else does, `stop` ends it. */
export interface Program {
  go?(): Promise<void>
  stop(): Promise<void>
}

/** A worker program: gets ready at the first message, then hears `go` and `stop`, and says when it is done. */
export function workerProgram(start: (order: Order, done: () => void) => Promise<Program>): void {
  process.on('disconnect', () => process.exit(0))
  process.once('message', async (order: Order) => {
    const program = await start(order, () => process.send?.({ kind: 'done' }))
    process.on('message', async (message: { kind: 'go' | 'stop' }) => {
      if (message.kind === 'go') return program.go?.()
      await program.stop()
      process.exit(0)
    })
    process.send?.({ kind: 'ready' })
  })
}
