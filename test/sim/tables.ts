import type { Person } from '../../actors/person.ts'
import type { DeadLetter } from '../../src/ledger/actions/dead-letters.ts'
import type { DueFact } from '../../src/ledger/actions/facts-waiting.ts'
import type { ActionRow } from '../../src/ledger/actions/rows.ts'
import type { Step } from '../../src/ledger/actions/transitions.ts'
import type { NewDecision } from '../../src/ledger/decisions/decisions.ts'
import type { StoredNotice } from '../../src/ledger/endpoints/notices.ts'
import type { EventKind } from '../../src/ledger/events/accept-events.ts'
import type { DueRow } from '../../src/ledger/people/due.ts'
import { personKey } from '../../src/ledger/people/person-key.ts'

/** A row of `action`. */
export interface StoredAction {
  row: ActionRow
  createdAt: number
  /** Recorded and never sent: from a test key, or accepted in shadow. */
  isMute: boolean
}

export interface StoredFact extends DueFact {
  at: number
  applied: boolean
}

export interface StoredStep extends Step {
  at: number
  writer: string
}

export interface Timer {
  p: number
  lane: string
  at: number
  id: string
}

/** A row of `partition`. */
export interface StoredPartition {
  owner: string | null
  crashes: number
  claimedAt: number
  /** The one thing that its owner has in hand, where it is suspect. */
  suspect: string | null
}

/** An event with the number of the transaction that inserted it. */
export interface EventRow {
  id: string
  xid: number
  seq: number
  p: number
  tenant: string
  kind: EventKind
  userId: string
  isAnonymous: boolean
  type: string
  data: Record<string, unknown>
  time: number
}

/**
 * What the database has committed. Every value is replaced and never changed, so that a copy of the maps is a copy of the
 * database.
 */
export interface Tables {
  actions: Map<string, StoredAction>
  timers: Map<string, Timer>
  facts: Map<string, StoredFact>
  history: Map<string, readonly StoredStep[]>
  events: Map<string, EventRow>
  marks: Map<number, { xid: number; seq: number }>
  decisions: Map<string, NewDecision>
  /** By their `personKey`. */
  people: Map<string, Person>
  /** By their `dueKey`. */
  due: Map<string, DueRow>
  deadLetters: Map<string, DeadLetter>
  /** By tenant and domain, in USD. */
  spending: Map<string, number>
  /** By tenant, domain, rule, segment and partition: how many outcomes were learnt of. */
  lessons: Map<string, number>
  /** By their sequence: what endpoints are still to be told of. */
  notices: Map<string, StoredNotice>
  workers: Map<string, { deadAt: number | null }>
  beats: Map<string, number>
  partitions: Map<number, StoredPartition>
  /** By what was in hand: of how many workers it has been the death, and when last. */
  suspects: Map<string, { p: number; deaths: number; diedAt: number }>
  /** By type: the time before which its next POST may not begin. */
  allowances: Map<string, number>
  /** By type and action: until when its POST may be on the wire. */
  permits: Map<string, { type: string; actionId: string; until: number }>
}

export function emptyTables(partitions: number): Tables {
  const numbers = Array.from({ length: partitions }, (_, p) => p)
  return {
    actions: new Map(),
    timers: new Map(),
    facts: new Map(),
    history: new Map(),
    events: new Map(),
    marks: new Map(numbers.map((p) => [p, { xid: 0, seq: 0 }])),
    decisions: new Map(),
    people: new Map(),
    due: new Map(),
    deadLetters: new Map(),
    spending: new Map(),
    lessons: new Map(),
    notices: new Map(),
    workers: new Map(),
    beats: new Map(),
    partitions: new Map(numbers.map((p) => [p, { owner: null, crashes: 0, claimedAt: 0, suspect: null }])),
    suspects: new Map(),
    allowances: new Map(),
    permits: new Map(),
  }
}

export const copyTables = (tables: Tables): Tables =>
  Object.fromEntries(Object.entries(tables).map(([name, map]) => [name, new Map(map)])) as unknown as Tables

export const dueKey = (row: DueRow): string => `${row.p}|${row.at}|${personKey(row)}`
export const timerKey = ({ p, lane, at, id }: Timer): string => `${p}|${lane}|${at}|${id}`
export const factKey = ({ actionId, kind, n }: Pick<DueFact, 'actionId' | 'kind' | 'n'>): string =>
  `${actionId}|${kind}|${n}`
