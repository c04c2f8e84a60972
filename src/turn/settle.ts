import type { Transition } from '../ledger/transitions.ts'
import type { Nudge } from '../mailbox/nudge.ts'
import type { Work } from './agenda.ts'
import type { Engine } from './engine.ts'
import type { HeldAction } from './held.ts'
import type { TurnReport } from './turn.ts'

/** An action due again sooner than this is watched by a timer; later ones are found by the sweep. */
const SOON_MS = 1_500
/** Events whose transaction is not the oldest yet are looked at again after this. */
const EVENTS_AGAIN_MS = 10

/** What follows from a committed turn: release what ended, wake what is due, tell the owners of new work. */
export function settle(engine: Engine, work: Work, report: TurnReport): void {
  for (const { held } of work.results) releaseAnswered(engine, held)
  engine.held.freeReserved()
  // What was kept out of the lanes and is still to be sent is found again; what ended is not there to be found.
  for (const { row } of report.reserved) engine.feeder.look({ p: row.p, lane: row.lane })
  for (const transition of report.actions.transitions) follow(engine, transition)
  for (const id of report.actions.waiting) engine.waitingOnWire.add(id)
  engine.nudger.nudge(newWork(report))
  if (report.moreFacts) for (const p of work.facts) engine.agenda.hintFacts(p)
  if (report.events.more.length > 0) setTimeout(() => hintEvents(engine, report.events.more), EVENTS_AGAIN_MS)
  engine.feeder.refill()
  engine.pump()
}

function hintEvents(engine: Engine, partitions: readonly number[]): void {
  for (const p of partitions) engine.agenda.hintEvents(p)
}

function releaseAnswered(engine: Engine, held: HeldAction): void {
  if (engine.held.get(held.id) === held) engine.held.release(held.id)
  // A cancel that waited for this result is heard in the next turn.
  if (engine.waitingOnWire.delete(held.id)) engine.agenda.hintFacts(held.p)
}

function follow(engine: Engine, transition: Transition): void {
  const { next } = transition
  const held = engine.held.get(transition.id)
  if (held !== undefined) {
    held.row = { ...held.row, state: next }
    held.isStale = false
  }
  const isSendable = next.status === 'pending' || next.status === 'retrying'
  if (held?.place === 'queued' && !isSendable) {
    engine.lanes.drop((action) => action === held)
    engine.held.release(held.id)
  }
  const inMs = (next.nextAt ?? Number.POSITIVE_INFINITY) - (Date.now() + engine.clockOffsetMs)
  if (isSendable && inMs < SOON_MS) engine.feeder.lookIn({ p: transition.p, lane: transition.lane }, inMs)
}

/** New actions are found by their owners' loads; each lane is named once. */
function newWork(report: TurnReport): Nudge[] {
  const lanes = new Map<string, Nudge>()
  for (const { p, lane, test } of report.events.actions) {
    if (!test) lanes.set(`${p} ${lane}`, { kind: 'lane', p, lane })
  }
  return [...lanes.values()]
}
