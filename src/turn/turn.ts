import type { Status } from '../../actors/action.ts'
import { VersionMismatch } from '../ledger/version-mismatch.ts'
import type { Work } from './agenda.ts'
import { condemn } from './condemn.ts'
import { type Decided, decideActions, type TurnMoment } from './decide-actions.ts'
import { decideEvents, decidingBy, type EventsDecided } from './decide-events.ts'
import { decideLeaves, type LeavesDecided } from './decide-leave.ts'
import { disown } from './disown.ts'
import type { Engine } from './engine.ts'
import { type Loaded, load, type Subject } from './load.ts'
import { loadAlone } from './load-alone.ts'
import type { TurnTx } from './ports.ts'
import { settle } from './settle.ts'
import { writeSingly } from './write-singly.ts'

const isSendable = (status: Status) => status === 'pending' || status === 'retrying'

/** `singly`: rows were refused when they were written together, so each is written by itself. */
export type Care = 'together' | 'singly'

/** What one turn wrote. */
export interface TurnReport {
  actions: Decided
  events: EventsDecided
  leaves: LeavesDecided
  /** When the turn began, by the monotonic clock. */
  startedAt: number
  /** More facts wait than this turn took. */
  moreFacts: boolean
  /** Actions that were kept out of the lanes while they were decided on. */
  reserved: readonly Subject[]
}

/**
 * One turn of a worker over all its partitions: fence, load, decide, write with history, commit, act. A throw means
 * that nothing was written, or that the commit's result is unknown; either way the work is looked at again from what
 * the ledger then says, and a result that was already written changes nothing.
 *
 * Returns `buried` where the ledger no longer knows this worker: nothing was written, nothing may be sent.
 */
export async function turn(engine: Engine, work: Work, care: Care): Promise<'committed' | 'buried'> {
  const owned = engine.ownership.list()
  const startedAt = engine.clock.monotonicMs()
  let attempted: string[] = []
  try {
    const end = await engine.ledger.inTurn(engine.ownership.id, async (tx, fence): Promise<TurnReport> => {
      engine.clockOffsetMs = fence.now - engine.clock.wallMs()
      const moment = { now: fence.now, chance: engine.clock.chance }
      const mine = disown(engine, work, owned, fence)
      const { alone } = mine
      const loaded =
        alone === undefined ? await load(engine, tx, mine) : await loadAlone(engine, tx, mine, alone, fence)
      const { actions, events } =
        alone?.isCondemned === true
          ? await condemn(tx, loaded, alone, moment)
          : care === 'together'
            ? decideAll(engine, loaded, moment)
            : await writeSingly(engine, tx, loaded, moment)
      const leaves = decideLeaves(
        loaded.asking,
        loaded.subjects,
        loaded.allowances,
        actions.transitions,
        fence.now,
      )
      attempted = actions.transitions.map((transition) => transition.id)
      for (const { id } of leaves.claims) engine.unsent.add(id)
      if (care === 'together') {
        await tx.writeActions(actions)
        await tx.writeEvents(events)
      }
      await writeLeaves(tx, leaves)
      const reserved = loaded.subjects.filter(
        ({ isReserved, row }) => isReserved && isSendable(row.state.status),
      )
      return { actions, events, leaves, startedAt, moreFacts: loaded.moreFacts, reserved }
    })
    if (end.kind === 'buried') return 'buried'
    // Committed: only now may anything follow from it.
    settle(engine, work, end.value)
    return 'committed'
  } catch (error) {
    distrust(engine, attempted)
    askAgain(engine, work)
    throw error
  } finally {
    engine.held.freeReserved()
  }
}

function decideAll(engine: Engine, loaded: Loaded, moment: TurnMoment) {
  return { actions: decideActions(loaded, moment), events: decideEvents(loaded, decidingBy(engine, moment)) }
}

async function writeLeaves(tx: TurnTx, leaves: LeavesDecided): Promise<void> {
  const written = new Set(await tx.writeLeaves(leaves))
  const foreign = leaves.claims.filter(({ id }) => !written.has(id))
  if (foreign.length > 0) throw new VersionMismatch(foreign.map(({ id }) => id))
}

/** The commit's result is unknown: what it may have changed is read again, and is not sent before that. */
function distrust(engine: Engine, ids: readonly string[]): void {
  const doubtful = new Set(ids)
  const queued = engine.lanes.drop((action) => doubtful.has(action.id))
  for (const action of queued) {
    engine.held.release(action.id)
    engine.feeder.look(action)
  }
  for (const id of ids) {
    const held = engine.held.get(id)
    if (held !== undefined) held.isStale = true
  }
}

/** Whether they were given leave is not known: they are loaded again, and ask again. */
function askAgain(engine: Engine, work: Work): void {
  for (const held of work.asks.splice(0)) {
    if (held.isLost || held.place !== 'asking') continue
    engine.lanes.done(held, false)
    engine.held.release(held.id)
    engine.feeder.look(held)
  }
}
