import type { Fence } from '../ledger/turn-transaction.ts'
import type { Work } from './agenda.ts'
import type { Engine } from './engine.ts'

/** What remains of a turn's work once the fence has said what is owned. */
export interface OwnWork extends Work {
  /** Those whose work may share a turn. */
  partitions: number[]
}

/**
 * Drops what belongs to partitions that are no longer ours: what is queued is forgotten, results that are already
 * back become facts for the new owner, and hints lead nowhere. `owned` is what this worker believed before the fence.
 */
export function disown(engine: Engine, work: Work, owned: readonly number[], fence: Fence): OwnWork {
  const partitions = new Set(fence.partitions)
  const lost = owned.filter((p) => !partitions.has(p))
  if (lost.length > 0) {
    engine.ownership.lose(lost)
    letGo(engine, lost)
  }
  const isOurs = (p: number) => partitions.has(p)
  const foreign = work.results.filter(({ held }) => held.isLost || !isOurs(held.p))
  engine.lost.add(foreign)
  for (const { held } of foreign) if (engine.held.get(held.id) === held) engine.held.lose(held)
  // What was handed over must not be looked at again if this turn fails.
  work.results = work.results.filter(({ held }) => !held.isLost && isOurs(held.p))
  work.asks = work.asks.filter((held) => !held.isLost && isOurs(held.p))
  // Suspect ones are looked at in turns of one; whether one claimed just now is, this worker has yet to hear.
  const isTogether = (p: number) => engine.ownership.owns(p) && !engine.ownership.isSuspect(p)
  const together = fence.partitions.filter(isTogether)
  return {
    ...work,
    facts: work.isTick ? together : work.facts.filter((p) => isOurs(p) && isTogether(p)),
    events: work.isTick ? together : work.events.filter((p) => isOurs(p) && isTogether(p)),
    partitions: together,
  }
}

/** Forgets everything held of these partitions; returns what was sent and is not recorded, with its remaining ms. */
export function letGo(engine: Engine, partitions: readonly number[]): { id: string; remainingMs: number }[] {
  const lost = new Set(partitions)
  const now = engine.clock.monotonicMs()
  const onWire: { id: string; remainingMs: number }[] = []
  engine.lanes.drop((action) => lost.has(action.p))
  for (const action of [...engine.held.values()].filter((held) => lost.has(held.p))) {
    if (action.place === 'asking') engine.lanes.done(action, false)
    // A result that is back but not committed counts too: its next owner must hear of it before it looks.
    if (action.place === 'on-wire' || action.place === 'result-waiting') {
      const remainingMs = action.wireUntil === null ? 0 : Math.max(0, action.wireUntil - now)
      onWire.push({ id: action.id, remainingMs: Math.ceil(remainingMs) + 1_000 })
    }
    engine.waitingOnWire.delete(action.id)
    engine.held.lose(action)
  }
  for (const [id, p] of engine.unsent) if (lost.has(p)) engine.unsent.delete(id)
  // Told at once, and not by the next turn: the sooner its next owner knows, the better.
  engine.lost.add([...engine.agenda.takeLost(), ...engine.oneByOne.takeLost()])
  return onWire
}
