import type { ClientBase, Pool, PoolClient } from 'pg'
import type { Allowance } from '../../actors/leave.ts'
import type { Person } from '../../actors/person.ts'
import { type DeadLetter, insertDeadLetters } from './actions/dead-letters.ts'
import { type DueFact, factsOf, factsWaiting, markApplied } from './actions/facts-waiting.ts'
import { insertActions, type NewAction } from './actions/insert-actions.ts'
import { type LeaveWrites, lockAllowances, writeLeaves } from './actions/leaves.ts'
import { ACTION_COLUMNS, type ActionRow, type RawAction, toActionRow } from './actions/rows.ts'
import { DEADLINE_LANE, SLEEP_LANE } from './actions/timers.ts'
import { type Transition, writeTransitions } from './actions/transitions.ts'
import { insertDecisions, type NewDecision } from './decisions/decisions.ts'
import { type NewLesson, writeLessons } from './decisions/lessons.ts'
import { addSpending, lockSpending } from './decisions/spending.ts'
import type { BudgetAsk, Spend } from './decisions/spending-key.ts'
import {
  insertNotices,
  type NewNotice,
  type NoticeWrites,
  readNotices,
  type StoredNotice,
  settleNotices,
} from './endpoints/notices.ts'
import { type Mark, moveMarks, readEvents, type StoredEvent } from './events/events-unread.ts'
import { type DueRow, deleteDue, readDue, stopDue } from './people/due.ts'
import { insertPassed, loadPeople, type PassedRow, type PeopleWrites, writePeople } from './people/people.ts'
import type { PersonKey } from './people/person-key.ts'
import { inTransaction, isBadData } from './transaction.ts'
import { VersionMismatch } from './version-mismatch.ts'

/** What a living worker may do in a turn: `now` in ms is the turn's clock, `partitions` are what it owns. */
export interface Fence {
  now: number
  partitions: readonly number[]
}

// The one row that fences every commit: a burial waits for this share lock, and a buried worker finds no row.
const FENCE = `
select round(date_part('epoch', date_trunc('milliseconds', now())) * 1000) as now,
       array(select p from partition where owner = w.id order by p)::text as partitions
from worker w where w.id = $1 and w.dead_at is null for share of w`

export interface ActionWrites {
  transitions: readonly Transition[]
  broken: readonly DeadLetter[]
  applied: readonly DueFact[]
  /** What endpoints are told of the transitions. */
  notifications: readonly NewAction[]
  notices: readonly NewNotice[]
  /** What the actors of their users are told of them. */
  reports: readonly PassedRow[]
}

export interface EventWrites extends PeopleWrites {
  actions: readonly NewAction[]
  decisions: readonly NewDecision[]
  spends: readonly Spend[]
  lessons: readonly NewLesson[]
  marks: readonly Mark[]
  /** Who was looked at since it was due. */
  looked: readonly DueRow[]
}

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

  /** Runs `body` so that bad data in it undoes nothing else; gives the refusal, or null where there was none. */
  async trying(body: () => Promise<unknown>): Promise<Error | null> {
    await this.client.query('savepoint unit')
    try {
      await body()
      await this.client.query('release savepoint unit')
      return null
    } catch (error) {
      if (!isBadData(error)) throw error
      await this.client.query('rollback to savepoint unit')
      return error
    }
  }

  /** Takes an action out of every lane, and its deadline too: nothing looks at it again by itself. */
  async stopTimers(row: ActionRow): Promise<void> {
    await this.client.query(
      `delete from timer t using action a where a.id = $1 and t.p = a.p and t.id = a.id
         and t.at in (a.next_at, a.deadline) and t.lane in (a.lane, ${SLEEP_LANE}, ${DEADLINE_LANE})`,
      [row.id],
    )
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

  /** What endpoints are still to be told of, oldest first. */
  notices(partitions: readonly number[], limit: number): Promise<StoredNotice[]> {
    return readNotices(this.client, partitions, limit)
  }

  async writeNotices(
    told: Pick<NoticeWrites, 'left' | 'done'> & { notifications: readonly NewAction[] },
  ): Promise<void> {
    await insertActions(this.client, told.notifications)
    await settleNotices(this.client, told)
  }

  /** Those of these people of whom something is known, by their `personKey`. */
  people(keys: readonly PersonKey[]): Promise<Map<string, Person>> {
    return loadPeople(this.client, keys)
  }

  /** What was decided about actions, in the order of the ledger's dependencies; throws where a version was not as expected. */
  async writeActions(decided: ActionWrites): Promise<void> {
    const written = new Set(await this.write(decided.transitions))
    // Somebody else wrote a row of ours: a defect or a zombie, never ordinary traffic. Nothing of this turn may stay.
    const foreign = decided.transitions.filter(({ id }) => !written.has(id))
    if (foreign.length > 0) throw new VersionMismatch(foreign.map(({ id }) => id))
    // With the transition or not at all: what is told is what happened, and all of it.
    await insertActions(this.client, decided.notifications)
    await insertNotices(this.client, decided.notices)
    await insertPassed(this.client, decided.reports)
    await insertDeadLetters(this.client, decided.broken)
    await markApplied(this.client, decided.applied)
  }

  async writeEvents(decided: EventWrites): Promise<void> {
    await insertActions(this.client, decided.actions)
    await insertDecisions(this.client, decided.decisions)
    await addSpending(this.client, decided.spends)
    await writeLessons(this.client, decided.lessons)
    // Before people are: a look says when the next one is due.
    await deleteDue(this.client, decided.looked)
    await writePeople(this.client, decided)
    await moveMarks(this.client, decided.marks)
  }

  due(partitions: readonly number[], limit: number): Promise<DueRow[]> {
    return readDue(this.client, partitions, limit)
  }

  stopDue(row: DueRow): Promise<void> {
    return stopDue(this.client, row)
  }

  budgets(asks: readonly BudgetAsk[]): Promise<Map<string, number>> {
    return lockSpending(this.client, asks)
  }

  /** Writes transitions and their history; returns the ids written, fewer where a version was not what was expected. */
  private write(transitions: readonly Transition[]): Promise<string[]> {
    return writeTransitions(this.client, transitions)
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
  const { rows } = await client.query<{ now: number; partitions: string }>({
    name: 'turn-fence',
    text: FENCE,
    values: [worker],
  })
  const row = rows[0]
  return row === undefined ? null : { now: row.now, partitions: listOf(row.partitions) }
}

let lastList: { text: string; partitions: readonly number[] } = { text: '{}', partitions: [] }

/** An array of Postgres as numbers. A turn sees the same one as the turn before, and reading it would cost more than its fence. */
function listOf(text: string): readonly number[] {
  if (text !== lastList.text)
    lastList = { text, partitions: JSON.parse(`[${text.slice(1, -1)}]`) as number[] }
  return lastList.partitions
}
