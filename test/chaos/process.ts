import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
/** One that could not start, or died, is started again after this. */
const AGAIN_MS = 500
const GRACE_MS = 12_000

/** A process that ended although nobody had asked it to; `hadStarted` tells a defect from a ledger that was away. */
export interface Death {
  name: string
  how: string
  hadStarted: boolean
  lastLine: string
}

export interface ProcessOptions {
  name: string
  kind: 'web' | 'worker'
  env: Record<string, string>
  /** Folder for its log. */
  logs: string
  onDeath(death: Death): void
}

/** A web or worker process that can be killed, stopped and continued, and is started again whenever it has ended. */
export class VolleyProcess {
  readonly name: string
  readonly kind: 'web' | 'worker'
  readonly logFile: string
  /** Every id it has had; a worker's row in the ledger names one. */
  readonly pids = new Set<number>()
  readonly #options: ProcessOptions
  #child: ChildProcess
  #exited: Promise<unknown>
  #isAsked = false
  #isPaused = false
  #isOver = false
  #again: NodeJS.Timeout | undefined

  constructor(options: ProcessOptions) {
    this.#options = options
    this.name = options.name
    this.kind = options.kind
    this.logFile = join(options.logs, `${options.name}.log`)
    ;[this.#child, this.#exited] = this.#spawn()
  }

  /** Whether it runs and is not stopped, so that something can be done to it. */
  get isUp(): boolean {
    return !this.#isPaused && this.#child.exitCode === null && this.#child.signalCode === null
  }

  async kill(): Promise<void> {
    this.#isAsked = true
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  pause(): void {
    this.#isPaused = true
    this.#child.kill('SIGSTOP')
  }

  resume(): void {
    this.#isPaused = false
    this.#child.kill('SIGCONT')
  }

  /** In good order; SIGKILL where that takes too long. Returns whether it did end by itself. */
  async end(): Promise<boolean> {
    this.#isAsked = true
    this.#child.kill('SIGTERM')
    let isForced = false
    const timer = setTimeout(() => {
      isForced = true
      this.#child.kill('SIGKILL')
    }, GRACE_MS)
    await this.#exited
    clearTimeout(timer)
    return !isForced
  }

  /** Ends it for good. */
  async stop(): Promise<boolean> {
    this.#isOver = true
    clearTimeout(this.#again)
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return true
    this.resume()
    return this.end()
  }

  #spawn(): [ChildProcess, Promise<unknown>] {
    const { kind, env } = this.#options
    const log = openSync(this.logFile, 'a', 0o600)
    const logFrom = statSync(this.logFile).size
    // Standard input is its leash: where this process dies, so does it.
    const child = spawn(process.execPath, [MAIN, kind], { env, stdio: ['pipe', log, log] })
    closeSync(log)
    child.stdin?.on('error', () => undefined)
    if (child.pid !== undefined) this.pids.add(child.pid)
    this.#isAsked = false
    const exited = once(child, 'exit').then(([code, signal]) =>
      this.#ended(signal ?? `exit code ${code}`, logFrom),
    )
    return [child, exited]
  }

  #ended(how: string, logFrom: number): void {
    this.#isPaused = false
    if (!this.#isAsked && !this.#isOver) {
      const lines = readFileSync(this.logFile).subarray(logFrom).toString().trim().split('\n')
      const hadStarted = lines.some((line) => line.includes('"msg":"started"'))
      this.#options.onDeath({ name: this.name, how, hadStarted, lastLine: lines.at(-1) ?? '' })
    }
    if (this.#isOver) return
    this.#again = setTimeout(() => {
      ;[this.#child, this.#exited] = this.#spawn()
    }, AGAIN_MS)
  }
}
