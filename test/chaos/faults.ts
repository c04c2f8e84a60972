import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Chance } from './chance.ts'
import type { Installation, Member } from './installation.ts'
import type { Fault } from './observed.ts'
import type { FaultKind, PlannedFault } from './schedule.ts'

/** Does planned faults to an installation, and keeps what it did. */
export class Faults {
  readonly done: Fault[] = []
  /** Planned for a process where none was up to be failed. */
  skipped = 0
  readonly #installation: Installation
  readonly #chance: Chance
  /** A server is restarted by one fault at a time. */
  readonly #turns = { postgres: Promise.resolve(), redis: Promise.resolve() }

  constructor(installation: Installation, chance: Chance) {
    this.#installation = installation
    this.#chance = chance
  }

  /** Does each at its time after `began` (ms since the epoch); resolves when the last one is over. */
  async follow(planned: readonly PlannedFault[], began: number): Promise<void> {
    await Promise.all(
      planned.map(async (fault) => {
        await sleep(Math.max(0, began + fault.atMs - Date.now()))
        await this.#do(fault)
      }),
    )
  }

  async #do(fault: PlannedFault): Promise<void> {
    const { kind } = fault
    switch (kind) {
      case 'redis-flush':
        return this.#server('redis', fault, () => this.#withRedis((redis) => redis.flushall()))
      case 'redis-kill':
        return this.#server('redis', fault, () => this.#killRedis(fault.lastsMs))
      case 'postgres-fast':
        return this.#server('postgres', fault, () => this.#restartPostgres('SIGINT', fault.lastsMs))
      case 'postgres-immediate':
        return this.#server('postgres', fault, () => this.#restartPostgres('SIGQUIT', fault.lastsMs))
      default:
        return this.#one(kind, fault)
    }
  }

  async #one(kind: FaultKind, { target, share, lastsMs }: PlannedFault): Promise<void> {
    const up = this.#installation.of(kind.startsWith('web') ? 'web' : 'worker', { isUp: true })
    const member = up[Math.floor(target * up.length)]
    if (member === undefined) {
      this.skipped++
      return
    }
    const from = Date.now()
    await this.#failMember(kind, member, { share, lastsMs })
    this.done.push({ kind, processes: [member.process.name], from, until: Date.now() })
  }

  async #failMember(
    kind: FaultKind,
    { process, postgres, redis }: Member,
    { share, lastsMs }: { share: number; lastsMs: number },
  ): Promise<void> {
    const way = kind.includes('postgres') ? postgres : redis
    if (kind.endsWith('-cut')) way.cut(share, this.#chance)
    else if (kind.endsWith('-unheard-commit')) await postgres.unhearCommits(lastsMs)
    else if (kind.endsWith('-half-open')) await way.halfOpen(share, lastsMs, this.#chance)
    else if (kind.endsWith('-kill')) await process.kill()
    else if (kind.endsWith('-end')) await process.end()
    else {
      process.pause()
      await sleep(lastsMs)
      process.resume()
    }
  }

  /** A fault of a server concerns every worker. */
  async #server(
    server: 'postgres' | 'redis',
    { kind }: PlannedFault,
    act: () => Promise<unknown>,
  ): Promise<void> {
    const processes = this.#installation.of('worker').map(({ process }) => process.name)
    const turn = this.#turns[server].then(async () => {
      const from = Date.now()
      await act()
      this.done.push({ kind, processes, from, until: Date.now() })
    })
    this.#turns[server] = turn
    await turn
  }

  async #restartPostgres(signal: NodeJS.Signals, awayMs: number): Promise<void> {
    const { postgres } = this.#installation
    await postgres.kill(signal)
    await sleep(awayMs)
    await postgres.restart()
  }

  /** It comes back with nothing. */
  async #killRedis(awayMs: number): Promise<void> {
    const { redis } = this.#installation
    const folder = await this.#withRedis((client) => client.config('GET', 'dir'))
    await redis.kill('SIGKILL')
    rmSync(join(String((folder as string[])[1]), 'appendonlydir'), { recursive: true })
    await sleep(awayMs)
    await redis.restart()
  }

  async #withRedis<T>(use: (client: Redis) => Promise<T>): Promise<T> {
    const client = new Redis(this.#installation.redis.url)
    return use(client).finally(() => client.disconnect())
  }
}
