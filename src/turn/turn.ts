import type { Status } from '../../actors/action.ts'
import type { Suspect } from '../ledger/actions/suspects.ts'
import type { Fence } from '../ledger/turn-transaction.ts'
import { VersionMismatch } from '../ledger/version-mismatch.ts'
import type { Work } from './agenda.ts'
import { condemn } from './condemn.ts'
import { type Decided, decideActions } from './decide-actions.ts'
import { decideEvents, decidingBy } from './decide-events.ts'
import type { EventsDecided } from './decide-for.ts'
import { decideLeaves, type LeavesDecided } from './decide-leave.ts'
import { disown, type OwnWork } from './disown.ts'
import type { Engine } from './engine.ts'
import { type Loaded, load, type Subject } from './load.ts'
import { loadAlone } from './load-alone.ts'
import type { NoticesTold, TurnTx } from './ports.ts'
import { settle } from './settle.ts'
import { type Listeners, tellNotices } from './tell.ts'
import { writeSingly } from './write-singly.ts'

/** An endpoint that was there this long ago is told of everything. */
const ENDPOINTS_MS = 1_000

const isSendable = (status: Status) => status === 'pending' || status === 'retrying'

/** `singly`: rows were refused when they were written together, so each is written by itself. */
export type Care = 'together' | 'singly'

/** What one turn wrote. */
export interface TurnReport {
  /** The turn's clock in ms, which is that of what it inserted. */
  now: number
  actions: Decided
  events: EventsDecided
  leaves: LeavesDecided
  /** What was still to be told, as far as this turn told it. */
  told: NoticesTold
  /** When the turn began, by the monotonic clock. */
  startedAt: number
  /** More facts wait than this turn took. */
  moreFacts: boolean
  /** More is to be told than this turn did. */
  moreNotices: boolean
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
  const attempted = new Set<string>()
  try {
    await engine.registry.followEndpoints(ENDPOINTS_MS)
    const end = await engine.ledger.inTurn(engine.ownership.id, async (tx, fence): Promise<TurnReport> => {
      engine.clockOffsetMs = fence.now - engine.clock.wallMs()
      const mine = disown(engine, work, owned, fence)
      const loaded = await loadWork(engine, tx, mine, fence)
      for (const { row } of loaded.subjects) attempted.add(row.id)
      const listeners = listenersOf(engine)
      const { alone } = mine
      const { actions, events } = await decideAndWrite(engine, tx, { loaded, care, alone, fence, listeners })
      const leaves = decideLeaves(loaded, actions.transitions, fence.now)
      for (const { id, p } of leaves.claims) engine.unsent.set(id, p)
      await writeLeaves(tx, leaves)
      const told = await tellWaiting(tx, loaded, listeners)
      const reserved = loaded.subjects.filter(
        ({ isReserved, row }) => isReserved && isSendable(row.state.status),
      )
      const moreNotices = loaded.moreNotices || told.left.length > 0 || actions.notices.length > 0
      const { moreFacts } = loaded
      return { now: fence.now, actions, events, leaves, told, startedAt, moreFacts, moreNotices, reserved }
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

function loadWork(engine: Engine, tx: TurnTx, work: OwnWork, fence: Fence): Promise<Loaded> {
  return work.alone === undefined ? load(engine, tx, work) : loadAlone(engine, tx, work, work.alone, fence)
}

interface Decidable {
  loaded: Loaded
  care: Care
  alone: Suspect | undefined
  fence: Fence
  listeners: Listeners
}

/** What is decided is written at once, so that a row which Postgres refuses can be told from the others. */
async function decideAndWrite(
  engine: Engine,
  tx: TurnTx,
  { loaded, care, alone, fence, listeners }: Decidable,
): Promise<{ actions: Decided; events: EventsDecided }> {
  const { clock, partitions } = engine
  const moment = { now: fence.now, chance: clock.chance, partitions, ...listeners }
  if (alone?.isCondemned === true) return condemn(engine, tx, loaded, alone, moment)
  if (care === 'singly') return writeSingly(engine, tx, loaded, moment)
  const actions = decideActions(loaded, moment)
  const events = decideEvents(loaded, decidingBy(engine, moment))
  await tx.writeActions(actions)
  await tx.writeEvents(events)
  return { actions, events }
}

function listenersOf({ registry, clock }: Engine): Listeners {
  return {
    endpointsOf: (tenant) => registry.endpointsOf(tenant),
    endpoint: (id) => registry.cached(id),
    newId: clock.newId,
    filterSteps: new Map(),
  }
}

/** What one turn could not tell all that wanted to hear of it, the next ones do. */
async function tellWaiting(tx: TurnTx, { notices }: Loaded, listeners: Listeners): Promise<NoticesTold> {
  const told = tellNotices(notices, listeners)
  if (notices.length > 0) await tx.writeNotices(told)
  return told
}

async function writeLeaves(tx: TurnTx, leaves: LeavesDecided): Promise<void> {
  const written = new Set(await tx.writeLeaves(leaves))
  const foreign = leaves.claims.filter(({ id }) => !written.has(id))
  if (foreign.length > 0) throw new VersionMismatch(foreign.map(({ id }) => id))
}

/** The commit's result is unknown: what it may have changed is read again, and is not sent before that. */
function distrust(engine: Engine, doubtful: ReadonlySet<string>): void {
  const queued = engine.lanes.drop((action) => doubtful.has(action.id))
  for (const action of queued) {
    engine.held.release(action.id)
    engine.feeder.look(action)
  }
  for (const id of doubtful) {
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
