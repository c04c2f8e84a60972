import type { Allowance } from '../../actors/leave.ts'
import type { Person } from '../../actors/person.ts'
import type { DomainLessons } from '../decisions/lessons.ts'
import type { SendCall, Target } from '../dispatch/client.ts'
import type { OpenedBreaker, SharedBreaker } from '../ledger/actions/breakers.ts'
import type { DeadLetter } from '../ledger/actions/dead-letters.ts'
import type { DueFact, ResultFact } from '../ledger/actions/facts-waiting.ts'
import type { NewAction } from '../ledger/actions/insert-actions.ts'
import type { DueAction, LaneSlice, MetSlice, SliceAsk } from '../ledger/actions/lanes-due.ts'
import type { LeaveWrites } from '../ledger/actions/leaves.ts'
import type { RefusalChanges } from '../ledger/actions/refusals.ts'
import type { ActionRow } from '../ledger/actions/rows.ts'
import type { Suspect, SuspectAsk } from '../ledger/actions/suspects.ts'
import type { BudgetAsk } from '../ledger/decisions/spending-key.ts'
import type { HealthReport } from '../ledger/endpoints/endpoint-health.ts'
import type { RegisteredEndpoint } from '../ledger/endpoints/endpoint-registry.ts'
import type { NoticeWrites, StoredNotice } from '../ledger/endpoints/notices.ts'
import type { Mark, StoredEvent } from '../ledger/events/events-unread.ts'
import type { OwnedPartition, SeenWorker } from '../ledger/ownership/workers.ts'
import type { DueRow } from '../ledger/people/due.ts'
import type { PersonKey } from '../ledger/people/person-key.ts'
import type { Sending } from '../ledger/tenants/sending.ts'
import type { RegisteredType } from '../ledger/tenants/type-registry.ts'
import type { ActionWrites, EventWrites, Fence, TurnEnd } from '../ledger/turn-transaction.ts'

/**
 * What the engine needs of the world, and nothing else: time and chance are `Clock` of src/clock.ts, nudges `Nudger` of the
 * mailbox. src/app.ts plugs in Postgres, Redis and HTTP; the simulation plugs in models of them.
 */

/** The ledger as a worker uses it. Every call may fail and leave it open whether it was done. */
export interface EngineLedger {
  /** Begin, fence, `body`, commit. A throw: nothing was written, or the result of the commit is unknown. */
  inTurn<T>(worker: string, body: (tx: TurnTx, fence: Fence) => Promise<T>): Promise<TurnEnd<T>>
  /** Moves sends that are due soon from their sleep into their lanes, at most `limit` a partition. */
  wakeSleeping(partitions: readonly number[], limit: number): Promise<unknown>
  /** The next slices in which something waits, behind the given lane of each partition, at most `limit`. */
  walkLanes(after: readonly LaneSlice[], limit: number): Promise<MetSlice[]>
  /** The due actions that are asked for, each slice's in the order in which they are due. */
  dueInLanes(asks: readonly SliceAsk[]): Promise<DueAction[]>
  /** Whose permissions changed since an earlier answer; null: from now on. */
  refusalsSince(since: string | null): Promise<RefusalChanges>
  /** What is known of whoever these ids belong to by now, by the `personKey` that was asked with. */
  currentPeople(keys: readonly PersonKey[]): Promise<Map<string, Person>>
  /** What came of POSTs whose partition was lost meanwhile; the first report of an attempt stays. */
  insertResultFacts(results: readonly ResultFact[]): Promise<void>
  /** A session for beat and ownership, apart from everything that may block; `onLost` when it ends by itself. */
  openSession(onLost: () => void): Promise<OwnershipSession>
  /** Keeps what was heard of endpoints. */
  reportHealth(reports: readonly HealthReport[]): Promise<void>
  breakers: BreakerLedger
  suspects: SuspectLedger
}

/** What one turn reads and writes, inside its one transaction. */
export interface TurnTx {
  rows(ids: readonly string[]): Promise<ActionRow[]>
  /** Actions whose deadline has passed, the earliest first, at most `limit` a partition. */
  overdue(partitions: readonly number[], limit: number): Promise<ActionRow[]>
  /** Facts not yet applied, oldest first; not those of the actions in `except`. */
  facts(partitions: readonly number[], except: readonly string[], limit: number): Promise<DueFact[]>
  factsOf(ids: readonly string[]): Promise<DueFact[]>
  events(partitions: readonly number[], limit: number): Promise<StoredEvent[]>
  /** Those of these people of whom something is known, by their `personKey`. */
  people(keys: readonly PersonKey[]): Promise<Map<string, Person>>
  /** Who is due, the earliest first, at most `limit` a partition; where there are more, tenant by tenant. */
  due(partitions: readonly number[], limit: number): Promise<DueRow[]>
  /** What these types use of their limits, locked until the turn ends; permits of `except` do not count. */
  allowances(types: readonly string[], except: readonly string[]): Promise<Map<string, Allowance>>
  /** What was spent of these budgets, by their `spendingKey`, locked until the turn ends. */
  budgets(asks: readonly BudgetAsk[]): Promise<Map<string, number>>
  /** What endpoints are still to be told of, oldest first. */
  notices(partitions: readonly number[], limit: number): Promise<StoredNotice[]>
  /** Takes what was told out of the notices, and inserts the notifications. */
  writeNotices(writes: NoticesTold): Promise<void>
  /** Throws `VersionMismatch` where a version was not as expected. */
  writeActions(decided: ActionWrites): Promise<void>
  writeEvents(decided: EventWrites): Promise<void>
  /** Returns the ids claimed, fewer where a version was not as expected. */
  writeLeaves(writes: LeaveWrites): Promise<string[]>
  insertDeadLetters(letters: readonly DeadLetter[]): Promise<void>
  markApplied(facts: readonly DueFact[]): Promise<void>
  moveMarks(marks: readonly Mark[]): Promise<void>
  /** Has nobody look at a person again by itself. */
  stopDue(row: DueRow): Promise<void>
  /** Takes an action out of every lane, and its deadline too. */
  stopTimers(row: ActionRow): Promise<void>
  /** Runs `body` so that bad data in it undoes nothing else; gives the refusal, or null where there was none. */
  trying(body: () => Promise<unknown>): Promise<Error | null>
}

/** What became of notices in a turn. */
export type NoticesTold = Pick<NoticeWrites, 'left' | 'done'> & { notifications: readonly NewAction[] }

/** A connection whose end frees the worker's lock. Every call is a transaction of its own. */
export interface OwnershipSession {
  /** Takes the worker's lock and makes its row and its first beat. */
  register(worker: { id: string; beatMs: number }): Promise<void>
  /** Takes the lock again after a connection was lost; false: somebody holds it to bury us. */
  relock(worker: string): Promise<boolean>
  /** False: the worker was buried. */
  extendBeat(worker: string, beatMs: number): Promise<boolean>
  /** Live workers in the order of their ids. */
  listWorkers(): Promise<SeenWorker[]>
  /** Declares a worker dead and frees its partitions, if its beat is over or its lock still free; true when it did. */
  bury(worker: string): Promise<boolean>
  /** Takes up to `limit` free partitions; returns those taken. */
  claim(worker: string, limit: number): Promise<number[]>
  /** What the worker owns, and which of it is suspect; the crashes of what it has owned for a minute are forgotten. */
  owned(worker: string): Promise<OwnedPartition[]>
  /** Gives partitions away; what is on the wire is put off past its remaining ms first. */
  release(
    worker: string,
    partitions: readonly number[],
    onWire: readonly { id: string; remainingMs: number }[],
  ): Promise<void>
  /** Ends a worker by its own will. */
  retire(worker: string): Promise<void>
  end(): Promise<void>
}

/** The breakers that all workers share. */
export interface BreakerLedger {
  notClosed(): Promise<SharedBreaker[]>
  open(opened: OpenedBreaker): Promise<unknown>
  reopen(lane: string, waitMs: number): Promise<unknown>
  close(lane: string): Promise<unknown>
  /** Takes the one probe of a breaker, to be answered within so many ms; true where it is ours. */
  takeProbe(lane: string, answerWithinMs: number): Promise<boolean>
}

/** What a worker has in hand of suspect partitions; a burial counts a death for it. */
export interface SuspectLedger {
  /** Writes down what is taken in hand next; null where there is nothing, and then nothing is in hand. */
  take(worker: string, ask: SuspectAsk): Promise<Suspect | null>
  clear(worker: string): Promise<void>
}

/** The way to the outside: one `send`, one POST, one answer. */
export interface Sender {
  /** Where POSTs to this URL go; made once for a URL. */
  target(url: string): Target
  send(call: SendCall): void
}

/** The action types and endpoints in use, kept fresh beside the engine. */
export interface TypesInUse {
  /** The type as last read; undefined where this process has not loaded it. */
  cached(id: string): RegisteredType | undefined
  byIds(ids: Iterable<string>): Promise<Map<string, RegisteredType>>
  /** The active types of a tenant with these names. */
  byNames(tenant: string, names: Iterable<string>): Promise<Map<string, RegisteredType>>
  /** The endpoints of a tenant that are told of what happens. */
  endpointsOf(tenant: string): readonly RegisteredEndpoint[]
  /** Makes sure that no endpoint is missed that was there `ms` ago. */
  followEndpoints(ms: number): Promise<void>
  /** Whether what is cached is known to be no older than `ms`. */
  isFresh(ms: number): boolean
}

/** What outcomes have taught, kept fresh beside the engine. */
export interface LessonsInUse {
  /** Makes sure that what these tenants have learnt is known, and no older than a second or so. */
  ready(tenants: Iterable<string>): Promise<void>
  /** As it was read last. */
  of(tenant: string, domain: string): DomainLessons
}

/** Which tenants send, kept fresh beside the engine. */
export interface TenantsInUse {
  sendingOf(tenant: string): Sending
  /** Whether what is known is known to be no older than `ms`. */
  isFresh(ms: number): boolean
}
