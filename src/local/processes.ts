import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Whether a process with this id exists and has not merely left its exit status behind, whoever owns it. */
export function isAlive(pid: number): boolean {
  return exists(pid) && !isZombie(pid)
}

// A container's first process may never reap orphans; a dead server must not look like a running one there.
function isZombie(pid: number): boolean {
  return statFields(pid)?.[0] === 'Z'
}

/** Fields of /proc/<pid>/stat from the state on; null where there is no such file. */
function statFields(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may itself hold spaces and parentheses.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return null
  }
}

function ps(pid: number, column: string): string | null {
  try {
    const text = execFileSync('ps', ['-o', `${column}=`, '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return text.trim() || null
  } catch {
    return null
  }
}

/** The command line of a live process; null where there is none or the machine does not tell. */
export function commandOf(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() || null
  } catch {
    return ps(pid, 'command')
  }
}

/**
 * What tells a process from a later one with the same id: when it began, in the machine's own words. Null where there is
 * none, or merely the exit status of one.
 */
export function startMark(pid: number): string | null {
  const fields = statFields(pid)
  if (fields?.[0] === 'Z') return null
  const ticks = fields?.[19]
  if (ticks === undefined) return ps(pid, 'lstart')
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return `${boot}:${ticks}`
}

/**
 * Waits until not even the exit status of an ended process is left, for at most a second: whoever looks for a process by
 * its id alone, as PostgreSQL does before it starts, takes one for the other.
 */
export async function reaped(pid: number): Promise<void> {
  const end = performance.now() + 1_000
  while (exists(pid) && performance.now() < end) await sleep(10)
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Waits until the process is gone; false where it still lives after `timeoutMs`. */
export async function gone(pid: number, timeoutMs: number): Promise<boolean> {
  const until = performance.now() + timeoutMs
  while (isAlive(pid)) {
    if (performance.now() >= until) return false
    await sleep(20)
  }
  return true
}

/** Sends `signal`, and `last` where the process still lives after `graceMs`; returns once it is gone. */
export async function endProcess(
  pid: number,
  how: { signal: NodeJS.Signals; graceMs: number; last: NodeJS.Signals },
): Promise<void> {
  signalTo(pid, how.signal)
  if (await gone(pid, how.graceMs)) return
  signalTo(pid, how.last)
  if (await gone(pid, 2_000)) return
  signalTo(pid, 'SIGKILL')
  await gone(pid, 2_000)
}

/** Sends a signal; a process that has just ended is no error. */
export function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
