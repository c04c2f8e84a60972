import type { Allowance } from '../../actors/leave.ts'
import type { DueFact } from '../ledger/actions/facts-waiting.ts'
import type { ActionRow } from '../ledger/actions/rows.ts'
import type { StoredNotice } from '../ledger/endpoints/notices.ts'
import type { StoredEvent } from '../ledger/events/events-unread.ts'
import type { DueRow } from '../ledger/people/due.ts'
import type { RegisteredType } from '../ledger/tenants/type-registry.ts'
import type { Result } from './agenda.ts'
import type { Asking } from './decide-leave.ts'
import type { OwnWork } from './disown.ts'
import type { Engine } from './engine.ts'
import type { HeldAction } from './held.ts'
import { type LoadedPeople, loadPeople, type Occasions } from './load-people.ts'
import type { TurnTx } from './ports.ts'

const FACTS_A_TURN = 256
const OVERDUE_A_PARTITION = 100
const EVENTS_A_TURN = 256
const NOTICES_A_TURN = 128
const DUE_A_TURN = 512

/** One action and everything that it is told in this turn. */
export interface Subject {
  row: ActionRow
  type: RegisteredType | undefined
  results: Result[]
  facts: DueFact[]
  isOverdue: boolean
  /** An earlier owner may have sent it, and will not say any more; the type forbids to try again. */
  isInDoubt: boolean
  /** What came of its POST is not known to this turn, so cancel, retry and deadline wait. */
  isOnWire: boolean
  /** It was taken out of the lanes, and goes back once the turn has committed, if it is still to be sent. */
  isReserved: boolean
}

export interface Loaded extends LoadedPeople {
  subjects: Subject[]
  /** Actions that ask for leave to be sent, and what their limited types use already. */
  asking: Asking[]
  allowances: Map<string, Allowance>
  /** Facts whose action no longer exists; they are only marked. */
  strayFacts: DueFact[]
  /** Events to decide on now, each partition's in order. */
  events: StoredEvent[]
  /** Who is to be looked at now though nothing was said of them. */
  due: DueRow[]
  /** More people are due than this turn looks at. */
  moreDue: boolean
  /** Partitions in which more events wait than this turn took. */
  moreEvents: number[]
  moreFacts: boolean
  /** What endpoints are still to be told of. */
  notices: StoredNotice[]
  moreNotices: boolean
}

/** Reads what a turn decides on; rows that are held are not read again, since nobody else writes them. */
export async function load(engine: Engine, tx: TurnTx, work: OwnWork): Promise<Loaded> {
  const overdue = work.isTick ? await tx.overdue(work.partitions, OVERDUE_A_PARTITION) : []
  const { asking, inDoubt } = sortAsks(engine, work.asks)
  const facts = await loadFacts(engine, tx, work, [...overdue, ...inDoubt])
  const subjects = await gather(engine, tx, { results: work.results, facts, overdue, inDoubt })
  const { events, moreEvents } = await loadEvents(tx, work.events)
  const { due, moreDue } = await loadDue(engine, tx, work, moreEvents)
  await readyRules(engine, subjects.values(), { events, due })
  const strayFacts = facts.filter((fact) => !subjects.has(fact.actionId))
  const notices = work.isTick ? await tx.notices(work.partitions, NOTICES_A_TURN) : []
  return {
    subjects: [...subjects.values()],
    asking,
    allowances: await loadAllowances(tx, asking, work.results),
    strayFacts,
    events,
    due,
    moreDue,
    ...(await loadPeople(engine, tx, { events, due })),
    moreEvents,
    moreFacts: facts.length >= FACTS_A_TURN,
    notices,
    moreNotices: notices.length >= NOTICES_A_TURN,
  }
}

/** Makes sure that the documents are there of every tenant about whom something is decided. */
export async function readyRules(
  { rules }: Pick<Engine, 'rules'>,
  subjects: Iterable<Subject>,
  { events, due }: Occasions,
): Promise<void> {
  const tenants = new Set([...events, ...due].map(({ tenant }) => tenant))
  for (const { row } of subjects) tenants.add(row.tenant)
  await rules.ready(tenants)
}

/** Whether a POST of this action may have begun that this worker knows nothing of, and that must not be repeated. */
export function isInDoubt(engine: Engine, held: HeldAction, type: RegisteredType): boolean {
  const { claimed, state } = held.row
  return !type.terms.mayRepeat && claimed !== null && claimed > state.attempt && !engine.unsent.has(held.id)
}

/** Those that ask for leave, and those of which an earlier owner may have sent a POST. */
export function sortAsks(engine: Engine, asks: readonly HeldAction[]) {
  const asking: Asking[] = []
  const inDoubt: ActionRow[] = []
  for (const held of asks) {
    const type = engine.registry.cached(held.row.type)!
    if (isInDoubt(engine, held, type)) inDoubt.push(held.row)
    else asking.push({ held, type })
  }
  return { asking, inDoubt }
}

/** What the limited types of those that ask use of their limits. */
export async function loadAllowances(tx: TurnTx, asking: readonly Asking[], results: readonly Result[]) {
  const limited = asking.filter(({ type }) => type.limits.maxInFlight !== null || type.limits.rate !== null)
  if (limited.length === 0) return new Map<string, Allowance>()
  const over = [...limited.map(({ held }) => held.id), ...results.map(({ held }) => held.id)]
  return tx.allowances([...new Set(limited.map(({ type }) => type.id))], over)
}

/** Facts of our partitions, and all those of actions that are about to end: none may end before it was read. */
async function loadFacts(
  engine: Engine,
  tx: TurnTx,
  work: OwnWork,
  ending: readonly ActionRow[],
): Promise<DueFact[]> {
  const waiting =
    work.facts.length === 0 ? [] : await tx.facts(work.facts, [...engine.waitingOnWire], FACTS_A_TURN)
  const ofEnding = await tx.factsOf(ending.map((row) => row.id))
  const known = new Set(waiting.map((fact) => fact.seq))
  return [...waiting, ...ofEnding.filter((fact) => !known.has(fact.seq))]
}

interface Gathered {
  results: readonly Result[]
  facts: readonly DueFact[]
  overdue: readonly ActionRow[]
  inDoubt: readonly ActionRow[]
}

/** Everything that each action is told in this turn, by its id. */
export async function gather(
  engine: Engine,
  tx: TurnTx,
  { results, facts, overdue, inDoubt }: Gathered,
): Promise<Map<string, Subject>> {
  const reserved = reserve(engine, [...facts.map((fact) => fact.actionId), ...overdue.map((row) => row.id)])
  const fresh = new Map(overdue.map((row) => [row.id, row]))
  const ids = new Set([
    ...results.map(({ held }) => held.id),
    ...facts.map((fact) => fact.actionId),
    ...inDoubt.map((row) => row.id),
  ])
  const unread = [...ids].filter((id) => !fresh.has(id) && (engine.held.get(id)?.isStale ?? true))
  for (const row of await tx.rows(unread)) fresh.set(row.id, row)
  const answered = new Set(results.map(({ held }) => held.id))
  const subjects = new Map<string, Subject>()
  for (const id of new Set([...ids, ...fresh.keys()])) {
    const held = engine.held.get(id)
    const row = held === undefined || held.isStale ? fresh.get(id) : held.row
    if (row === undefined) continue
    // An answer that came after this turn took its results is heard in the next one, so it is still to be waited for.
    const isOnWire = held?.place === 'on-wire' || (held?.place === 'result-waiting' && !answered.has(id))
    subjects.set(id, {
      row,
      type: undefined,
      results: [],
      facts: [],
      isOverdue: false,
      isInDoubt: false,
      isOnWire,
      isReserved: reserved.has(id),
    })
  }
  for (const row of overdue) subjects.get(row.id)!.isOverdue = true
  for (const { id } of inDoubt) subjects.get(id)!.isInDoubt = true
  for (const result of results) subjects.get(result.held.id)?.results.push(result)
  for (const fact of facts) subjects.get(fact.actionId)?.facts.push(fact)
  const types = await engine.registry.byIds([...subjects.values()].map(({ row }) => row.type))
  for (const subject of subjects.values()) subject.type = types.get(subject.row.type)
  return subjects
}

/**
 * Takes actions out of the lanes about which this turn decides for another reason than their result: a POST that began
 * between the decision and its commit would send what a client was told is cancelled. Those on the wire stay.
 */
function reserve(engine: Engine, ids: readonly string[]): Set<string> {
  const reserved = new Set(ids.filter((id) => (engine.held.get(id)?.place ?? 'queued') === 'queued'))
  if (ids.some((id) => engine.held.get(id)?.place === 'queued'))
    engine.lanes.drop(({ id }) => reserved.has(id))
  for (const id of reserved) engine.held.reserve(id)
  return reserved
}

async function loadEvents(tx: TurnTx, partitions: readonly number[]) {
  if (partitions.length === 0) return { events: [], moreEvents: [] }
  const limit = Math.max(8, Math.floor(EVENTS_A_TURN / partitions.length))
  const read = await tx.events(partitions, limit)
  const counts = new Map<number, number>()
  for (const event of read) counts.set(event.p, (counts.get(event.p) ?? 0) + 1)
  const held = new Set(read.filter((event) => !event.isReady).map((event) => event.p))
  const moreEvents = [...counts].filter(([p, count]) => count >= limit || held.has(p)).map(([p]) => p)
  return { events: read.filter((event) => event.isReady), moreEvents }
}

/** Whoever is due longer than this is looked at, whatever else waits to be heard of the same people. */
const HEARD_FIRST_MS = 60_000

/** Who is due. Where events wait for another turn, people wait behind them: one of them may be a sign of life. */
async function loadDue(
  engine: Engine,
  tx: TurnTx,
  { isTick, partitions }: OwnWork,
  moreEvents: readonly number[],
): Promise<Pick<Loaded, 'due' | 'moreDue'>> {
  if (!isTick || partitions.length === 0) return { due: [], moreDue: false }
  const limit = Math.max(16, Math.floor(DUE_A_TURN / partitions.length))
  const read = await tx.due(partitions, limit)
  const late = engine.clock.wallMs() + engine.clockOffsetMs - HEARD_FIRST_MS
  const due = read.filter(({ p, at }) => at < late || !moreEvents.includes(p))
  const counts = Map.groupBy(due, ({ p }) => p)
  return { due, moreDue: [...counts.values()].some(({ length }) => length >= limit) }
}
