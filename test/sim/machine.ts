import type { Clock } from '../../src/clock.ts'
import type { Happening, World } from './world.ts'

/** `stopped`: as by SIGSTOP, its clocks go on. `suspended`: as a machine that sleeps, its monotonic clock stands still too. */
export type Pause = 'stopped' | 'suspended'

/** A connection as its client's machine sees it. */
export interface Wired {
  clientDied(): void
  /** Both ends learn that it is lost: the server at once, the client after so many ms. */
  cut(silentMs: number): void
}

interface RunningTimer {
  happening: Happening | undefined
  isCancelled: boolean
}

/**
 * One process: everything that reaches it comes through `deliver`, so that it can stand still while the time goes on, go on
 * as if nothing had been, or die between any two steps.
 */
export class Machine {
  readonly name: string
  readonly world: World
  readonly connections = new Set<Wired>()
  #state: 'running' | 'paused' | 'dead' = 'running'
  #pausedAs: { kind: Pause; since: number } | undefined
  readonly #backlog: (() => void)[] = []
  #wallOffsetMs: number
  /** How far the monotonic clock is behind the world's. */
  #monotonicLagMs: number

  constructor(world: World, name: string, wallOffsetMs: number) {
    this.world = world
    this.name = name
    this.#wallOffsetMs = wallOffsetMs
    this.#monotonicLagMs = world.now - world.random.between(0, 1_000_000)
  }

  get isDead(): boolean {
    return this.#state === 'dead'
  }

  get isPaused(): boolean {
    return this.#state === 'paused'
  }

  /** Has the process run something: now, when it goes on, or never. */
  deliver(run: () => void): void {
    if (this.#state === 'running') run()
    else if (this.#state === 'paused') this.#backlog.push(run)
  }

  pause(kind: Pause): void {
    if (this.#state !== 'running') return
    this.#state = 'paused'
    this.#pausedAs = { kind, since: this.world.now }
  }

  /** What has piled up meanwhile comes at once, one after the other, in the order of its coming and a little apart. */
  resume(): void {
    if (this.#state !== 'paused') return
    const { kind, since } = this.#pausedAs!
    if (kind === 'suspended') this.#monotonicLagMs += this.world.now - since
    this.#state = 'running'
    let afterMs = 0
    for (const run of this.#backlog.splice(0)) {
      afterMs += this.world.random.between(0, 0.2)
      this.world.in(afterMs, () => this.deliver(run))
    }
  }

  die(): void {
    this.#state = 'dead'
    this.#backlog.length = 0
    for (const connection of [...this.connections]) connection.clientDied()
  }

  /** Somebody sets the clock of the machine. */
  setWallOffset(ms: number): void {
    this.#wallOffsetMs = ms
  }

  readonly clock: Clock = {
    wallMs: () => this.world.now + this.#wallOffsetMs,
    monotonicMs: () => this.world.now - this.#monotonicLagMs,
    chance: () => this.world.random.next(),
    newId: (prefix) =>
      `${prefix}_${Math.floor(this.world.now).toString(32).padStart(10, '0')}${this.world.random.digits(16)}`,
    after: (ms, run) => this.#after(ms, run),
    every: (ms, run) => this.#every(ms, run),
    cancel: (timer) => {
      if (timer === undefined) return
      const running = timer as RunningTimer
      running.isCancelled = true
      this.world.cancel(running.happening)
    },
    sleep: (ms) => new Promise((resolve) => void this.world.in(ms, () => this.deliver(resolve))),
  }

  #after(ms: number, run: () => void): RunningTimer {
    const timer: RunningTimer = { happening: undefined, isCancelled: false }
    const fire = () => this.deliver(() => !timer.isCancelled && run())
    timer.happening = this.world.in(ms, fire)
    return timer
  }

  /** While the process stands still, its ticks fall into one. */
  #every(ms: number, run: () => void): RunningTimer {
    const timer: RunningTimer = { happening: undefined, isCancelled: false }
    let isWaiting = false
    const tick = () => {
      timer.happening = this.world.in(ms, tick)
      if (isWaiting) return
      isWaiting = true
      this.deliver(() => {
        isWaiting = false
        if (!timer.isCancelled) run()
      })
    }
    timer.happening = this.world.in(ms, tick)
    return timer
  }
}
