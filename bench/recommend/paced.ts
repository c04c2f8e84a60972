import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { answered, opened, type Volleys } from '../ingest/hammer.ts'

/**
 * Sends the requests at a steady rate, whether the last one is answered or not; gives how long each took in ms. A connection
 * more is made where all wait for an answer.
 */
export async function paced(
  { port, connections, requests, status }: Volleys,
  perSecond: number,
): Promise<number[]> {
  const idle: Socket[] = await Promise.all(Array.from({ length: connections }, () => opened(port)))
  const all = [...idle]
  const expected = `HTTP/1.1 ${status} `
  const took: number[] = []
  const open: Promise<void>[] = []
  const startedAt = performance.now()
  for (const [i, request] of requests.entries()) {
    const due = startedAt + (i * 1_000) / perSecond
    const waitMs = due - performance.now()
    if (waitMs > 0) await sleep(waitMs)
    // In turn: a server closes a connection that it has not heard of for seconds.
    const socket = idle.shift() ?? (await opened(port))
    if (!all.includes(socket)) all.push(socket)
    const from = performance.now()
    open.push(
      answered(socket, request, expected).then(() => {
        took.push(performance.now() - from)
        idle.push(socket)
      }),
    )
  }
  await Promise.all(open)
  for (const socket of all) socket.destroy()
  return took
}
