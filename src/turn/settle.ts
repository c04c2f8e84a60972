import { accepted } from '../../actors/action.ts'
import type { ActionRow } from '../ledger/actions/rows.ts'
import type { Transition } from '../ledger/actions/transitions.ts'
import type { Nudge } from '../mailbox/nudge.ts'
import type { Work } from './agenda.ts'
import { BEGIN_WITHIN_MS } from './decide-leave.ts'
import type { Engine } from './engine.ts'
import type { HeldAction } from './held.ts'
import { beginIn, standBack } from './send.ts'
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
  settleLeaves(engine, work, report)
  for (const id of report.actions.waiting) engine.waitingOnWire.add(id)
  engine.nudger.nudge(newWork(report, takeNew(engine, report)))
  if (report.moreNotices || report.events.moreDue) engine.agenda.tick()
  if (report.moreFacts) for (const p of work.facts) engine.agenda.hintFacts(p)
  if (report.events.more.length > 0)
    engine.clock.after(EVENTS_AGAIN_MS, () => hintEvents(engine, report.events.more))
  engine.feeder.refill()
  engine.pump()
}

/** Sends what has leave, and lets the lanes of the others wait. */
function settleLeaves(engine: Engine, work: Work, { leaves, startedAt }: TurnReport): void {
  for (const { held, inMs, claimed, nextAt } of leaves.granted) {
    if (claimed !== null) held.row = { ...held.row, claimed, state: { ...held.row.state, nextAt } }
    held.leaveUntil = startedAt + BEGIN_WITHIN_MS
    beginIn(engine, held, inMs)
  }
  for (const { held, retryInMs } of leaves.denied) standBack(engine, held, retryInMs)
  const left = new Set([...leaves.granted, ...leaves.denied].map(({ held }) => held))
  for (const held of work.asks) {
    if (left.has(held) || held.isLost) continue
    engine.lanes.done(held, false)
    engine.held.release(held.id)
    engine.feeder.look(held)
  }
  // A place that was freed is for the first of its lane.
  if (leaves.freed.length > 0) for (const { held } of work.results) engine.lanes.wake(held.lane)
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
  const inMs = (next.nextAt ?? Number.POSITIVE_INFINITY) - (engine.clock.wallMs() + engine.clockOffsetMs)
  if (isSendable && inMs < SOON_MS) engine.feeder.lookIn({ p: transition.p, lane: transition.lane }, inMs)
}

/**
 * Takes up what endpoints are told at once, as far as this worker owns it: whose permissions count has to be read, and so has
 * what its limits allow. Gives the ids.
 */
function takeNew(engine: Engine, { actions, events, told, now }: TurnReport): Set<string> {
  const made = [actions.notifications, told.notifications, events.actions].flat()
  const rows = made.flatMap((action): ActionRow[] => {
    const type = engine.registry.cached(action.type)
    if (
      type?.form !== 'notification' ||
      type.isPaused ||
      type.needsLeave ||
      engine.ownership.isSuspect(action.p)
    )
      return []
    const state = accepted(now, now + action.expiresAfterMs)
    return [{ ...action, isMute: false, claimed: null, state }]
  })
  return engine.feeder.takeNew(rows)
}

/** New actions are found by their owners' loads, and so is what partitions tell each other; each lane is named once. */
function newWork(report: TurnReport, taken: ReadonlySet<string>): Nudge[] {
  const lanes = new Map<string, Nudge>()
  const made = [report.events.actions, report.actions.notifications, report.told.notifications].flat()
  for (const { id, p, lane, test, shadow } of made) {
    if (!test && !shadow && !taken.has(id)) lanes.set(`${p} ${lane}`, { kind: 'lane', p, lane })
  }
  const told = new Set([...report.events.passed, ...report.actions.reports].map(({ p }) => p))
  return [...lanes.values(), ...[...told].map((p): Nudge => ({ kind: 'event', p }))]
}
