import { seenAtEvent } from '../../actors/person.ts'
import type { Mark, StoredEvent } from '../ledger/events/events-unread.ts'
import type { TurnMoment } from './decide-actions.ts'
import { armEverybody, decideChanges, decideDue, learnLevels } from './decide-due.ts'
import { type Deciding, decideFor, type EventsDecided, noEvents, type Running } from './decide-for.ts'
import type { Engine } from './engine.ts'
import { hearEvent, keyOf, peopleDraft, type ToldEvent } from './hear-events.ts'
import { lessonOf } from './learn.ts'
import type { Loaded } from './load.ts'
import { type Listeners, tellEvent } from './tell.ts'

/** Most actions that one turn inserts; events beyond stay unread, since the mark stops before them, and people due. */
const INSERTS_A_TURN = 2_000

export function decidingBy(
  { rules, lessons, clock, partitions }: Pick<Engine, 'rules' | 'lessons' | 'clock' | 'partitions'>,
  moment: Pick<TurnMoment, 'now'> & Listeners,
): Deciding {
  return { rules, lessons, newId: clock.newId, partitions, listeners: moment, now: moment.now }
}

/**
 * Tells people of every event of a turn and decides on it, each user's in their order, until there is enough to insert;
 * then looks at those who are due, who may have shown a sign of life just now.
 */
export function decideEvents(loaded: Loaded, deciding: Deciding): EventsDecided {
  const decided = noEvents(loaded.moreEvents)
  const draft = peopleDraft(loaded.people)
  const ledger: Running = { loaded, draft, decided, spent: new Map(loaded.spent) }
  const marks = new Map<number, Mark>()
  const stopped = new Set<number>()
  for (const event of loaded.events) {
    if (stopped.has(event.p) || decided.actions.length >= INSERTS_A_TURN) {
      stopped.add(event.p)
      continue
    }
    hearAndDecide(event, ledger, deciding)
    marks.set(event.p, { p: event.p, xid: event.xid, seq: event.seq })
  }
  const waiting = loaded.due.filter((row) => {
    if (decided.actions.length >= INSERTS_A_TURN) return true
    decideDue(row, ledger, deciding)
    return false
  })
  armEverybody(draft, deciding)
  const { writes, passed, erasures } = draft
  return {
    ...decided,
    people: [...writes.values()],
    passed,
    erasures,
    marks: [...marks.values()],
    more: [...new Set([...decided.more, ...stopped])],
    moreDue: loaded.moreDue || waiting.length > 0,
  }
}

function hearAndDecide(event: StoredEvent, running: Running, deciding: Deciding): void {
  const { loaded, decided } = running
  const told = hearEvent(event, running.draft, deciding)
  if (told?.kind === 'report') decided.lessons.push(...lessonOf(event, told, deciding))
  const whose = { ...keyOf(event), p: event.p }
  // What only becomes known asks for nothing.
  if (!event.decides && told?.kind !== 'report') learnLevels(whose, running, deciding)
  if (told?.kind !== 'event' || !event.decides) return
  decideOne(event, told, running, deciding)
  decideChanges(whose, told, running, deciding)
  if (!loaded.inShadow.has(event.tenant)) decided.actions.push(...tellEvent(event, told, deciding.listeners))
}

/** `row` is where the event lies, `told` what it is about by now. */
function decideOne(row: StoredEvent, told: ToldEvent, running: Running, deciding: Deciding): void {
  const asked = deciding.rules.forUser(row.tenant, told.userId).askedBy(told.type)
  if (asked.length === 0) return
  const whose = { tenant: row.tenant, test: row.test, id: told.userId, p: row.p }
  const occasion = { userId: told.userId, event: told, trigger: null, time: told.time }
  const user = { ...seenAtEvent(told) }
  decideFor(whose, { occasion, user, person: told.person, asked }, running, deciding)
}
