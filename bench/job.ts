/** The one job that every contender does: the same ids, bodies and headers. */

import type { Dispatcher } from 'undici'
import { request } from 'undici'
import { type Dispatched, dispatchBody } from '../src/dispatch/request.ts'
import { signDispatch } from '../src/dispatch/signing.ts'
import { newId } from '../src/ids.ts'

export const TENANT = '3f0c2c0e-0000-4000-8000-000000000001'
export const CONNECTIONS = 64
/** Everybody accepts this many at a time. */
export const BATCH = 1_000

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

/** One signed POST with undici's own `request`, as anybody would write it; throws where the answer is not 2xx. */
export async function post(agent: Dispatcher, url: string, secret: string, job: Dispatched): Promise<void> {
  const nowMs = Date.now()
  const body = dispatchBody(job, nowMs)
  const answer = await request(url, {
    method: 'POST',
    dispatcher: agent,
    headers: [
      ...['content-type', 'application/json', 'user-agent', 'Volley/bench'],
      ...signDispatch({ body, secret, actionId: job.id, nowMs, headerPrefix: 'X-Retivo-' }),
    ],
    body,
  })
  await answer.body.dump()
  if (answer.statusCode >= 300) throw new Error(`status ${answer.statusCode}`)
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
