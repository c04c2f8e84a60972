import type { DeadLetter } from '../ledger/dead-letters.ts'
import type { StoredEvent } from '../ledger/events-unread.ts'
import { personKey } from '../ledger/person-key.ts'
import {
  type Decided,
  decideActions,
  decideBroken,
  nothingDecided,
  type TurnMoment,
} from './decide-actions.ts'
import {
  type Deciding,
  decideEvents,
  decidingBy,
  type EventsDecided,
  noEvents,
  spendOf,
} from './decide-events.ts'
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
  const decided = decideEvents({ ...loaded, events: [event], moreEvents: [] }, deciding)
  const refused = await tx.trying(() => tx.writeEvents(decided))
  if (refused === null) {
    events.actions.push(...decided.actions)
    events.passed.push(...decided.passed)
    // What this one spent, the next ones cannot.
    for (const spend of decided.spends) spendOf(loaded.spent, spend)
    // The next event of the same person begins with what this one came to.
    for (const write of decided.people) {
      if (write.person === null) loaded.people.delete(personKey(write))
      else loaded.people.set(personKey(write), write.person)
    }
    return
  }
  await passOver(tx, event, {
    p: event.p,
    actionId: null,
    reason: 'poison',
    error: refused.message,
    body: null,
  })
}

/** Keeps an event in a dead letter, without deciding on it. */
export async function passOver(tx: TurnTx, event: StoredEvent, letter: DeadLetter): Promise<void> {
  const { id, p, tenant, userId, type, data } = event
  await tx.insertDeadLetters([{ ...letter, body: { event: { id, tenant, user_id: userId, type, data } } }])
  // Its mark moves all the same: an event is decided on once, or is a dead letter.
  await tx.moveMarks([{ p, xid: event.xid, seq: event.seq }])
}
