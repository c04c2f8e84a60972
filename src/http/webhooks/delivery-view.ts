import Type, { type Static } from 'typebox'
import { STATUSES } from '../../../actors/action.ts'
import { withoutSecrets } from '../../dispatch/redact.ts'
import { unpacked } from '../../dispatch/request.ts'
import type { Delivery, DeliveryAttempt } from '../../ledger/endpoints/endpoint-deliveries.ts'
import type { RegisteredEndpoint } from '../../ledger/endpoints/endpoint-registry.ts'
import { isErasedUser } from '../../ledger/people/redact.ts'
import { Nullable } from '../sending-terms.ts'

const Time = Type.String({ description: 'ISO 8601, UTC' })

const AttemptSchema = Type.Object({
  attempt: Type.Integer(),
  at: Time,
  http_status: Nullable(Type.Integer()),
  latency_ms: Nullable(Type.Number()),
  error: Nullable(Type.String({ description: 'null where it was delivered; `http_status`, `timeout` …' })),
  message: Nullable(Type.String()),
  response_excerpt: Nullable(
    Type.String({ description: 'At most 4 KiB of the answer, without secrets that we sent.' }),
  ),
})

/** One delivery as it is shown. */
export const DeliverySchema = Type.Object({
  id: Type.String(),
  event_id: Nullable(Type.String({ description: 'What went out as webhook-id.' })),
  event_type: Type.String(),
  status: Type.Enum([...STATUSES], { description: '`completed`: it was delivered.' }),
  failure_reason: Nullable(Type.String()),
  attempts: Type.Integer(),
  latency_ms: Nullable(Type.Number({ description: 'Of the last attempt.' })),
  next_attempt_at: Nullable(Time),
  created_at: Time,
  updated_at: Time,
  pulled: Type.Boolean({ description: 'It was acknowledged by whoever pulled it.' }),
  request: Type.Object({ body: Nullable(Type.String({ description: 'null once its person was erased.' })) }),
  last_attempt: Nullable(AttemptSchema),
})
export const DeliveryDetail = Type.Intersect([
  DeliverySchema,
  Type.Object({ tries: Type.Array(AttemptSchema) }),
])

const iso = (ms: number): string => new Date(ms).toISOString()

/** What is sent with the mapping that is in force; what it fails over is shown as it would be without one. */
function bodyBy(mapped: RegisteredEndpoint['mapped'], body: string): string {
  const made = mapped?.(body)
  return made?.kind === 'made' ? made.text : body
}

/** `secrets`: texts that no answer may show again, though a receiver may have sent them back. */
export function viewDelivery(
  delivery: Delivery,
  secrets: readonly string[],
  { mapped }: Pick<RegisteredEndpoint, 'mapped'>,
): Static<typeof DeliverySchema> {
  const last = delivery.tries.at(-1)
  const sent = isErasedUser(delivery.userId) ? null : unpacked(delivery.parameters)
  return {
    id: delivery.id,
    event_id: sent?.id ?? null,
    event_type: delivery.origin.replace(/^event:/, ''),
    status: delivery.status,
    failure_reason: delivery.failureReason,
    attempts: delivery.attempts,
    latency_ms: last?.detail?.latency_ms ?? null,
    next_attempt_at: delivery.nextAt === null ? null : iso(delivery.nextAt),
    created_at: iso(delivery.createdAt),
    updated_at: iso(delivery.updatedAt),
    pulled: delivery.isPulled,
    request: { body: sent === null ? null : bodyBy(mapped, sent.body) },
    last_attempt: last === undefined ? null : viewAttempt(last, secrets),
  }
}

export function viewAttempt(
  { attempt, at, detail }: DeliveryAttempt,
  secrets: readonly string[],
): Static<typeof AttemptSchema> {
  const excerpt = detail?.response_excerpt
  return {
    attempt,
    at: iso(at),
    http_status: detail?.http_status ?? null,
    latency_ms: detail?.latency_ms ?? null,
    error: detail?.error ?? null,
    message: detail?.message ?? null,
    response_excerpt: excerpt === undefined ? null : withoutSecrets(excerpt, secrets),
  }
}
