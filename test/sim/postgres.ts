import type { DueFact } from '../../src/ledger/actions/facts-waiting.ts'
import type { Transition } from '../../src/ledger/actions/transitions.ts'
import type { Machine, Wired } from './machine.ts'
import { copyTables, emptyTables, type StoredAction, type Tables } from './tables.ts'
import type { World } from './world.ts'

/** What a commit wrote, for whoever watches over it. */
export interface Written {
  worker: string
  fencedAt: number
  transitions: Transition[]
  /** Actions that the worker said it would send, in their partitions. */
  claims: { id: string; p: number }[]
  applied: DueFact[]
}

/** A transaction idle for longer is ended, as decision 0006 has it. */
const IDLE_MS = 5_000

/** An error as the driver gives it. */
export class PostgresError extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/**
 * One transaction: what it wrote is seen by itself alone until it commits, and the rows that it locked are waited for by
 * the others. READ COMMITTED: each statement reads what is committed when it runs.
 */
export class Transaction {
  readonly startedAt: number
  readonly xid: number
  readonly connection: Connection
  /** Rows of `action` as this transaction sees them. */
  actions = new Map<string, StoredAction>()
  effects: (() => void)[] = []
  written: Written | null = null
  lastUsedAt: number
  state: 'open' | 'committed' | 'aborted' = 'open'

  constructor(connection: Connection, xid: number, now: number) {
    this.connection = connection
    this.xid = xid
    this.startedAt = now
    this.lastUsedAt = now
  }
}

type Mode = 'share' | 'exclusive'
export type Locks = readonly (readonly [key: string, mode: Mode])[]

interface Waiting {
  transaction: Transaction
  locks: Locks
  go(): void
  fail(error: Error): void
}

/** A model of the one Postgres: transactions, row locks, advisory locks, and what is committed. */
export class Postgres {
  readonly world: World
  tables: Tables
  isDown = false
  /** Told of each commit that wrote actions, before it is made. */
  onCommit: (written: Written, before: Tables) => void = () => undefined
  /** Told until when a worker lives. */
  onBeat: (worker: string, until: number) => void = () => undefined
  readonly connections = new Set<Connection>()
  /** By worker: the connection that holds its advisory lock. */
  readonly advisory = new Map<string, Connection>()
  readonly open = new Set<Transaction>()
  readonly #locks = new Map<string, Map<Transaction, Mode>>()
  readonly #waiting = new Set<Waiting>()
  #xid = 0
  #seq = 0

  constructor(world: World, partitions: number) {
    this.world = world
    this.tables = emptyTables(partitions)
  }

  nextSeq(): number {
    return ++this.#seq
  }

  begin(connection: Connection): Transaction {
    const transaction = new Transaction(connection, ++this.#xid, this.world.now)
    this.open.add(transaction)
    return transaction
  }

  /** The oldest transaction that still runs; whatever was inserted by an older one is complete. */
  get oldestXid(): number {
    return Math.min(this.#xid + 1, ...[...this.open].map(({ xid }) => xid))
  }

  /** Runs one statement of a transaction as soon as it has its locks. */
  statement<T>(
    transaction: Transaction,
    locks: Locks,
    run: () => T,
    timeoutMs = Number.POSITIVE_INFINITY,
  ): Promise<T> {
    this.#endIfIdle(transaction)
    if (transaction.state !== 'open') return Promise.reject(terminated())
    return new Promise<T>((resolve, reject) => {
      const waiting: Waiting = {
        transaction,
        locks,
        fail: reject,
        go: () => {
          transaction.lastUsedAt = this.world.now
          try {
            resolve(run())
          } catch (error) {
            reject(error)
          }
        },
      }
      if (this.#take(waiting)) return waiting.go()
      this.#waiting.add(waiting)
      this.#watchIdle()
      if (timeoutMs !== Number.POSITIVE_INFINITY)
        this.world.in(timeoutMs, () => {
          if (!this.#waiting.delete(waiting)) return
          this.abort(transaction)
          reject(new PostgresError('55P03', 'canceling statement due to lock timeout'))
        })
    })
  }

  commit(transaction: Transaction): void {
    this.#endIfIdle(transaction)
    if (transaction.state !== 'open') throw terminated()
    if (transaction.written !== null) this.onCommit(transaction.written, this.tables)
    for (const effect of transaction.effects) effect()
    this.#end(transaction, 'committed')
  }

  abort(transaction: Transaction): void {
    if (transaction.state === 'open') this.#end(transaction, 'aborted')
  }

  /** A single statement, which is a transaction by itself. */
  async alone<T>(
    connection: Connection,
    locks: Locks,
    run: (transaction: Transaction) => T,
    timeoutMs?: number,
  ): Promise<T> {
    const transaction = this.begin(connection)
    try {
      const value = await this.statement(transaction, locks, () => run(transaction), timeoutMs)
      this.commit(transaction)
      return value
    } catch (error) {
      this.abort(transaction)
      throw error
    }
  }

  /** Whether somebody else has a lock that keeps this one from being taken. */
  isLocked(key: string, by: Transaction): boolean {
    return [...(this.#locks.get(key)?.keys() ?? [])].some((holder) => holder !== by)
  }

  copy(): Tables {
    return copyTables(this.tables)
  }

  /** Every connection ends; what was not committed is gone. With `older`, so is what was committed since. */
  restart(downMs: number, older: Tables | null): void {
    this.isDown = true
    for (const connection of [...this.connections]) connection.cut()
    if (older !== null) this.tables = older
    this.world.in(downMs, () => {
      this.isDown = false
    })
  }

  #take({ transaction, locks }: Waiting): boolean {
    const isFree = locks.every(([key, mode]) =>
      [...(this.#locks.get(key) ?? [])].every(
        ([holder, held]) => holder === transaction || (mode === 'share' && held === 'share'),
      ),
    )
    if (!isFree) return false
    for (const [key, mode] of locks) {
      const holders = this.#locks.get(key) ?? new Map<Transaction, Mode>()
      if (holders.get(transaction) !== 'exclusive') holders.set(transaction, mode)
      this.#locks.set(key, holders)
    }
    return true
  }

  #end(transaction: Transaction, state: 'committed' | 'aborted'): void {
    transaction.state = state
    this.open.delete(transaction)
    for (const [key, holders] of this.#locks) {
      holders.delete(transaction)
      if (holders.size === 0) this.#locks.delete(key)
    }
    for (const waiting of [...this.#waiting]) {
      if (waiting.transaction === transaction) {
        this.#waiting.delete(waiting)
        waiting.fail(terminated())
      } else if (this.#take(waiting)) {
        this.#waiting.delete(waiting)
        waiting.go()
      }
    }
  }

  #isIdle(transaction: Transaction): boolean {
    const isWaiting = [...this.#waiting].some((waiting) => waiting.transaction === transaction)
    return !isWaiting && this.world.now - transaction.lastUsedAt >= IDLE_MS
  }

  #endIfIdle(transaction: Transaction): void {
    if (transaction.state !== 'open' || !this.#isIdle(transaction)) return
    this.abort(transaction)
    transaction.connection.cut()
  }

  /** Idle transactions matter to those who wait; so they are looked for only while somebody does. */
  #watchIdle(): void {
    this.world.in(500, () => {
      if (this.#waiting.size === 0) return
      for (const transaction of [...this.open]) this.#endIfIdle(transaction)
      if (this.#waiting.size > 0) this.#watchIdle()
    })
  }
}

const terminated = () => new PostgresError('57P01', 'terminating connection')

/** A connection of one machine to the Postgres: what is asked takes its time, is answered late, or not at all. */
export class Connection implements Wired {
  readonly #machine: Machine
  readonly #postgres: Postgres
  readonly #onLost: () => void
  readonly #unanswered = new Set<() => void>()
  readonly transactions = new Set<Transaction>()
  #isCut = false
  #isServerGone = false

  constructor(machine: Machine, postgres: Postgres, onLost: () => void = () => undefined) {
    this.#machine = machine
    this.#postgres = postgres
    this.#onLost = onLost
    machine.connections.add(this)
    postgres.connections.add(this)
  }

  get isCut(): boolean {
    return this.#isCut
  }

  /** Sends something to the server, and gives its answer. A throw leaves it open whether it ran, unless it says so. */
  ask<T>(run: () => T | Promise<T>): Promise<T> {
    const { world } = this.#machine
    return new Promise<T>((resolve, reject) => {
      let isSettled = false
      const settle = (act: () => void) => {
        if (isSettled) return
        isSettled = true
        this.#unanswered.delete(lost)
        this.#machine.deliver(act)
      }
      const lost = () => settle(() => reject(new Error('the connection was lost')))
      const later = (act: () => void) => void world.in(world.latencyMs(), () => this.#isCut || settle(act))
      if (this.#isCut) return void world.in(0, lost)
      this.#unanswered.add(lost)
      world.in(world.latencyMs(), () => {
        if (this.#isServerGone) return
        if (this.#postgres.isDown) return this.cut()
        // A server runs what has arrived, whatever has become of the client since.
        new Promise<T>((done) => done(run())).then(
          (value) => later(() => resolve(value)),
          (error) => later(() => reject(error)),
        )
      })
    })
  }

  /** Both ends learn that the connection is lost; `silentMs`: the server at once, the client only after that. */
  cut(silentMs = 0): void {
    if (this.#isCut) return
    this.#isCut = true
    this.#serverEnds()
    this.#machine.world.in(silentMs, () => {
      for (const lost of [...this.#unanswered]) lost()
      this.#machine.deliver(() => this.#onLost())
    })
    this.#machine.connections.delete(this)
  }

  /** The client ends it by its own will. */
  end(): void {
    this.#isCut = true
    this.#machine.connections.delete(this)
    this.#serverEnds()
    for (const lost of [...this.#unanswered]) this.#machine.world.in(0, lost)
  }

  /** The process died; what it had sent may still arrive, and the server notices a little later. */
  clientDied(): void {
    const { world } = this.#machine
    world.in(world.random.between(0, 12), () => this.#serverEnds())
  }

  #serverEnds(): void {
    if (this.#isServerGone) return
    this.#isServerGone = true
    this.#postgres.connections.delete(this)
    for (const transaction of this.transactions) this.#postgres.abort(transaction)
    for (const [worker, holder] of this.#postgres.advisory)
      if (holder === this) this.#postgres.advisory.delete(worker)
  }
}
