import type { ClientBase, Pool, PoolClient } from 'pg'
import type { Allowance } from '../../actors/leave.ts'
import { type DeadLetter, insertDeadLetters } from './dead-letters.ts'
import { insertDecisions, type NewDecision } from './decisions.ts'
import { type Mark, moveMarks, readEvents, type StoredEvent } from './events-unread.ts'
import { type DueFact, factsOf, factsWaiting, markApplied } from './facts-waiting.ts'
import { insertActions, type NewAction } from './insert-actions.ts'
import { type LeaveWrites, lockAllowances, writeLeaves } from './leaves.ts'
import { ACTION_COLUMNS, type ActionRow, type RawAction, toActionRow } from './rows.ts'
import { DEADLINE_LANE } from './timers.ts'
import { inTransaction } from './transaction.ts'
import { type Transition, writeTransitions } from './transitions.ts'

/** What a living worker may do in a turn: `now` in ms is the turn's clock, `partitions` are what it owns. */
export interface Fence {
  now: number
  partitions: number[]
}

// The one row that fences every commit: a burial waits for this share lock, and a buried worker finds no row.
const FENCE = `
select floor(date_part('epoch', now()) * 1000) as now,
       array(select p from partition where owner = w.id) as partitions
from worker w where w.id = $1 and w.dead_at is null for share of w`

/** Everything a turn reads and writes, inside its one transaction. */
export class TurnTransaction {
  readonly client: ClientBase

  constructor(client: ClientBase) {
    this.client = client
  }

  async rows(ids: readonly string[]): Promise<ActionRow[]> {
    if (ids.length === 0) return []
    const { rows } = await this.client.query<RawAction>({
      name: 'turn-rows',
      text: `select ${ACTION_COLUMNS} from action a where a.id = any($1::text[])`,
      values: [ids],
    })
    return rows.map(toActionRow)
  }

  /** Actions whose deadline has passed, the earliest first, at most `limit` a partition. */
  async overdue(partitions: readonly number[], limit: number): Promise<ActionRow[]> {
    const { rows } = await this.client.query<RawAction>({
      name: 'turn-overdue',
      text: `select a.* from unnest($1::smallint[]) o(p), lateral (
               select id from timer t where t.p = o.p and t.lane = ${DEADLINE_LANE} and t.at <= now()
               order by t.at, t.id limit $2
             ) d, lateral (select ${ACTION_COLUMNS} from action a where a.id = d.id) a`,
      values: [partitions, limit],
    })
    return rows.map(toActionRow)
  }

  facts(partitions: readonly number[], except: readonly string[], limit: number): Promise<DueFact[]> {
    return factsWaiting(this.client, partitions, except, limit)
  }

  factsOf(ids: readonly string[]): Promise<DueFact[]> {
    return factsOf(this.client, ids)
  }

  events(partitions: readonly number[], limit: number): Promise<StoredEvent[]> {
    return readEvents(this.client, partitions, limit)
  }

  /** Writes transitions and their history; returns the ids written, fewer where a version was not what was expected. */
  write(transitions: readonly Transition[]): Promise<string[]> {
    return writeTransitions(this.client, transitions)
  }

  insert(actions: readonly NewAction[]): Promise<void> {
    return insertActions(this.client, actions)
  }

  insertDecisions(decisions: readonly NewDecision[]): Promise<void> {
    return insertDecisions(this.client, decisions)
  }

  insertDeadLetters(letters: readonly DeadLetter[]): Promise<void> {
    return insertDeadLetters(this.client, letters)
  }

  allowances(types: readonly string[], except: readonly string[]): Promise<Map<string, Allowance>> {
    return lockAllowances(this.client, types, except)
  }

  /** Writes leave to send; returns the ids claimed, fewer where a version was not what was expected. */
  writeLeaves(writes: LeaveWrites): Promise<string[]> {
    return writeLeaves(this.client, writes)
  }

  markApplied(facts: readonly DueFact[]): Promise<void> {
    return markApplied(this.client, facts)
  }

  moveMarks(marks: readonly Mark[]): Promise<void> {
    return moveMarks(this.client, marks)
  }
}

/** `buried`: the worker is dead to the ledger, and nothing was written. */
export type TurnEnd<T> = { kind: 'committed'; value: T } | { kind: 'buried' }

/**
 * Runs one turn of a worker: begin, fence, `body`, commit. A throw means that nothing was written, or that the result
 * of the commit is unknown: the caller loads again, and the versions tell.
 */
export function inTurn<T>(
  pool: Pool,
  worker: string,
  body: (tx: TurnTransaction, fence: Fence) => Promise<T>,
): Promise<TurnEnd<T>> {
  return inTransaction(pool, async (client): Promise<TurnEnd<T>> => {
    const fence = await readFence(client, worker)
    if (fence === null) return { kind: 'buried' }
    return { kind: 'committed', value: await body(new TurnTransaction(client), fence) }
  })
}

async function readFence(client: PoolClient, worker: string): Promise<Fence | null> {
  const { rows } = await client.query<Fence>({ name: 'turn-fence', text: FENCE, values: [worker] })
  return rows[0] ?? null
}
