import type { Pool } from 'pg'
import type { Installation } from './installation.ts'
import type { OwnerChange } from './observed.ts'

const EVERY_MS = 400

/** Looks again and again at who owns which partition, and keeps what changed. */
export class OwnerWatch {
  readonly changes: OwnerChange[] = []
  readonly #installation: Installation
  readonly #pool: Pool
  readonly #last = new Map<number, string | null>()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined

  constructor(installation: Installation, pool: Pool) {
    this.#installation = installation
    this.#pool = pool
  }

  start(): void {
    this.#timer = setInterval(() => {
      // Where the ledger is away nothing changes hands either.
      this.#looking ??= this.#look()
        .catch(() => undefined)
        .finally(() => {
          this.#looking = undefined
        })
    }, EVERY_MS)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  async #look(): Promise<void> {
    const { rows } = await this.#pool.query<{ p: number; pid: number | null }>(
      'select p, w.pid from partition left join worker w on w.id = owner',
    )
    const at = Date.now()
    for (const { p, pid } of rows) {
      const owner = pid === null ? null : this.#nameOf(pid)
      if (this.#last.get(p) === owner) continue
      this.#last.set(p, owner)
      this.changes.push({ p, at, owner })
    }
  }

  #nameOf(pid: number): string {
    return (
      this.#installation.members.find(({ process }) => process.pids.has(pid))?.process.name ?? `pid ${pid}`
    )
  }
}
