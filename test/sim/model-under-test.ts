import { DEADLINE_LANE } from '../../src/ledger/actions/timers.ts'
import type { LedgerUnderTest } from '../support/ledger-under-test.ts'
import { newAction } from '../support/postgres-under-test.ts'
import { insertFact, ledgerModel } from './ledger-model.ts'
import { Machine } from './machine.ts'
import { Connection, Postgres } from './postgres.ts'
import { insertActions } from './turn-model.ts'
import { World } from './world.ts'

/** The model of the ledger, with a time that goes on by itself. */
export async function modelUnderTest(): Promise<LedgerUnderTest> {
  const world = new World(1)
  world.slowestMs = 50
  const postgres = new Postgres(world, 64)
  const machine = new Machine(world, 'tests', 0)
  let isOver = false
  // A step of time whenever the test has nothing to do but wait.
  const goOn = async () => {
    while (!isOver) {
      await world.run(5)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  void goOn()
  const alone = <T>(run: Parameters<Postgres['alone']>[2]): Promise<T> => {
    const connection = new Connection(machine, postgres)
    return connection.ask(() => postgres.alone(connection, [], run)) as Promise<T>
  }
  const row = (id: string) => postgres.tables.actions.get(id)!.row
  return {
    ledger: ledgerModel(machine, postgres),
    now: async () => world.now,
    wait: (ms) => machine.clock.sleep(ms),
    insert: (actions) =>
      alone((transaction) =>
        insertActions(
          postgres,
          transaction,
          actions.map((action) => newAction(action, Math.floor(transaction.startedAt))),
        ),
      ),
    report: (id, status) =>
      alone(() =>
        insertFact(postgres, {
          p: row(id).p,
          actionId: id,
          kind: 'outcome',
          n: 0,
          body: { status, result: null },
        }),
      ),
    ask: async (id, kind) => {
      await alone(() =>
        insertFact(postgres, { p: row(id).p, actionId: id, kind, n: row(id).state.version, body: null }),
      )
    },
    beginEvent: async (id, p) => {
      const connection = new Connection(machine, postgres)
      const transaction = await connection.ask(() => postgres.begin(connection))
      const time = world.now
      const seq = postgres.nextSeq()
      transaction.effects.push(() =>
        postgres.tables.events.set(id, {
          id,
          xid: transaction.xid,
          seq,
          p,
          tenant: 't',
          kind: 'event',
          userId: 'u1',
          isAnonymous: false,
          type: 'custom.told',
          data: {},
          time,
        }),
      )
      return { commit: () => connection.ask(() => postgres.commit(transaction)) }
    },
    state: async (id) => ({ ...row(id).state, claimed: row(id).claimed }),
    history: async (id) =>
      (postgres.tables.history.get(id) ?? []).map(({ version, kind, from, to, attempt, detail }) => ({
        version,
        kind,
        from,
        to,
        attempt,
        detail,
      })),
    timers: async (id) =>
      [...postgres.tables.timers.values()]
        .filter((timer) => timer.id === id && timer.lane !== DEADLINE_LANE)
        .map(({ at }) => at)
        .sort((a, b) => a - b),
    owners: async () => new Map([...postgres.tables.partitions].map(([p, { owner }]) => [p, owner])),
    close: async () => {
      isOver = true
    },
  }
}
