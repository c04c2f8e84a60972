import { setTimeout as sleep } from 'node:timers/promises'

/** Tries until `check` no longer throws, and gives what it gives; throws its last error after `timeoutMs`. */
export async function eventually<T>(check: () => Promise<T> | T, timeoutMs = 10_000): Promise<T> {
  const end = performance.now() + timeoutMs
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (performance.now() > end) throw error
      await sleep(20)
    }
  }
}
