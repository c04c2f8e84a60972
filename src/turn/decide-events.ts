import { decideEvent } from '../../actors/tenant.ts'
import type { Clock } from '../clock.ts'
import type { RuleBook } from '../documents/rule-book.ts'
import type { NewDecision } from '../ledger/decisions.ts'
import type { Mark, StoredEvent } from '../ledger/events-unread.ts'
import type { NewAction } from '../ledger/insert-actions.ts'
import { sliceOf } from '../ledger/placement.ts'
import type { RegisteredType } from '../ledger/type-registry.ts'
import type { Loaded } from './load.ts'

/** Most actions that one turn inserts; events beyond stay unread, since the mark stops before them. */
const INSERTS_A_TURN = 2_000

type NewId = Clock['newId']

/** What a turn decided about events: what to insert, and how far each partition was read. */
export interface EventsDecided {
  actions: NewAction[]
  decisions: NewDecision[]
  marks: Mark[]
  /** Partitions in which events wait for another turn. */
  more: number[]
}

/** Decides about every event of a turn, each user's in their order, until there is enough to insert. */
export function decideEvents(loaded: Loaded, rules: RuleBook, newId: NewId): EventsDecided {
  const decided: EventsDecided = { actions: [], decisions: [], marks: [], more: loaded.moreEvents }
  const marks = new Map<number, Mark>()
  const stopped = new Set<number>()
  for (const event of loaded.events) {
    if (stopped.has(event.p) || decided.actions.length >= INSERTS_A_TURN) {
      stopped.add(event.p)
      continue
    }
    decideOne(event, loaded, rules, newId, decided)
    marks.set(event.p, { p: event.p, xid: event.xid, seq: event.seq })
  }
  decided.marks = [...marks.values()]
  decided.more = [...new Set([...decided.more, ...stopped])]
  return decided
}

function decideOne(
  event: StoredEvent,
  loaded: Loaded,
  rules: RuleBook,
  newId: NewId,
  decided: EventsDecided,
): void {
  const types = loaded.types.get(event.tenant) ?? new Map<string, RegisteredType>()
  const shadow = loaded.inShadow.has(event.tenant)
  // What only becomes known asks for nothing.
  if (event.kind !== 'event' || !event.decides) return
  for (const { decision, action } of decideEvent({ event, rules: rules.forEvent(event.type), types })) {
    const type = action === null ? undefined : types.get(action.typeName)
    const row =
      action === null || type === undefined
        ? null
        : newAction(newId('ea'), event, type, { ...action, shadow })
    if (row !== null) decided.actions.push(row)
    decided.decisions.push({
      id: newId('de'),
      tenant: event.tenant,
      userId: event.userId,
      domain: decision.domain,
      eventId: event.id,
      body: decision,
      actionId: row?.id ?? null,
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
