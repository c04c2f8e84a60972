import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import type { Dispatched } from '../../src/dispatch/request.ts'
import type { Order } from '../job.ts'

/** What a round of a contender gets: a database and a Redis of its own state, and where to send. */
export interface Round extends Order {
  jobs: Dispatched[]
  /** Resolves when the receiver has every id. */
  allReceived: Promise<void>
}

/** `cpuMicros`: user and system time that the sending process spent in the round; null where the machine has no /proc. */
export interface Measured {
  seconds: number
  cpuMicros: number | null
}

/** Longer than any healthy round, and than the first waits of a retry; a round that hangs must say so. */
const ROUND_MS = 600_000

/** One way to do the job. */
export interface Contender {
  name: string
  /** Prepares everything that is not timed, and gives what is. */
  prepare(round: Round): Promise<{ run(): Promise<Measured>; end(): Promise<void> }>
}

/** CPU time of a process so far, in microseconds; the kernel counts in hundredths of a second. */
function cpuMicros(pid: number): number | null {
  if (!existsSync('/proc/self/stat')) return null
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

/** A worker program that is ready to go. */
export async function forked(
  file: string,
  round: Round,
): Promise<{ child: ChildProcess; done: Promise<void>; end(): Promise<void> }> {
  const { jobs: _jobs, allReceived: _all, ...order } = round
  const child = fork(new URL(file, import.meta.url))
  const said = (kind: string) =>
    new Promise<void>((resolve, reject) => {
      child.on('message', (message: { kind: string }) => message.kind === kind && resolve())
      child.once('exit', (code) => reject(new Error(`${file} ended with ${code}`)))
    })
  const done = said('done')
  done.catch(() => undefined)
  const ready = said('ready')
  child.send(order)
  await ready
  return {
    child,
    done,
    async end() {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.send({ kind: 'stop' })
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await gone
      clearTimeout(timer)
    },
  }
}

/** Times `work`, with the CPU that the process `pid` spends meanwhile; throws where it takes ten minutes. */
export async function timed(pid: number, work: () => Promise<void>): Promise<Measured> {
  const cpuBefore = cpuMicros(pid)
  const startedAt = performance.now()
  await within(ROUND_MS, work())
  const seconds = (performance.now() - startedAt) / 1_000
  const cpuAfter = cpuMicros(pid)
  return { seconds, cpuMicros: cpuBefore === null || cpuAfter === null ? null : cpuAfter - cpuBefore }
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${ms / 1_000} s`)), ms)
  })
  await Promise.race([work, late]).finally(() => clearTimeout(timer))
}
