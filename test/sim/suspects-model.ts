import type { Suspect, SuspectAsk } from '../../src/ledger/actions/suspects.ts'
import { DEADLINE_LANE } from '../../src/ledger/actions/timers.ts'
import { personKey } from '../../src/ledger/people/person-key.ts'
import { byTime } from './lanes-model.ts'
import type { Postgres, Transaction } from './postgres.ts'

/** As src/ledger/actions/suspects.ts has them. */
export const DEATHS_COUNT_MS = 3_600_000
const DEATHS_MAX = 2

/** Writes down what a worker takes in hand next, as src/ledger/actions/suspects.ts does. */
export function takeSuspect(
  postgres: Postgres,
  { startedAt }: Transaction,
  worker: string,
  ask: SuspectAsk,
): Suspect | null {
  const { partitions, suspects, workers } = postgres.tables
  if (workers.get(worker)?.deadAt !== null) return null
  const found =
    ask.known === null ? search(postgres, startedAt, ask) : ({ kind: 'action', ...ask.known } as const)
  for (const [p, partition] of partitions)
    if (partition.owner === worker)
      partitions.set(p, { ...partition, suspect: found?.p === p ? found.id : null })
  if (found === null || partitions.get(found.p)?.owner !== worker) return null
  const known = suspects.get(found.id)
  const isCondemned =
    known !== undefined && known.deaths >= DEATHS_MAX && known.diedAt > startedAt - DEATHS_COUNT_MS
  if (isCondemned) suspects.delete(found.id)
  return { ...found, isCondemned }
}

type Found = Omit<Suspect, 'isCondemned'>

function search(postgres: Postgres, now: number, { partitions, except }: SuspectAsk): Found | null {
  const { facts, timers, events, marks } = postgres.tables
  const fact = [...facts.values()]
    .filter(({ p, applied, actionId }) => partitions.includes(p) && !applied && !except.includes(actionId))
    .sort((a, b) => Number(a.seq) - Number(b.seq))[0]
  if (fact !== undefined) return { kind: 'action', p: fact.p, id: fact.actionId }
  const overdue = [...timers.values()]
    .filter(
      ({ p, lane, at, id }) =>
        partitions.includes(p) && lane === DEADLINE_LANE && at <= now && !except.includes(id),
    )
    .sort(byTime)[0]
  if (overdue !== undefined) return { kind: 'action', p: overdue.p, id: overdue.id }
  const event = [...events.values()]
    .filter(({ p, xid, seq }) => {
      const mark = marks.get(p)!
      return partitions.includes(p) && (xid > mark.xid || (xid === mark.xid && seq > mark.seq))
    })
    .sort((a, b) => a.xid - b.xid || a.seq - b.seq)[0]
  if (event !== undefined && event.xid < postgres.oldestXid)
    return { kind: 'event', p: event.p, id: event.id }
  const due = [...postgres.tables.due.values()]
    .filter(({ p, at }) => partitions.includes(p) && at <= now)
    .sort((a, b) => a.at - b.at)[0]
  return due === undefined ? null : { kind: 'due', p: due.p, id: personKey(due) }
}
