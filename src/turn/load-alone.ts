import type { Suspect } from '../ledger/actions/suspects.ts'
import { personKey } from '../ledger/people/person-key.ts'
import type { Fence } from '../ledger/turn-transaction.ts'
import type { OwnWork } from './disown.ts'
import type { Engine } from './engine.ts'
import { gather, type Loaded, loadAllowances, readyRules, sortAsks } from './load.ts'
import { type LoadedPeople, loadPeople, type Occasions, peopleOf } from './load-people.ts'
import type { TurnTx } from './ports.ts'

/** Reads what a turn of one decides on: all that is to be said about one action, one event, or one person who is due. */
export async function loadAlone(
  engine: Engine,
  tx: TurnTx,
  work: OwnWork,
  suspect: Suspect,
  fence: Fence,
): Promise<Loaded> {
  // It may have gone to another owner since it was taken in hand, by a turn that failed.
  const kind = fence.partitions.includes(suspect.p) ? suspect.kind : 'lost'
  const rows = kind === 'action' ? await tx.rows([suspect.id]) : []
  // After the row, so that nothing ends by its deadline with an outcome unread.
  const facts = kind === 'action' ? await tx.factsOf([suspect.id]) : []
  const { asking, inDoubt } = sortAsks(engine, work.asks)
  const isOver = (deadline: number | null) => deadline !== null && deadline <= fence.now
  // One that is condemned is decided on whether something is due or not.
  const overdue = rows.filter(({ state }) => suspect.isCondemned || isOver(state.deadline))
  const subjects = await gather(engine, tx, { results: work.results, facts, overdue, inDoubt })
  const read = kind === 'event' ? await tx.events([suspect.p], 1) : []
  const events = read.filter(({ id, isReady }) => id === suspect.id && isReady)
  const looked = kind === 'due' ? await tx.due([suspect.p], 1) : []
  const due = looked.filter((row) => personKey(row) === suspect.id)
  await readyRules(engine, subjects.values(), { events, due })
  return {
    subjects: [...subjects.values()],
    asking: suspect.isCondemned ? [] : asking,
    allowances: await loadAllowances(tx, suspect.isCondemned ? [] : asking, work.results),
    strayFacts: facts.filter((fact) => !subjects.has(fact.actionId)),
    events,
    due,
    moreDue: false,
    ...(suspect.isCondemned
      ? await nothingAsked(tx, { events, due })
      : await loadPeople(engine, tx, { events, due })),
    moreEvents: [],
    moreFacts: false,
    notices: [],
    moreNotices: false,
  }
}

async function nothingAsked(tx: TurnTx, occasions: Occasions): Promise<LoadedPeople> {
  const people = await peopleOf(tx, occasions)
  return { people, types: new Map(), inShadow: new Set(), spent: new Map() }
}
