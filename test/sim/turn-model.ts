import type { Allowance } from '../../actors/leave.ts'
import type { Person } from '../../actors/person.ts'
import type { DeadLetter } from '../../src/ledger/actions/dead-letters.ts'
import type { DueFact } from '../../src/ledger/actions/facts-waiting.ts'
import type { NewAction } from '../../src/ledger/actions/insert-actions.ts'
import type { LeaveWrites } from '../../src/ledger/actions/leaves.ts'
import type { ActionRow } from '../../src/ledger/actions/rows.ts'
import { DEADLINE_LANE } from '../../src/ledger/actions/timers.ts'
import type { Transition } from '../../src/ledger/actions/transitions.ts'
import { type BudgetAsk, spendingKey } from '../../src/ledger/decisions/spending-key.ts'
import type { StoredNotice } from '../../src/ledger/endpoints/notices.ts'
import type { Mark, StoredEvent } from '../../src/ledger/events/events-unread.ts'
import type { DueRow } from '../../src/ledger/people/due.ts'
import type { PassedRow, PersonWrite } from '../../src/ledger/people/people.ts'
import { type PersonKey, personKey } from '../../src/ledger/people/person-key.ts'
import { isBadData } from '../../src/ledger/transaction.ts'
import type { ActionWrites, EventWrites, Fence, TurnEnd } from '../../src/ledger/turn-transaction.ts'
import { VersionMismatch } from '../../src/ledger/version-mismatch.ts'
import type { NoticesTold, TurnTx } from '../../src/turn/ports.ts'
import { overdue, stopSend, timersOf } from './lanes-model.ts'
import type { Machine } from './machine.ts'
import { Connection, type Locks, type Postgres, PostgresError, type Transaction } from './postgres.ts'
import { dueKey, factKey, type StoredAction, timerKey } from './tables.ts'

/** The most that a column of `attempt` holds. */
const INTEGER_MAX = 2_147_483_647

/** Begin, fence, body, commit, each with its way to the server and back. */
export async function inTurn<T>(
  machine: Machine,
  postgres: Postgres,
  worker: string,
  body: (tx: TurnTx, fence: Fence) => Promise<T>,
): Promise<TurnEnd<T>> {
  const connection = new Connection(machine, postgres)
  try {
    const transaction = await connection.ask(() => {
      const begun = postgres.begin(connection)
      connection.transactions.add(begun)
      return begun
    })
    const ask = <V>(locks: Locks, run: () => V) =>
      connection.ask(() => postgres.statement(transaction, locks, run))
    const fence = await ask([[`w:${worker}`, 'share']], () => readFence(postgres, transaction, worker))
    if (fence === null) {
      await connection.ask(() => postgres.abort(transaction))
      return { kind: 'buried' }
    }
    try {
      const value = await body(new TurnModel(postgres, transaction, ask, worker), fence)
      await connection.ask(() => postgres.commit(transaction))
      return { kind: 'committed', value }
    } catch (error) {
      await connection.ask(() => postgres.abort(transaction)).catch(() => undefined)
      throw error
    }
  } finally {
    connection.end()
  }
}

function readFence(postgres: Postgres, transaction: Transaction, worker: string): Fence | null {
  const row = postgres.tables.workers.get(worker)
  if (row === undefined || row.deadAt !== null) return null
  const partitions = [...postgres.tables.partitions].flatMap(([p, { owner }]) =>
    owner === worker ? [p] : [],
  )
  return { now: Math.floor(transaction.startedAt), partitions }
}

/** What one turn reads and writes: the contract of src/turn/ports.ts, statement by statement. */
export class TurnModel implements TurnTx {
  readonly #postgres: Postgres
  readonly #transaction: Transaction
  readonly #ask: <V>(locks: Locks, run: () => V) => Promise<V>
  readonly #worker: string

  constructor(
    postgres: Postgres,
    transaction: Transaction,
    ask: <V>(locks: Locks, run: () => V) => Promise<V>,
    worker: string,
  ) {
    this.#postgres = postgres
    this.#transaction = transaction
    this.#ask = ask
    this.#worker = worker
  }

  rows(ids: readonly string[]): Promise<ActionRow[]> {
    if (ids.length === 0) return Promise.resolve([])
    return this.#ask([], () => ids.flatMap((id) => this.#action(id)?.row ?? []))
  }

  overdue(partitions: readonly number[], limit: number): Promise<ActionRow[]> {
    return this.#ask([], () => overdue(this.#postgres.tables, this.#transaction.startedAt, partitions, limit))
  }

  facts(partitions: readonly number[], except: readonly string[], limit: number): Promise<DueFact[]> {
    return this.#ask([], () =>
      this.#waiting((fact) => partitions.includes(fact.p) && !except.includes(fact.actionId)).slice(0, limit),
    )
  }

  factsOf(ids: readonly string[]): Promise<DueFact[]> {
    if (ids.length === 0) return Promise.resolve([])
    return this.#ask([], () => this.#waiting((fact) => ids.includes(fact.actionId)))
  }

  events(partitions: readonly number[], limit: number): Promise<StoredEvent[]> {
    return this.#ask([], () => {
      const { events, marks } = this.#postgres.tables
      return partitions.flatMap((p) => {
        const mark = marks.get(p)!
        return [...events.values()]
          .filter((event) => event.p === p)
          .filter((event) => event.xid > mark.xid || (event.xid === mark.xid && event.seq > mark.seq))
          .sort((a, b) => a.xid - b.xid || a.seq - b.seq)
          .slice(0, limit)
          .map((event) => ({
            ...event,
            xid: String(event.xid),
            seq: String(event.seq),
            receivedAt: event.time,
            source: 'api',
            decides: true,
            test: false,
            isReady: event.xid < this.#postgres.oldestXid,
          }))
      })
    })
  }

  people(keys: readonly PersonKey[]): Promise<Map<string, Person>> {
    return this.#ask([], () => {
      const { people } = this.#postgres.tables
      return new Map(
        keys.map(personKey).flatMap((key) => (people.has(key) ? [[key, people.get(key)!] as const] : [])),
      )
    })
  }

  allowances(types: readonly string[], except: readonly string[]): Promise<Map<string, Allowance>> {
    const locks = [...types].sort().map((type) => [`al:${type}`, 'exclusive'] as const)
    return this.#ask(locks, () => {
      const { allowances, permits } = this.#postgres.tables
      return new Map(
        types.map((type) => {
          const inFlight = [...permits.values()].filter(
            (permit) =>
              permit.type === type &&
              permit.until > this.#transaction.startedAt &&
              !except.includes(permit.actionId),
          ).length
          return [type, { inFlight, nextAt: allowances.get(type) ?? Number.NEGATIVE_INFINITY }]
        }),
      )
    })
  }

  budgets(asks: readonly BudgetAsk[]): Promise<Map<string, number>> {
    if (asks.length === 0) return Promise.resolve(new Map())
    const keys = asks.map(spendingKey)
    const locks = [...keys].sort().map((key) => [`sp:${key}`, 'exclusive'] as const)
    return this.#ask(
      locks,
      () => new Map(keys.map((key) => [key, this.#postgres.tables.spending.get(key) ?? 0])),
    )
  }

  async writeActions(writes: ActionWrites): Promise<void> {
    const { transitions, broken, applied, notifications, notices, reports } = writes
    if (transitions.length > 0)
      await this.#ask(
        transitions.map(({ id }) => [`a:${id}`, 'exclusive'] as const),
        () => this.#writeTransitions(transitions),
      )
    if (notifications.length > 0)
      await this.#ask([], () => insertActions(this.#postgres, this.#transaction, notifications))
    if (notices.length > 0)
      await this.#ask([], () =>
        this.#later(() => {
          for (const notice of notices) {
            const seq = String(this.#postgres.nextSeq())
            this.#postgres.tables.notices.set(seq, { ...notice, seq })
          }
        }),
      )
    if (reports.length > 0) await this.#ask([], () => this.#later(() => this.#pass(reports)))
    await this.insertDeadLetters(broken)
    await this.markApplied(applied)
  }

  notices(partitions: readonly number[], limit: number): Promise<StoredNotice[]> {
    return this.#ask([], () =>
      [...this.#postgres.tables.notices.values()]
        .filter(({ p }) => partitions.includes(p))
        .sort((a, b) => Number(a.seq) - Number(b.seq))
        .slice(0, limit),
    )
  }

  async writeNotices({ notifications, done, left }: NoticesTold): Promise<void> {
    await this.#ask([], () => {
      insertActions(this.#postgres, this.#transaction, notifications)
      this.#later(() => {
        const { notices } = this.#postgres.tables
        for (const seq of done) notices.delete(seq)
        for (const { seq, endpoints } of left) notices.set(seq, { ...notices.get(seq)!, endpoints })
      })
    })
  }

  async writeEvents(writes: EventWrites): Promise<void> {
    const { actions, decisions, looked, people, passed, marks } = writes
    await this.#learn(writes)
    if (actions.length > 0)
      await this.#ask([], () => insertActions(this.#postgres, this.#transaction, actions))
    if (decisions.length > 0)
      await this.#ask([], () =>
        this.#later(() => {
          for (const decision of decisions) this.#postgres.tables.decisions.set(decision.id, decision)
        }),
      )
    if (looked.length > 0)
      await this.#ask([], () =>
        this.#later(() => {
          for (const row of looked) this.#postgres.tables.due.delete(dueKey(row))
        }),
      )
    if (people.length > 0)
      await this.#ask([], () =>
        this.#later(() => {
          for (const write of people) writePerson(this.#postgres.tables, write)
        }),
      )
    if (passed.length > 0) await this.#ask([], () => this.#later(() => this.#pass(passed)))
    await this.moveMarks(marks)
  }

  async #learn({ spends, lessons }: Pick<EventWrites, 'spends' | 'lessons'>): Promise<void> {
    if (spends.length + lessons.length === 0) return
    await this.#ask([], () =>
      this.#later(() => {
        const { tables } = this.#postgres
        const add = (map: Map<string, number>, key: string, n: number) =>
          map.set(key, (map.get(key) ?? 0) + n)
        for (const spend of spends) add(tables.spending, spendingKey(spend), spend.usd)
        for (const { tenant, domain, rule, segment, p, successes, failures } of lessons)
          add(tables.lessons, [tenant, domain, rule, segment, p].join('|'), successes + failures)
      }),
    )
  }

  #pass(rows: readonly PassedRow[]): void {
    for (const { id, p, tenant, kind, userId, type, data, time } of rows) {
      const seq = this.#postgres.nextSeq()
      // As jsonb keeps it: what is read later shares nothing with what the turn goes on to change.
      const told = JSON.parse(JSON.stringify(data)) as Record<string, unknown>
      const row = {
        id,
        xid: this.#transaction.xid,
        seq,
        p,
        tenant,
        kind,
        userId,
        isAnonymous: false,
        type,
        data: told,
        time,
      }
      this.#postgres.tables.events.set(id, row)
    }
  }

  async writeLeaves({ allowances, permits, freed, claims }: LeaveWrites): Promise<string[]> {
    if (freed.length + permits.length + allowances.length > 0)
      await this.#ask([], () =>
        this.#later(() => {
          const { tables } = this.#postgres
          for (const { type, actionId } of freed) tables.permits.delete(`${type}|${actionId}`)
          for (const permit of permits) tables.permits.set(`${permit.type}|${permit.actionId}`, permit)
          for (const { type, nextAt } of allowances)
            if (Number.isFinite(nextAt)) tables.allowances.set(type, nextAt)
        }),
      )
    if (claims.length === 0) return []
    return this.#ask(
      claims.map(({ id }) => [`a:${id}`, 'exclusive'] as const),
      () => claims.flatMap((claim) => (this.#writeClaim(claim) ? [claim.id] : [])),
    )
  }

  async insertDeadLetters(letters: readonly DeadLetter[]): Promise<void> {
    if (letters.length === 0) return
    await this.#ask([], () =>
      this.#later(() => {
        for (const letter of letters)
          this.#postgres.tables.deadLetters.set(`dl_${this.#postgres.nextSeq()}`, letter)
      }),
    )
  }

  async markApplied(facts: readonly DueFact[]): Promise<void> {
    if (facts.length === 0) return
    await this.#ask([], () => {
      this.#written().applied.push(...facts)
      this.#later(() => {
        const stored = this.#postgres.tables.facts
        for (const fact of facts) {
          const row = stored.get(factKey(fact))
          if (row !== undefined) stored.set(factKey(fact), { ...row, applied: true })
        }
      })
    })
  }

  async moveMarks(marks: readonly Mark[]): Promise<void> {
    if (marks.length === 0) return
    await this.#ask([], () =>
      this.#later(() => {
        for (const { p, xid, seq } of marks)
          this.#postgres.tables.marks.set(p, { xid: Number(xid), seq: Number(seq) })
      }),
    )
  }

  due(partitions: readonly number[], limit: number): Promise<DueRow[]> {
    return this.#ask([], () => {
      const due = [...this.#postgres.tables.due.values()]
        .filter(({ at }) => at <= this.#transaction.startedAt)
        .sort((a, b) => a.at - b.at)
      return partitions.flatMap((p) => due.filter((row) => row.p === p).slice(0, limit))
    })
  }

  async stopDue(row: DueRow): Promise<void> {
    await this.#ask([], () => this.#later(() => this.#postgres.tables.due.delete(dueKey(row))))
  }

  async stopTimers(row: ActionRow): Promise<void> {
    await this.#ask([], () => {
      const { nextAt, deadline } = this.#action(row.id)!.row.state
      this.#later(() => {
        if (nextAt !== null) stopSend(this.#postgres.tables, row, nextAt)
        if (deadline !== null)
          this.#postgres.tables.timers.delete(
            timerKey({ p: row.p, lane: DEADLINE_LANE, at: deadline, id: row.id }),
          )
      })
    })
  }

  async trying(body: () => Promise<unknown>): Promise<Error | null> {
    const { actions, effects } = this.#transaction
    const savepoint = { actions: new Map(actions), effects: [...effects] }
    try {
      await body()
      return null
    } catch (error) {
      if (!isBadData(error)) throw error
      this.#transaction.actions = savepoint.actions
      this.#transaction.effects = savepoint.effects
      return error
    }
  }

  #action(id: string): StoredAction | undefined {
    return this.#transaction.actions.get(id) ?? this.#postgres.tables.actions.get(id)
  }

  #waiting(isWanted: (fact: DueFact) => boolean): DueFact[] {
    return [...this.#postgres.tables.facts.values()]
      .filter((fact) => !fact.applied && isWanted(fact))
      .sort((a, b) => Number(a.seq) - Number(b.seq))
      .map(({ seq, p, actionId, kind, n, body }) => ({ seq, p, actionId, kind, n, body }))
  }

  #later(effect: () => void): void {
    this.#transaction.effects.push(effect)
  }

  #written() {
    this.#transaction.written ??= {
      worker: this.#worker,
      fencedAt: this.#transaction.startedAt,
      transitions: [],
      claims: [],
      applied: [],
    }
    return this.#transaction.written
  }

  #writeTransitions(transitions: readonly Transition[]): void {
    const written = new Set<string>()
    for (const transition of transitions) {
      const { id, p, before, next } = transition
      const stored = this.#action(id)
      if (stored === undefined || stored.row.p !== p || !isAsBefore(stored, before)) continue
      if (next.attempt > INTEGER_MAX) throw new PostgresError('22003', 'integer out of range')
      written.add(id)
      this.#writeOne(stored, transition)
    }
    const foreign = transitions.filter(({ id }) => !written.has(id))
    if (foreign.length > 0) throw new VersionMismatch(foreign.map(({ id }) => id))
    this.#written().transitions.push(...transitions)
  }

  #writeOne(stored: StoredAction, { id, before, next, steps }: Transition): void {
    const row: ActionRow = { ...stored.row, state: next }
    const now = this.#transaction.startedAt
    this.#transaction.actions.set(id, { ...stored, row })
    this.#later(() => {
      const { tables } = this.#postgres
      tables.actions.set(id, { ...stored, row })
      const told = steps.map((step) => ({ ...step, at: now, writer: this.#worker }))
      tables.history.set(id, [...(tables.history.get(id) ?? []), ...told])
      moveTimers(tables, stored, before, row, now)
    })
  }

  #writeClaim({ id, p, version, attempt, nextBefore, nextAt }: LeaveWrites['claims'][number]): boolean {
    const stored = this.#action(id)
    if (stored === undefined || stored.row.p !== p || !isAsBefore(stored, { version, nextAt: nextBefore }))
      return false
    const row: ActionRow = { ...stored.row, claimed: attempt, state: { ...stored.row.state, nextAt } }
    this.#transaction.actions.set(id, { ...stored, row })
    this.#written().claims.push({ id, p })
    const before = { nextAt: nextBefore, deadline: stored.row.state.deadline }
    this.#later(() => {
      this.#postgres.tables.actions.set(id, { ...stored, row })
      moveTimers(this.#postgres.tables, stored, before, row, this.#transaction.startedAt)
    })
    return true
  }
}

/** A person with its row of who is due, which moves where that time does. */
function writePerson(tables: Postgres['tables'], { person, dueBefore, ...key }: PersonWrite): void {
  const { p, tenant, test, id } = key
  const dueAt = person?.dueAt ?? null
  if (person === null) {
    tables.people.delete(personKey(key))
    for (const row of tables.due.values())
      if (personKey(row) === personKey(key)) tables.due.delete(dueKey(row))
  } else tables.people.set(personKey(key), person)
  if (dueAt === dueBefore) return
  if (dueBefore !== null) tables.due.delete(dueKey({ p, tenant, test, id, at: dueBefore }))
  if (dueAt === null) return
  const row = { p, tenant, test, id, at: dueAt }
  tables.due.set(dueKey(row), row)
}

/** The version guard: a row is written only from what it is. */
const isAsBefore = (
  { row: { state } }: StoredAction,
  before: { version: number; nextAt: number | null },
): boolean => state.version === before.version && state.nextAt === before.nextAt

/** Only what differs from what the writer believed is deleted and inserted, each by its whole key. */
function moveTimers(
  tables: Postgres['tables'],
  { isMute }: StoredAction,
  before: { nextAt: number | null; deadline: number | null },
  row: ActionRow,
  now: number,
): void {
  const { nextAt, deadline } = row.state
  const fresh = timersOf(row, now, isMute)
  const put = (isDeadline: boolean) => {
    for (const timer of fresh)
      if ((timer.lane === DEADLINE_LANE) === isDeadline) tables.timers.set(timerKey(timer), timer)
  }
  if (before.nextAt !== nextAt) {
    if (before.nextAt !== null) stopSend(tables, row, before.nextAt)
    put(false)
  }
  if (before.deadline !== deadline) {
    if (before.deadline !== null)
      tables.timers.delete(timerKey({ p: row.p, lane: DEADLINE_LANE, at: before.deadline, id: row.id }))
    put(true)
  }
}

/** Inserts actions with the transaction's time, as a web process and a turn do alike. */
export function insertActions(
  postgres: Postgres,
  transaction: Transaction,
  actions: readonly NewAction[],
): void {
  const now = Math.floor(transaction.startedAt)
  for (const action of actions) {
    const dueAt = action.scheduledAt ?? now
    const row: ActionRow = {
      id: action.id,
      tenant: action.tenant,
      type: action.type,
      userId: action.userId,
      parameters: action.parameters,
      reasoning: action.reasoning,
      confidence: action.confidence,
      origin: action.origin,
      test: action.test,
      lane: action.lane,
      p: action.p,
      isMute: action.test || action.shadow,
      claimed: null,
      state: {
        status: 'pending',
        version: 0,
        attempt: 0,
        budgetFrom: 0,
        nextAt: dueAt,
        deadline: action.expiresAt ?? dueAt + action.expiresAfterMs,
        outcome: null,
        failureReason: null,
        late: false,
      },
    }
    const stored = { row, createdAt: now, isMute: action.test || action.shadow }
    transaction.effects.push(() => {
      postgres.tables.actions.set(row.id, stored)
      for (const timer of timersOf(row, now, stored.isMute))
        postgres.tables.timers.set(timerKey(timer), timer)
    })
  }
}
