import { setTimeout as sleep } from 'node:timers/promises'

const EVERY_MS = 1_000
const CLEAR_SCREEN = '\u001b[2J\u001b[H'

/**
 * Writes what `read` gives each second until `signal` aborts. What it throws is written in its place: at the time when
 * somebody watches, the ledger may be away and come back.
 */
export async function watch(
  read: () => Promise<string>,
  { write, clears, signal }: { write(text: string): void; clears: boolean; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    const text = await read().catch((error: unknown) => `! ${error instanceof Error ? error.message : error}`)
    if (signal.aborted) return
    // The screen is cleared only once there is something to show.
    write(`${clears ? CLEAR_SCREEN : ''}${text}\n`)
    await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined)
  }
}
