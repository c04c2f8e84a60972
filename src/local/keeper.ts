import { spawn } from 'node:child_process'
import { join } from 'node:path'

/** What must not outlive this process. */
export interface Kept {
  pid: number
  /** The signal that ends the server in good order. */
  signal: 'INT' | 'TERM'
  /** Seconds that the server's clients get to finish first. */
  graceS: number
  /** Folders removed with it; none where the data stays. */
  remove: readonly string[]
}

/** Has a server ended when this process dies without stopping it; the returned function calls that off. */
export function keep(kept: Kept): () => void {
  const args = [String(kept.pid), kept.signal, String(kept.graceS), ...kept.remove]
  const child = spawn('/bin/sh', [join(import.meta.dirname, 'keeper.sh'), ...args], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.on('error', () => undefined)
  child.stdin.on('error', () => undefined)
  // Neither the keeper nor its leash may hold this process's event loop open.
  child.unref()
  ;(child.stdin as unknown as { unref(): void }).unref()
  return () => child.stdin.end('stopped\n')
}
