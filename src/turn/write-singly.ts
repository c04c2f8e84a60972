import { watchOf } from '../decisions/watch.ts'
import type { DeadLetter } from '../ledger/actions/dead-letters.ts'
import type { StoredEvent } from '../ledger/events/events-unread.ts'
import type { DueRow } from '../ledger/people/due.ts'
import { personKey } from '../ledger/people/person-key.ts'
import {
  type Decided,
  decideActions,
  decideBroken,
  nothingDecided,
  type TurnMoment,
} from './decide-actions.ts'
import { passedOver } from './decide-due.ts'
import { decideEvents, decidingBy } from './decide-events.ts'
import { type Deciding, type EventsDecided, noEvents, spendOf } from './decide-for.ts'
import type { Engine } from './engine.ts'
import type { Loaded, Subject } from './load.ts'
import type { TurnTx } from './ports.ts'

/**
 * The writes of a turn whose rows were refused together: each action and each event by itself, so that the one that
 * cannot be written becomes a dead letter and the others go their way. Whatever else fails, fails the turn.
 */
export async function writeSingly(
  engine: Pick<Engine, 'rules' | 'clock' | 'partitions' | 'lessons'>,
  tx: TurnTx,
  loaded: Loaded,
  moment: TurnMoment,
): Promise<{ actions: Decided; events: EventsDecided }> {
  const actions = nothingDecided()
  for (const subject of loaded.subjects) add(actions, await writeAction(tx, subject, moment))
  await tx.markApplied(loaded.strayFacts)
  const events = noEvents(loaded.moreEvents)
  const deciding = decidingBy(engine, moment)
  for (const event of loaded.events) await writeEvent(deciding, tx, loaded, event, events)
  for (const row of loaded.due) await writeDue(deciding, tx, loaded, row, events)
  events.moreDue = loaded.moreDue
  return { actions, events }
}

function add(all: Decided, one: Decided): void {
  all.transitions.push(...one.transitions)
  all.applied.push(...one.applied)
  all.waiting.push(...one.waiting)
  all.broken.push(...one.broken)
  all.notifications.push(...one.notifications)
  all.notices.push(...one.notices)
  all.reports.push(...one.reports)
}

const aloneWith = (subject: Subject) => ({ subjects: [subject], strayFacts: [] })

async function writeAction(tx: TurnTx, subject: Subject, moment: TurnMoment): Promise<Decided> {
  const decided = decideActions(aloneWith(subject), moment)
  const refused = await tx.trying(() => tx.writeActions(decided))
  if (refused === null) return decided
  const letter: DeadLetter = {
    p: subject.row.p,
    actionId: subject.row.id,
    reason: 'poison',
    error: refused.message,
    body: whatItWasTold(subject),
  }
  return failAction(tx, subject, letter, moment)
}

/** Fails an action for good, with what it was told kept in a dead letter. */
export async function failAction(
  tx: TurnTx,
  subject: Subject,
  letter: DeadLetter,
  moment: TurnMoment,
): Promise<Decided> {
  const broken = decideBroken(subject, letter, moment)
  if ((await tx.trying(() => tx.writeActions(broken))) === null) return broken
  // Not even that can be written: it must not be looked at again, or it would be sent for ever.
  const parked: Decided = { ...nothingDecided(), applied: subject.facts, broken: [letter] }
  await tx.writeActions(parked)
  await tx.stopTimers(subject.row)
  return parked
}

/** The results and facts of an action, as a dead letter keeps them. */
export const whatItWasTold = ({ results, facts }: Subject) => ({
  results: results.map(({ attempt, result, detail }) => ({ attempt, result, detail })),
  facts: facts.map(({ kind, n, body }) => ({ kind, n, body })),
})

async function writeEvent(
  deciding: Deciding,
  tx: TurnTx,
  loaded: Loaded,
  event: StoredEvent,
  events: EventsDecided,
): Promise<void> {
  const decided = decideEvents({ ...loaded, events: [event], due: [], moreEvents: [] }, deciding)
  const refused = await tx.trying(() => tx.writeEvents(decided))
  if (refused === null) return goOnFrom(decided, loaded, events)
  await passOver(tx, event, {
    p: event.p,
    actionId: null,
    reason: 'poison',
    error: refused.message,
    body: null,
  })
}

/** What one has come to, the next ones begin with. */
function goOnFrom(decided: EventsDecided, loaded: Loaded, events: EventsDecided): void {
  events.actions.push(...decided.actions)
  events.passed.push(...decided.passed)
  // What this one spent, the next ones cannot.
  for (const spend of decided.spends) spendOf(loaded.spent, spend)
  for (const write of decided.people) {
    if (write.person === null) loaded.people.delete(personKey(write))
    else loaded.people.set(personKey(write), write.person)
  }
}

async function writeDue(
  deciding: Deciding,
  tx: TurnTx,
  loaded: Loaded,
  row: DueRow,
  events: EventsDecided,
): Promise<void> {
  const decided = decideEvents({ ...loaded, events: [], due: [row], moreEvents: [] }, deciding)
  const refused = await tx.trying(() => tx.writeEvents(decided))
  if (refused === null) return goOnFrom(decided, loaded, events)
  const letter = { p: row.p, actionId: null, reason: 'poison', error: refused.message, body: null } as const
  await passOverDue(deciding, tx, { row, loaded, letter, now: deciding.now })
}

/** Keeps in a dead letter that somebody was due, without deciding on it, and goes on from there. */
export async function passOverDue(
  { rules }: Pick<Deciding, 'rules'>,
  tx: TurnTx,
  { row, loaded, letter, now }: { row: DueRow; loaded: Loaded; letter: DeadLetter; now: number },
): Promise<void> {
  const { p, tenant, test, id, at } = row
  const due = { tenant, test, user_id: id, at: new Date(at).toISOString() }
  await tx.insertDeadLetters([{ ...letter, body: { due } }])
  const known = loaded.people.get(personKey(row))
  const decided = { ...noEvents([]), looked: [row] }
  if (known === undefined) return tx.writeEvents(decided)
  const person = passedOver(known, row, watchOf(rules, tenant, id), now)
  const write = { p, tenant, test, id, person, dueBefore: known.dueAt }
  const people = [{ ...write, isPermissionChanged: false, areTraitsChanged: false }]
  const refused = await tx.trying(() => tx.writeEvents({ ...decided, people }))
  if (refused !== null) await tx.stopDue(row)
  else loaded.people.set(personKey(row), person)
}

/** Keeps an event in a dead letter, without deciding on it. */
export async function passOver(tx: TurnTx, event: StoredEvent, letter: DeadLetter): Promise<void> {
  const { id, p, tenant, userId, type, data } = event
  await tx.insertDeadLetters([{ ...letter, body: { event: { id, tenant, user_id: userId, type, data } } }])
  // Its mark moves all the same: an event is decided on once, or is a dead letter.
  await tx.moveMarks([{ p, xid: event.xid, seq: event.seq }])
}
