import { hostname } from 'node:os'
import type { Pool } from 'pg'
import { breakersNotClosed, closeBreaker, openBreaker, reopenBreaker, takeProbe } from './actions/breakers.ts'
import { insertResultFacts } from './actions/facts-waiting.ts'
import { dueInLanes, wakeSleeping, walkLanes } from './actions/lanes-due.ts'
import { refusalsSince } from './actions/refusals.ts'
import { clearSuspect, takeSuspect } from './actions/suspects.ts'
import { reportHealth } from './endpoints/endpoint-health.ts'
import { openSession } from './ownership/session.ts'
import {
  bury,
  claim,
  extendBeat,
  listWorkers,
  owned,
  register,
  release,
  relock,
  retire,
} from './ownership/workers.ts'
import { readAllCurrent } from './people/read-people.ts'
import { type Fence, inTurn, type TurnEnd, type TurnTransaction } from './turn-transaction.ts'

/** A beat that waits for a lock longer than this is tried again. */
const LOCK_TIMEOUT_MS = 2_000

export interface EngineLedgerOptions {
  databaseUrl: string
  /** Turns, facts and breakers. */
  pool: Pool
  /** The connections by which due work is found and loaded. */
  loads: Pool
}

/** Everything that a worker asks of Postgres, gathered in one place. */
export function engineLedger({ databaseUrl, pool, loads }: EngineLedgerOptions) {
  return {
    inTurn: <T>(
      worker: string,
      body: (tx: TurnTransaction, fence: Fence) => Promise<T>,
    ): Promise<TurnEnd<T>> => inTurn(pool, worker, body),
    wakeSleeping: wakeSleeping.bind(null, loads),
    walkLanes: walkLanes.bind(null, loads),
    dueInLanes: dueInLanes.bind(null, loads),
    refusalsSince: refusalsSince.bind(null, pool),
    currentPeople: readAllCurrent.bind(null, loads),
    insertResultFacts: insertResultFacts.bind(null, pool),
    openSession: (onLost: () => void) => openOwnership(databaseUrl, onLost),
    reportHealth: reportHealth.bind(null, pool),
    breakers: {
      notClosed: breakersNotClosed.bind(null, pool),
      open: openBreaker.bind(null, pool),
      reopen: reopenBreaker.bind(null, pool),
      close: closeBreaker.bind(null, pool),
      takeProbe: takeProbe.bind(null, pool),
    },
    suspects: {
      take: takeSuspect.bind(null, pool),
      clear: clearSuspect.bind(null, pool),
    },
  }
}

async function openOwnership(databaseUrl: string, onLost: () => void) {
  const session = await openSession(databaseUrl, LOCK_TIMEOUT_MS, onLost)
  return {
    register: (worker: { id: string; beatMs: number }) =>
      register(session, { ...worker, host: hostname(), pid: process.pid }),
    relock: relock.bind(null, session),
    extendBeat: extendBeat.bind(null, session),
    listWorkers: listWorkers.bind(null, session),
    bury: bury.bind(null, session),
    claim: claim.bind(null, session),
    owned: owned.bind(null, session),
    release: release.bind(null, session),
    retire: retire.bind(null, session),
    end: () => session.end(),
  }
}
