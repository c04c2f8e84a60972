import type { ChildProcess } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { VolleyError } from '../errors.ts'
import { type Kept, keep } from './keeper.ts'
import { endProcess, gone, reaped, signalTo } from './processes.ts'

/** How one server program is run; the same every time it is started again. */
export interface Recipe {
  name: string
  url: string
  /** Where the program's output goes; its end is quoted when the server does not come up. */
  logFile: string
  /** Starts the program with its output on this file descriptor, in a process group of its own. */
  spawn(logFd: number): ChildProcess
  /** Returns once the server answers; throws while it does not. `patient` in what it throws extends the wait. */
  ping(): Promise<void>
  ending: { signal: 'SIGINT' | 'SIGTERM'; graceMs: number; last: NodeJS.Signals }
  /** Folders removed if this process dies without stopping the server. */
  remove: readonly string[]
  /** Called after each successful start with the id of the new process. */
  onStart?(pid: number): void
  /** Called once the server was stopped for good. */
  onStop?(): void
}

/** How long a server may take until it answers, and how long when it says that it is still recovering. */
const READY_MS = 30_000
const RECOVERY_MS = 300_000

/** Clients (web, workers) end themselves within this time when the process that started everything is gone. */
const KEEPER_GRACE_S = 3

interface Running {
  child: ChildProcess
  pid: number
  exited: Promise<void>
  release: () => void
}

/** One server program started for this process alone: it can be stopped, killed and started again at the same URL. */
export class PrivateServer {
  readonly #recipe: Recipe
  #running: Running
  #asked = false
  #onLost: (() => void) | null = null

  private constructor(recipe: Recipe, running: Running) {
    this.#recipe = recipe
    this.#running = running
    this.#watch()
  }

  /** Starts the program and waits until it answers; throws `start_failed` with the end of its log. */
  static async start(recipe: Recipe): Promise<PrivateServer> {
    return new PrivateServer(recipe, await launch(recipe))
  }

  get name(): string {
    return this.#recipe.name
  }

  get url(): string {
    return this.#recipe.url
  }

  get pid(): number {
    return this.#running.pid
  }

  /** Calls `listener` each time the program ends without having been asked to. */
  whenLost(listener: () => void): void {
    this.#onLost = listener
  }

  /** Sends a signal that ends the program (SIGKILL for a crash) and waits until it is gone. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    this.#asked = true
    const { pid } = this
    signalTo(pid, signal)
    // Not by the exit event: the child does not hold the event loop open, so nothing might be left to wait for it.
    while (!(await gone(pid, 1_000)));
    await reaped(pid)
  }

  /** Starts the program again at the same URL, stopping it first where it still runs. */
  async restart(): Promise<void> {
    await this.#end()
    this.#running = await launch(this.#recipe)
    this.#asked = false
    this.#watch()
  }

  /** Stops the program in good order and for good; one that has ended already is no error. */
  async stop(): Promise<void> {
    await this.#end()
    this.#recipe.onStop?.()
  }

  async #end(): Promise<void> {
    this.#asked = true
    await endProcess(this.pid, this.#recipe.ending)
    this.#running.release()
  }

  #watch(): void {
    const { exited, release } = this.#running
    void exited.then(() => {
      release()
      if (!this.#asked) this.#onLost?.()
    })
  }
}

async function launch(recipe: Recipe): Promise<Running> {
  mkdirSync(dirname(recipe.logFile), { recursive: true })
  const logFrom = existsSync(recipe.logFile) ? statSync(recipe.logFile).size : 0
  const fd = openSync(recipe.logFile, 'a', 0o600)
  const child = recipe.spawn(fd)
  closeSync(fd)
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const failed = new Promise<never>((_, reject) =>
    child.once('error', (cause) =>
      reject(new VolleyError('start_failed', `${recipe.name} cannot be run: ${cause.message}`, { cause })),
    ),
  )
  failed.catch(() => undefined)
  child.unref()
  const { pid } = child
  if (pid === undefined) return failed
  const release = keep(keptBy(recipe, pid))
  try {
    await Promise.race([ready(recipe, child, logFrom), failed])
  } catch (error) {
    await endProcess(pid, { ...recipe.ending, graceMs: 2_000 })
    release()
    throw error
  }
  recipe.onStart?.(pid)
  return { child, pid, exited, release }
}

function keptBy(recipe: Recipe, pid: number): Kept {
  const signal = recipe.ending.signal === 'SIGINT' ? 'INT' : 'TERM'
  return { pid, signal, graceS: KEEPER_GRACE_S, remove: recipe.remove }
}

async function ready(recipe: Recipe, child: ChildProcess, logFrom: number): Promise<void> {
  const began = performance.now()
  for (;;) {
    // The exit status may arrive before the event that reports it.
    const ended = child.exitCode !== null || child.signalCode !== null || (await gone(child.pid ?? 0, 0))
    if (ended) throw notReady(recipe, 'ended before it answered', logFrom)
    try {
      return await recipe.ping()
    } catch (error) {
      const patient = (error as { patient?: boolean }).patient === true
      const waitedMs = performance.now() - began
      if (waitedMs > (patient ? RECOVERY_MS : READY_MS)) {
        const why = error instanceof Error ? error.message : String(error)
        throw notReady(recipe, `did not answer within ${Math.round(waitedMs / 1000)} s (${why})`, logFrom)
      }
      await sleep(25)
    }
  }
}

function notReady(recipe: Recipe, what: string, logFrom: number): VolleyError {
  const lines = logLines(recipe.logFile, logFrom)
  const tail = lines.slice(-6).join(' | ')
  return new VolleyError(
    'start_failed',
    `${recipe.name} ${what}; ${recipe.logFile} ends: ${tail || '(nothing)'}`,
    {
      details: lines,
    },
  )
}

function logLines(file: string, from: number): string[] {
  const text = readFileSync(file).subarray(from).toString('utf8')
  return text.split('\n').filter((line) => line.trim() !== '')
}
