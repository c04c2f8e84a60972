import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { NODE_FLAGS } from './node-flags.ts'

export interface ChildOptions {
  /** Unique; names its log file. */
  name: string
  /** Arguments of `volley`. */
  args: readonly string[]
  env: Record<string, string>
  logDir: string
  /** Told when it died without having been asked to. */
  onDeath(text: string): void
}

const BACKOFF_MS = { first: 200, longest: 5_000 }
/** A child that lived this long had started well, so its next death is a new story. */
const SETTLED_MS = 10_000
const GRACE_MS = 8_000

const MAIN = join(import.meta.dirname, '..', 'main.ts')

/** One process of the platform, started again whenever it dies. */
export class Child {
  readonly name: string
  readonly #options: ChildOptions
  #process: ChildProcess
  #startedAt = 0
  #backoffMs = BACKOFF_MS.first
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(options: ChildOptions) {
    this.name = options.name
    this.#options = options
    this.#process = this.#spawn()
  }

  /** Null while it waits to be started again. */
  get pid(): number | null {
    const { pid, exitCode, signalCode } = this.#process
    return pid === undefined || exitCode !== null || signalCode !== null ? null : pid
  }

  /** Sends a signal to the process as it is now; for tests that kill it. */
  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** SIGTERM, and SIGKILL after 8 s; resolves when it is gone. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    if (this.pid === null) return
    const gone = new Promise<void>((resolve) => this.#process.once('exit', () => resolve()))
    this.#process.kill('SIGTERM')
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), GRACE_MS)
    await gone
    clearTimeout(timer)
  }

  #spawn(): ChildProcess {
    const { args, env, logDir, name } = this.#options
    const log = openSync(join(logDir, `${name}.log`), 'a', 0o600)
    this.#startedAt = performance.now()
    // A process group of its own, so that Ctrl-C reaches the platform alone and the order of stopping holds. Standard
    // input is the leash: its end tells the child that the platform is gone.
    const child = spawn(process.execPath, [...NODE_FLAGS, MAIN, ...args], {
      env,
      detached: true,
      stdio: ['pipe', log, log],
    })
    closeSync(log)
    child.stdin?.on('error', () => undefined)
    child.on('error', (error) => this.#died(error.message))
    child.on('exit', (code, signal) => this.#died(signal ?? `exit code ${code}`))
    return child
  }

  #died(how: string): void {
    if (this.#isStopped) return
    if (performance.now() - this.#startedAt > SETTLED_MS) this.#backoffMs = BACKOFF_MS.first
    this.#options.onDeath(
      `${this.name} ended (${how}); it is started again, its log is ${join(this.#options.logDir, `${this.name}.log`)}`,
    )
    this.#timer = setTimeout(() => {
      this.#process = this.#spawn()
    }, this.#backoffMs)
    this.#backoffMs = Math.min(this.#backoffMs * 2, BACKOFF_MS.longest)
  }
}
