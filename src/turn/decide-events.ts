import { seenAtEvent } from '../../actors/person.ts'
import { decideEvent } from '../../actors/tenant.ts'
import type { RuleShelf } from '../documents/rule-book.ts'
import type { NewDecision } from '../ledger/decisions.ts'
import type { Mark, StoredEvent } from '../ledger/events-unread.ts'
import type { NewAction } from '../ledger/insert-actions.ts'
import type { NewErasure, PassedRow, PersonWrite } from '../ledger/people.ts'
import { sliceOf } from '../ledger/placement.ts'
import type { RegisteredType } from '../ledger/type-registry.ts'
import type { Engine } from './engine.ts'
import { type Hearing, hearEvent, peopleDraft, type ToldEvent } from './hear-events.ts'
import type { Loaded } from './load.ts'
import { type Listeners, tellEvent } from './tell.ts'

/** Most actions that one turn inserts; events beyond stay unread, since the mark stops before them. */
const INSERTS_A_TURN = 2_000

/** What deciding about events needs beside what was loaded. */
export interface Deciding extends Hearing {
  rules: RuleShelf
  listeners: Listeners
}

/** What a turn decided about events: what to insert, what became of people, and how far each partition was read. */
export interface EventsDecided {
  actions: NewAction[]
  decisions: NewDecision[]
  people: PersonWrite[]
  passed: PassedRow[]
  erasures: NewErasure[]
  marks: Mark[]
  /** Partitions in which events wait for another turn. */
  more: number[]
}

export function noEvents(more: number[]): EventsDecided {
  return { actions: [], decisions: [], people: [], passed: [], erasures: [], marks: [], more }
}

export function decidingBy(
  { rules, clock, partitions }: Pick<Engine, 'rules' | 'clock' | 'partitions'>,
  listeners: Listeners,
): Deciding {
  return { rules, newId: clock.newId, partitions, listeners }
}

/** Tells people of every event of a turn and decides on it, each user's in their order, until there is enough to insert. */
export function decideEvents(loaded: Loaded, deciding: Deciding): EventsDecided {
  const decided = noEvents(loaded.moreEvents)
  const draft = peopleDraft(loaded.people)
  const marks = new Map<number, Mark>()
  const stopped = new Set<number>()
  for (const event of loaded.events) {
    if (stopped.has(event.p) || decided.actions.length >= INSERTS_A_TURN) {
      stopped.add(event.p)
      continue
    }
    const told = hearEvent(event, draft, deciding)
    // What only becomes known asks for nothing.
    if (told !== null && event.decides) {
      decideOne(event, told, loaded, deciding, decided)
      if (!loaded.inShadow.has(event.tenant))
        decided.actions.push(...tellEvent(event, told, deciding.listeners))
    }
    marks.set(event.p, { p: event.p, xid: event.xid, seq: event.seq })
  }
  const { writes, passed, erasures } = draft
  const more = [...new Set([...decided.more, ...stopped])]
  return { ...decided, people: [...writes.values()], passed, erasures, marks: [...marks.values()], more }
}

/** `row` is where the event lies, `told` what it is about by now. */
function decideOne(
  row: StoredEvent,
  told: ToldEvent,
  loaded: Loaded,
  { rules, newId }: Deciding,
  decided: EventsDecided,
): void {
  const types = loaded.types.get(row.tenant) ?? new Map<string, RegisteredType>()
  const shadow = loaded.inShadow.has(row.tenant)
  const asked = rules.forTenant(row.tenant).forEvent(told.type)
  if (asked.length === 0) return
  const user = { ...seenAtEvent(told) }
  for (const { decision, action } of decideEvent({ event: told, user, rules: asked, types })) {
    const type = action === null ? undefined : types.get(action.typeName)
    const event = { ...row, userId: told.userId }
    const made =
      action === null || type === undefined
        ? null
        : newAction(newId('ea'), event, type, { ...action, shadow })
    if (made !== null) decided.actions.push(made)
    decided.decisions.push({
      id: newId('de'),
      tenant: row.tenant,
      userId: told.userId,
      domain: decision.domain,
      eventId: told.id,
      // What a test key asked for is never sent; the record says what would have been.
      body: row.test ? { ...decision, sent: false, would_send: decision.sent, test: true } : decision,
      actionId: made?.id ?? null,
      test: row.test,
    })
  }
}

function newAction(
  id: string,
  event: StoredEvent,
  type: RegisteredType,
  asked: {
    parameters: unknown
    reasoning: string | null
    confidence: number | null
    origin: string
    shadow: boolean
  },
): NewAction {
  return {
    id,
    tenant: event.tenant,
    type: type.id,
    userId: event.userId,
    parameters: JSON.stringify(asked.parameters),
    reasoning: asked.reasoning,
    confidence: asked.confidence,
    origin: asked.origin,
    test: event.test,
    shadow: asked.shadow,
    lane: type.lane,
    p: type.slices[sliceOf(id, type.slices.length)]!,
    scheduledAt: null,
    expiresAt: null,
    expiresAfterMs: type.terms.expiresAfterMs,
  }
}
