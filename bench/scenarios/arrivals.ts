import { setTimeout as sleep } from 'node:timers/promises'
import type { Receiving } from '../receiving.ts'
import { quantile } from '../statistics.ts'

/** Latencies in ms from when an action was accepted until the receiver had it. */
export interface Latencies {
  p50: number
  p99: number
  count: number
}

/**
 * Hands over at a steady rate, whether the last one is done or not, for so long; `handOver` gives the id that the
 * receiver will see. Returns when each was accepted (its promise fulfilled; for raw POSTs when it began) in ns of the
 * machine's monotonic clock; those of the first `warmUp` seconds are left out, in which connections are made and code is
 * compiled.
 */
export async function steadily(
  perSecond: number,
  seconds: number,
  handOver: (index: number) => Promise<string>,
  { warmUp = 0, from = 'accepted' }: { warmUp?: number; from?: 'accepted' | 'begun' } = {},
): Promise<Map<string, bigint>> {
  const begun = new Map<string, bigint>()
  const open: Promise<void>[] = []
  const startedAt = performance.now()
  const total = Math.round(perSecond * seconds)
  for (let i = 0; i < total; i++) {
    const waitMs = startedAt + (i * 1_000) / perSecond - performance.now()
    if (waitMs > 0) await sleep(waitMs)
    const at = process.hrtime.bigint()
    const isCold = i < warmUp * perSecond
    open.push(
      handOver(i).then((id) => {
        if (!isCold) begun.set(id, from === 'begun' ? at : process.hrtime.bigint())
      }),
    )
  }
  await Promise.all(open)
  return begun
}

/** How long each of these took to arrive; throws where one has not arrived within ten seconds. */
export async function latencies(begun: ReadonlyMap<string, bigint>, receiver: Receiving): Promise<Latencies> {
  const end = performance.now() + 10_000
  for (;;) {
    const { times } = await receiver.report()
    const arrived = new Map(times.map(([id, at]) => [id, BigInt(at)]))
    const took = [...begun].flatMap(([id, at]) => {
      const arrival = arrived.get(id)
      // It may arrive before its sender has heard that it was accepted.
      return arrival === undefined ? [] : [Math.max(0, Number(arrival - at) / 1e6)]
    })
    if (took.length === begun.size)
      return { p50: quantile(took, 0.5), p99: quantile(took, 0.99), count: took.length }
    if (performance.now() > end)
      throw new Error(`${begun.size - took.length} of ${begun.size} did not arrive within ten seconds`)
    await sleep(100)
  }
}
