import { setImmediate as othersTurn } from 'node:timers/promises'

/** A page ends before what would make it larger than this. */
export const PAGE_BYTES = 4 * 1024 * 1024
/** A page ends once to make it took this long: mappings that take all they may would take a second for a thousand. */
const PAGE_MS = 200
/** Others have their turn after this much of it. */
const BITE_MS = 10

/** One thing of a page, and the bytes that it has there. */
export interface Sized<V> {
  shown: V
  bytes: number
}

/** Shows as many as fit into an answer, in their order, but one at least. */
export async function fitting<T, V>(found: readonly T[], show: (each: T) => Sized<V>): Promise<V[]> {
  const page: V[] = []
  let [bytes, tookMs, biteAt] = [0, 0, performance.now()]
  for (const each of found) {
    const sized = show(each)
    bytes += sized.bytes
    if (page.length > 0 && bytes > PAGE_BYTES) break
    page.push(sized.shown)
    const biteMs = performance.now() - biteAt
    if (tookMs + biteMs > PAGE_MS) break
    if (biteMs < BITE_MS) continue
    tookMs += biteMs
    await othersTurn()
    biteAt = performance.now()
  }
  return page
}
