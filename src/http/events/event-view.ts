import Type, { type Static } from 'typebox'
import { type EventFilter, type ListedEvent, SHOWN } from '../../ledger/events/list-events.ts'

const Kind = Type.Enum([...SHOWN])

/** What came in about a person, as it is shown. */
export const EventSchema = Type.Object({
  id: Type.String(),
  kind: { ...Kind, description: 'What it says; everything but `event` has a type that begins with $.' },
  type: Type.String(),
  user_id: Type.String(),
  anonymous: Type.Boolean({ description: 'Whether user_id is that of a visitor.' }),
  data: Type.Record(Type.String(), Type.Unknown()),
  time: Type.String({ description: 'When it happened.' }),
  received_at: Type.String(),
  source: Type.String(),
  dedupe_id: Type.Union([Type.String(), Type.Null()]),
  test: Type.Boolean(),
  decides: Type.Boolean({ description: 'False for an imported history: no rule is asked.' }),
})

export function viewEvent(event: ListedEvent): Static<typeof EventSchema> {
  const { id, kind, type, userId, isAnonymous, data, time, receivedAt, source, dedupeId, test, decides } =
    event
  return {
    id,
    kind,
    type,
    user_id: userId,
    anonymous: isAnonymous,
    data,
    time: new Date(time).toISOString(),
    received_at: new Date(receivedAt).toISOString(),
    source,
    dedupe_id: dedupeId,
    test,
    decides,
  }
}

/** What events can be asked for by, in the list and in the stream. */
export const FILTERS = {
  user_id: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
  type: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  source: Type.Optional(
    Type.String({ minLength: 1, maxLength: 64, description: 'segment, posthog, mixpanel, api …' }),
  ),
  kind: Type.Optional(Kind),
  test: Type.Optional(Type.Boolean({ description: 'Only what test keys sent, or only what they did not.' })),
}
const Filters = Type.Object(FILTERS)

export const filterOf = ({ user_id, type, source, kind, test }: Static<typeof Filters>): EventFilter => ({
  userId: user_id ?? null,
  type: type ?? null,
  source: source ?? null,
  kind: kind ?? null,
  test: test ?? null,
})

/** Whether an event is one of those that were asked for. */
export const isAsked = (event: ListedEvent, { userId, type, source, kind, test }: EventFilter): boolean =>
  (userId === null || event.userId === userId) &&
  (type === null || event.type === type) &&
  (source === null || event.source === source) &&
  (kind === null || event.kind === kind) &&
  (test === null || event.test === test)
