import { partitionOfUser, sliceOf } from '../../src/ledger/placement.ts'
import type { Nudger } from '../../src/mailbox/nudge.ts'
import type { Auditor } from './auditor.ts'
import { insertFact } from './ledger-model.ts'
import type { Machine } from './machine.ts'
import { PEOPLE, type PlannedAction, type PlannedEvent } from './plan.ts'
import { Connection, type Postgres } from './postgres.ts'
import { insertActions } from './turn-model.ts'
import { PARTITIONS, TENANT, TYPES, type TypeName } from './types.ts'

/** A request that got no answer is made again after this, as the docs tell clients to. */
const AGAIN_MS = 700

/** What web processes and their clients do: accept, commit, answer, nudge. Requests without an answer are repeated. */
export class Web {
  readonly #machine: Machine
  readonly #postgres: Postgres
  readonly #nudger: Nudger
  readonly #auditor: () => Auditor

  constructor(machine: Machine, postgres: Postgres, nudger: Nudger, auditor: () => Auditor) {
    this.#machine = machine
    this.#postgres = postgres
    this.#nudger = nudger
    this.#auditor = auditor
  }

  /** Accepts an action under an id of the client's making, so that a repeat changes nothing. */
  async accept(
    id: string,
    typeName: TypeName,
    { scheduledInMs, expiresInMs }: Pick<PlannedAction, 'scheduledInMs' | 'expiresInMs'>,
  ): Promise<void> {
    const type = TYPES.get(typeName)!
    const p = type.slices[sliceOf(id, type.slices.length)]!
    const dueAt = await this.#commit((postgres, transaction) => {
      const known = postgres.tables.actions.get(id)
      const now = Math.floor(transaction.startedAt)
      const scheduledAt = scheduledInMs === null ? null : now + scheduledInMs
      if (known !== undefined) return known.createdAt + (scheduledInMs ?? 0)
      insertActions(postgres, transaction, [
        {
          id,
          tenant: TENANT,
          type: type.id,
          userId: 'u1',
          parameters: '{}',
          reasoning: null,
          confidence: null,
          origin: 'api',
          test: false,
          shadow: false,
          lane: type.lane,
          p,
          scheduledAt,
          expiresAt: expiresInMs === null ? null : (scheduledAt ?? now) + expiresInMs,
          expiresAfterMs: type.terms.expiresAfterMs,
        },
      ])
      return scheduledAt ?? now
    })
    this.#auditor().accepted(id, typeName, dueAt)
    this.#nudger.nudge([{ kind: 'lane', p, lane: type.lane }])
  }

  /** Reports what came of an action, as acceptOutcome of src/ledger/actions/accept-facts.ts takes it. */
  async report(id: string, status: 'completed' | 'rejected'): Promise<void> {
    const told = await this.#commit((postgres) => {
      const row = postgres.tables.actions.get(id)?.row
      if (row === undefined || row.state.outcome !== null) return null
      const fact = { p: row.p, actionId: id, kind: 'outcome', n: 0, body: { status, result: null } } as const
      return insertFact(postgres, fact) ? row.p : null
    })
    if (told === null) return
    this.#auditor().acknowledged(id, status)
    this.#nudger.nudge([{ kind: 'fact', p: told }])
  }

  /** Asks for a cancel or a retry of an action at the version that it has, or says that its receiver has it. */
  async request(id: string, kind: 'cancel' | 'retry' | 'pulled'): Promise<void> {
    const p = await this.#commit((postgres) => {
      const row = postgres.tables.actions.get(id)?.row
      if (row === undefined) return null
      insertFact(postgres, { p: row.p, actionId: id, kind, n: row.state.version, body: null })
      return row.p
    })
    if (p !== null) this.#nudger.nudge([{ kind: 'fact', p }])
  }

  /** Accepts an event in a transaction that stays open for a while after the insert. */
  async event(id: string, { user, joins, openMs }: PlannedEvent): Promise<void> {
    const userId = PEOPLE[user]!
    const p = partitionOfUser(TENANT, userId, PARTITIONS)
    const sentAt = this.#postgres.world.now
    const connection = new Connection(this.#machine, this.#postgres)
    try {
      const transaction = await connection.ask(() => {
        const begun = this.#postgres.begin(connection)
        connection.transactions.add(begun)
        return begun
      })
      await connection.ask(() =>
        this.#postgres.statement(transaction, [], () => {
          const row = {
            id,
            xid: transaction.xid,
            seq: this.#postgres.nextSeq(),
            p,
            tenant: TENANT,
            ...(joins === null ? did(userId) : turnedOutToBe(userId, PEOPLE[joins]!)),
            time: sentAt,
          }
          transaction.effects.push(() => this.#postgres.tables.events.set(id, row))
        }),
      )
      await this.#machine.clock.sleep(openMs)
      await connection.ask(() => this.#postgres.commit(transaction))
      this.#auditor().eventAccepted(id)
    } finally {
      connection.end()
    }
    this.#nudger.nudge([{ kind: 'event', p }])
  }

  async #commit<T>(
    run: (postgres: Postgres, transaction: Parameters<Parameters<Postgres['alone']>[2]>[0]) => T,
  ): Promise<T> {
    for (;;) {
      const connection = new Connection(this.#machine, this.#postgres)
      try {
        return await connection.ask(() =>
          this.#postgres.alone(connection, [], (transaction) => run(this.#postgres, transaction)),
        )
      } catch {
        await this.#machine.clock.sleep(AGAIN_MS)
      } finally {
        connection.end()
      }
    }
  }
}

const did = (userId: string) =>
  ({
    kind: 'event',
    userId,
    isAnonymous: userId.startsWith('a'),
    type: 'custom.simulated',
    data: {},
  }) as const

const turnedOutToBe = (previousId: string, userId: string) =>
  ({ kind: 'join', userId, isAnonymous: false, type: '$join', data: { previousId } }) as const
