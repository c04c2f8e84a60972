import type { Person } from '../../actors/person.ts'
import type { ResultFact } from '../../src/ledger/actions/facts-waiting.ts'
import type { OwnedPartition } from '../../src/ledger/ownership/workers.ts'
import { type PersonKey, personKey } from '../../src/ledger/people/person-key.ts'
import type { EngineLedger, OwnershipSession } from '../../src/turn/ports.ts'
import { dueInLanes, wakeSleeping, walkLanes } from './lanes-model.ts'
import type { Machine } from './machine.ts'
import { Connection, type Postgres, type Transaction } from './postgres.ts'
import { DEATHS_COUNT_MS, takeSuspect } from './suspects-model.ts'
import { factKey, type StoredFact, timerKey } from './tables.ts'
import { inTurn } from './turn-model.ts'

/** A beat that waits for a lock longer than this is tried again. */
const LOCK_TIMEOUT_MS = 2_000
/** As src/ledger/ownership/workers.ts and src/ledger/actions/suspects.ts have them. */
const CRASHES_COUNT_MS = 60_000
const SUSPECT_CRASHES = 2
/** As src/ledger/people/read-people.ts has it. */
const JOINS_MAX = 32

/** The ledger as one machine reaches it: the same contract as src/ledger/engine-ledger.ts, over the model of Postgres. */
export function ledgerModel(machine: Machine, postgres: Postgres): EngineLedger {
  const once = async <T>(run: (transaction: Transaction) => T): Promise<T> => {
    const connection = new Connection(machine, postgres)
    try {
      return await connection.ask(() => postgres.alone(connection, [], run))
    } finally {
      connection.end()
    }
  }
  return {
    inTurn: (worker, body) => inTurn(machine, postgres, worker, body),
    wakeSleeping: (partitions, limit) =>
      once(({ startedAt }) => wakeSleeping(postgres.tables, startedAt, partitions, limit)),
    walkLanes: (after, limit) => once(({ startedAt }) => walkLanes(postgres.tables, startedAt, after, limit)),
    dueInLanes: (asks) => once(({ startedAt }) => dueInLanes(postgres.tables, startedAt, asks)),
    refusalsSince: async () => ({ at: '', changed: [] }),
    currentPeople: (keys) => once(() => currentPeople(postgres, keys)),
    insertResultFacts: (results) => once(() => insertResultFacts(postgres, results)),
    openSession: (onLost) => openSession(machine, postgres, onLost),
    reportHealth: async () => undefined,
    breakers: {
      notClosed: async () => [],
      open: async () => undefined,
      reopen: async () => undefined,
      close: async () => undefined,
      takeProbe: async () => false,
    },
    suspects: {
      take: (worker, ask) => once((transaction) => takeSuspect(postgres, transaction, worker, ask)),
      clear: (worker) =>
        once(() => {
          for (const [p, partition] of postgres.tables.partitions)
            if (partition.owner === worker) postgres.tables.partitions.set(p, { ...partition, suspect: null })
        }),
    },
  }
}

function currentPeople({ tables: { people } }: Postgres, keys: readonly PersonKey[]): Map<string, Person> {
  const current = new Map<string, Person>()
  for (const key of keys) {
    let person = people.get(personKey(key))
    // Two who were joined to each other lead in a circle.
    for (let joins = 0; joins < JOINS_MAX && person?.mergedInto != null; joins++)
      person = people.get(personKey({ ...key, id: person.mergedInto }))
    if (person !== undefined) current.set(personKey(key), person)
  }
  return current
}

function insertResultFacts(postgres: Postgres, results: readonly ResultFact[]): void {
  for (const { p, actionId, attempt, body } of results)
    insertFact(postgres, { p, actionId, kind: 'result', n: attempt, body })
}

/** Inserts a fact unless there is one of its action, kind and number; true when it did. */
export function insertFact(
  postgres: Postgres,
  fact: Pick<StoredFact, 'p' | 'actionId' | 'kind' | 'n' | 'body'>,
): boolean {
  const { facts } = postgres.tables
  if (facts.has(factKey(fact))) return false
  facts.set(factKey(fact), {
    ...fact,
    seq: String(postgres.nextSeq()),
    at: postgres.world.now,
    applied: false,
  })
  return true
}

async function openSession(
  machine: Machine,
  postgres: Postgres,
  onLost: () => void,
): Promise<OwnershipSession> {
  const connection = new Connection(machine, postgres, onLost)
  await connection.ask(() => undefined)
  const ask = <T>(locks: readonly string[], run: (transaction: Transaction) => T): Promise<T> =>
    connection.ask(() =>
      postgres.alone(
        connection,
        locks.map((key) => [key, 'exclusive'] as const),
        run,
        LOCK_TIMEOUT_MS,
      ),
    )
  return {
    register: ({ id, beatMs }) =>
      ask([], () => {
        postgres.advisory.set(id, connection)
        postgres.tables.workers.set(id, { deadAt: null })
        beat(postgres, id, beatMs)
      }),
    relock: (worker) =>
      ask([], () => {
        if (postgres.advisory.has(worker)) return postgres.advisory.get(worker) === connection
        postgres.advisory.set(worker, connection)
        return true
      }),
    extendBeat: (worker, beatMs) => ask([], () => extendBeat(postgres, worker, beatMs)),
    listWorkers: () =>
      ask([], ({ startedAt }) =>
        living(postgres).map((id) => ({
          id,
          isBeatOver: (postgres.tables.beats.get(id) ?? 0) < startedAt,
          isLockFree: !postgres.advisory.has(id),
        })),
      ),
    bury: (worker) => ask([`w:${worker}`], () => bury(postgres, connection, worker)),
    claim: (worker, limit) => ask([], () => claim(postgres, worker, limit)),
    owned: (worker) => ask([], ({ startedAt }) => owned(postgres, startedAt, worker)),
    release: (worker, partitions, onWire) =>
      ask(
        onWire.map(({ id }) => `a:${id}`),
        ({ startedAt }) => release(postgres, startedAt, worker, partitions, onWire),
      ),
    retire: (worker) =>
      ask([`w:${worker}`], ({ startedAt }) => {
        if (isAlive(postgres, worker)) {
          postgres.tables.workers.set(worker, { deadAt: startedAt })
          freePartitions(postgres, worker, 0)
        }
        postgres.tables.beats.delete(worker)
      }),
    end: async () => connection.end(),
  }
}

const living = ({ tables }: Postgres): string[] =>
  [...tables.workers].flatMap(([id, { deadAt }]) => (deadAt === null ? [id] : [])).sort()

const isAlive = ({ tables }: Postgres, worker: string): boolean => tables.workers.get(worker)?.deadAt === null

function extendBeat(postgres: Postgres, worker: string, beatMs: number): boolean {
  if (!isAlive(postgres, worker) || !postgres.tables.beats.has(worker)) return false
  beat(postgres, worker, beatMs)
  return true
}

function beat(postgres: Postgres, worker: string, beatMs: number): void {
  const until = postgres.world.now + beatMs
  postgres.tables.beats.set(worker, until)
  postgres.onBeat(worker, until)
}

function bury(postgres: Postgres, connection: Connection, worker: string): boolean {
  const { tables, advisory, world } = postgres
  if (!isAlive(postgres, worker)) return false
  const until = tables.beats.get(worker)
  const isBeatOver = until !== undefined && until < world.now
  const holder = advisory.get(worker)
  if (!isBeatOver && holder !== undefined && holder !== connection) return false
  tables.workers.set(worker, { deadAt: world.now })
  tables.beats.delete(worker)
  accuse(postgres, worker)
  freePartitions(postgres, worker, 1)
  return true
}

function freePartitions({ tables }: Postgres, worker: string, crashes: number): void {
  for (const [p, partition] of tables.partitions)
    if (partition.owner === worker)
      tables.partitions.set(p, {
        ...partition,
        owner: null,
        suspect: null,
        crashes: partition.crashes + crashes,
      })
}

/** What the dead worker had in hand alone has one death more. */
function accuse({ tables, world }: Postgres, worker: string): void {
  for (const [p, { owner, suspect }] of tables.partitions) {
    if (owner !== worker || suspect === null) continue
    const known = tables.suspects.get(suspect)
    const before = known !== undefined && known.diedAt > world.now - DEATHS_COUNT_MS ? known.deaths : 0
    tables.suspects.set(suspect, { p, deaths: before + 1, diedAt: world.now })
  }
}

function claim(postgres: Postgres, worker: string, limit: number): number[] {
  if (!isAlive(postgres, worker)) return []
  const claimedAt = postgres.world.now
  const free = [...postgres.tables.partitions].filter(([, { owner }]) => owner === null).slice(0, limit)
  for (const [p, partition] of free)
    postgres.tables.partitions.set(p, { ...partition, owner: worker, claimedAt })
  return free.map(([p]) => p)
}

function owned({ tables }: Postgres, now: number, worker: string): OwnedPartition[] {
  const found: OwnedPartition[] = []
  for (const [p, partition] of tables.partitions) {
    if (partition.owner !== worker) continue
    const isForgotten = partition.crashes > 0 && partition.claimedAt < now - CRASHES_COUNT_MS
    if (isForgotten) tables.partitions.set(p, { ...partition, crashes: 0 })
    found.push({ p, isSuspect: !isForgotten && partition.crashes >= SUSPECT_CRASHES })
  }
  return found
}

function release(
  { tables }: Postgres,
  now: number,
  worker: string,
  partitions: readonly number[],
  onWire: readonly { id: string; remainingMs: number }[],
): void {
  for (const { id, remainingMs } of onWire) {
    const stored = tables.actions.get(id)
    const nextAt = Math.floor(now) + remainingMs
    if (stored?.row.state.nextAt === undefined || stored.row.state.nextAt === null) continue
    if (stored.row.state.nextAt >= now + remainingMs) continue
    const { row, isMute } = stored
    const putOff = { ...row, state: { ...row.state, nextAt } }
    tables.actions.set(id, { ...stored, row: putOff })
    tables.timers.delete(timerKey({ p: row.p, lane: row.lane, at: row.state.nextAt!, id }))
    if (!isMute)
      tables.timers.set(timerKey({ p: row.p, lane: row.lane, at: nextAt, id }), {
        p: row.p,
        lane: row.lane,
        at: nextAt,
        id,
      })
  }
  for (const p of partitions) {
    const partition = tables.partitions.get(p)!
    if (partition.owner === worker) tables.partitions.set(p, { ...partition, owner: null, suspect: null })
  }
}
