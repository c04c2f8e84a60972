import Type, { type Static, type TSchema } from 'typebox'
import { OUTCOME_STATUSES, STATUSES } from './action.ts'

/**
 * What endpoints can be told of: each type of event with the schema of its `data`. Whatever is sent is made by a function
 * whose result has the type that follows from this schema, so the list cannot say anything else than what is sent.
 */

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const Time = Type.String({ description: 'ISO 8601, UTC' })

/** What is said of an action at one step of its life. */
export const ActionData = Type.Object({
  action_id: Type.String(),
  action_type: Type.String(),
  provider: Type.String(),
  user_id: Type.String(),
  parameters: Type.Record(Type.String(), Type.Unknown()),
  status: Type.Enum([...STATUSES]),
  outcome_status: Nullable(Type.Enum([...OUTCOME_STATUSES])),
  result: Type.Unknown({ description: 'What the outcome said, or null.' }),
  failure_reason: Nullable(Type.String()),
  late: Type.Boolean({ description: 'The outcome came after the action had ended without one.' }),
  attempts: Type.Integer(),
  next_attempt_at: Nullable(Time),
})
export type ActionData = Static<typeof ActionData>

/** What is said of an event that somebody sent. */
export const CustomData = Type.Object({
  event_id: Type.String(),
  user_id: Type.String(),
  time: Time,
  data: Type.Record(Type.String(), Type.Unknown(), { description: 'As it was sent.' }),
})
export type CustomData = Static<typeof CustomData>

/** What is said of a destination whose POSTs are held back, or go on. */
export const BreakerData = Type.Object({
  destination: Type.String({ description: 'Scheme, host and port.' }),
  reason: Type.String(),
})
export type BreakerData = Static<typeof BreakerData>

/** What is said of an endpoint that fails. */
export const EndpointData = Type.Object({
  endpoint_id: Type.String(),
  url: Type.String(),
  reason: Type.String(),
  failing_since: Nullable(Time),
  disabled_at: Nullable(Type.String({ description: 'ISO 8601, UTC: since when, or when it will be.' })),
})

export type EndpointData = Static<typeof EndpointData>

export const TestData = Type.Object({ message: Type.String() })
export type TestData = Static<typeof TestData>

/** One type of event: when it is sent, and what its `data` is. */
export interface EventType {
  description: string
  data: TSchema
}

/** Every type of event by its name; `custom.*` stands for all that clients send. */
export const EVENT_TYPES = {
  'external_action.dispatched': {
    description: 'An action was sent and its receiver took it; its outcome is awaited.',
    data: ActionData,
  },
  'external_action.completed': {
    description:
      'An outcome of completed, partial or ignored came, or a type that awaits none was delivered; `outcome_status` says which.',
    data: ActionData,
  },
  'external_action.failed': {
    description:
      'An action failed, or its receiver rejected it; `failure_reason` and `outcome_status` say why.',
    data: ActionData,
  },
  'external_action.expired': {
    description: 'The deadline of an action passed without an outcome.',
    data: ActionData,
  },
  'external_action.retrying': {
    description: 'An attempt failed and is repeated at `next_attempt_at`, or a retry was asked for.',
    data: ActionData,
  },
  'breaker.opened': {
    description: 'So much sent to a destination fails that nothing more is sent to it for now.',
    data: BreakerData,
  },
  'breaker.closed': { description: 'What waited for a destination is sent again.', data: BreakerData },
  'endpoint.failing': {
    description:
      'An endpoint has done nothing but fail for 50, 70 or 90 % of the time after which it is disabled.',
    data: EndpointData,
  },
  'endpoint.disabled': {
    description: 'An endpoint is told of nothing any more: it failed for too long, or answered 410.',
    data: EndpointData,
  },
  'custom.*': { description: 'Any event that a client sent under this name.', data: CustomData },
} as const satisfies Record<string, EventType>

export type EventName = Exclude<keyof typeof EVENT_TYPES, 'custom.*'> | `custom.${string}`

/** What is sent when an endpoint is tried out; nobody subscribes to it. */
export const TEST_EVENT = 'webhook.test'

/** Groups of which nothing is sent yet: whoever subscribes to them now is told of them from the first on. */
export const GROUPS_TO_COME: readonly string[] = ['reward_redemption.*', 'activity.*']

const CUSTOM_PATTERN = /^custom(\.[a-z0-9_-]+)*(\.\*)?$/

/** Whether an endpoint may subscribe to this: a name, all of a group (`external_action.*`), or everything (`*`). */
export function isSubscribable(name: string): boolean {
  if (name === '*' || Object.hasOwn(EVENT_TYPES, name) || GROUPS_TO_COME.includes(name)) return true
  if (name.startsWith('custom.')) return CUSTOM_PATTERN.test(name)
  return name.endsWith('.*') && Object.keys(EVENT_TYPES).some((each) => each.startsWith(name.slice(0, -1)))
}

/** Whether an endpoint with these subscriptions is to be told of an event; null: of every one. */
export function subscription(names: readonly string[] | null): (event: string) => boolean {
  if (names === null || names.includes('*')) return () => true
  const exact = new Set(names)
  const prefixes = names.filter((name) => name.endsWith('.*')).map((name) => name.slice(0, -1))
  return (event) => exact.has(event) || prefixes.some((prefix) => event.startsWith(prefix))
}
