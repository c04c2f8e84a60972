import type { Nudge, Nudger } from '../../src/mailbox/nudge.ts'
import type { Machine } from './machine.ts'
import type { NudgeLuck } from './plan.ts'
import type { Postgres } from './postgres.ts'
import type { World } from './world.ts'

/** Somebody who reads nudges. */
export interface Reader {
  machine: Machine
  hint(nudges: readonly Nudge[]): void
}

/** How old a sender's idea of the owners may be. */
const OWNERS_MS = 1_000

/** A model of the mailboxes: what is sent reaches whoever was thought to own the partition, late, twice, or not at all. */
export class Redis {
  readonly #world: World
  readonly #postgres: Postgres
  readonly #luck: NudgeLuck
  readonly #readers = new Map<string, Reader>()
  /** + 1 with each wipe: what was on its way before is gone. */
  #era = 0
  #isAway = false
  #owners = new Map<number, string | null>()
  #ownersAt = Number.NEGATIVE_INFINITY

  constructor(world: World, postgres: Postgres, luck: NudgeLuck) {
    this.#world = world
    this.#postgres = postgres
    this.#luck = luck
  }

  /** Opens the mailbox of a worker. */
  open(worker: string, reader: Reader): void {
    this.#readers.set(worker, reader)
  }

  wipe(awayMs: number): void {
    this.#era++
    this.#isAway = true
    this.#world.in(awayMs, () => {
      this.#isAway = false
    })
  }

  /** A sender of nudges; `local` takes what is for its own process. */
  nudger(local: (nudge: Nudge) => boolean = () => false): Nudger {
    return {
      nudge: (nudges) => {
        for (const nudge of nudges) if (!local(nudge)) this.#send(nudge)
      },
    }
  }

  #send(nudge: Nudge): void {
    const { random } = this.#world
    const owner = this.#ownerOf(nudge.p)
    const copies = random.isHit(this.#luck.repeated) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      if (owner === null || this.#isAway || random.isHit(this.#luck.lost)) continue
      const era = this.#era
      const ms = random.isHit(this.#luck.late) ? random.between(500, 8_000) : this.#world.latencyMs()
      this.#world.in(ms, () => {
        const reader = this.#readers.get(owner)
        if (era === this.#era && reader !== undefined) reader.machine.deliver(() => reader.hint([nudge]))
      })
    }
  }

  #ownerOf(p: number): string | null {
    if (this.#world.now - this.#ownersAt > OWNERS_MS) {
      this.#ownersAt = this.#world.now
      this.#owners = new Map([...this.#postgres.tables.partitions].map(([each, { owner }]) => [each, owner]))
    }
    return this.#owners.get(p) ?? null
  }
}
