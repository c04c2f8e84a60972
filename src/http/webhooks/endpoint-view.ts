import Type, { type Static } from 'typebox'
import type { EndpointRow } from '../../ledger/endpoints/endpoints.ts'
import { DEFAULT_DELAYS, DEFAULT_EXPIRES_AFTER, DEFAULT_TIMEOUT } from '../../ledger/tenants/type-registry.ts'
import { Nullable } from '../sending-terms.ts'

const Time = Type.String({ description: 'ISO 8601, UTC' })

/** An endpoint as it is shown; the keys of the page first. */
export const EndpointSchema = Type.Object({
  id: Type.String({ examples: ['we_01KAJX0M6Q8V2Y3R5T7W9ZBCDE'] }),
  url: Type.String({ description: 'Empty where it is only pulled from and has none.' }),
  description: Type.String(),
  subscribed_events: Type.Array(Type.String(), { description: '`*` is every event, those to come too.' }),
  filter: Nullable(Type.Record(Type.String(), Type.Unknown())),
  payload_mapping: Type.Unknown({ description: 'null: events are sent as they are.' }),
  active: Type.Boolean({ description: 'False: it is told of nothing.' }),
  created_at: Time,
  updated_at: Time,
  delivery: Type.Enum(['push', 'pull']),
  paused: Type.Boolean({ description: 'What it is to be told waits.' }),
  headers: Type.Array(Type.String(), {
    description: 'Names of its own headers; their values are not shown.',
  }),
  retry_policy: Type.Object({ delays: Type.Array(Type.String()), jitter: Type.Number() }),
  timeout: Type.String(),
  expires_after: Type.String(),
  max_in_flight: Nullable(Type.Integer()),
  rate_limit: Nullable(Type.Object({ limit: Type.Integer(), per: Type.String() })),
  disabled_at: Nullable(Time),
  disabled_reason: Nullable(Type.String()),
  previous_secret_until: Nullable(Time),
  secret: Type.Optional(
    Type.String({ description: '64 hex characters, used as text; shown at creation and rotation only.' }),
  ),
  standard_webhooks_secret: Type.Optional(
    Type.String({ description: 'The same key as libraries of Standard Webhooks take it.' }),
  ),
})
export type EndpointView = Static<typeof EndpointSchema>

/** What may be shown of an endpoint; with its secret where it was made just now. `headerNames` are in the clear. */
export function viewEndpoint(row: EndpointRow, headerNames: string[], secret?: string): EndpointView {
  const until = row.previous_until
  return {
    id: row.id,
    url: row.url,
    description: row.description,
    subscribed_events: row.subscribed_events ?? ['*'],
    filter: row.filter,
    payload_mapping: row.payload_mapping,
    active: row.active,
    created_at: iso(row.created_at),
    updated_at: iso(row.updated_at),
    delivery: row.delivery,
    paused: row.paused,
    headers: headerNames,
    retry_policy: row.retry_policy ?? { delays: [...DEFAULT_DELAYS], jitter: 0 },
    timeout: row.timeout ?? DEFAULT_TIMEOUT,
    expires_after: row.expires_after ?? DEFAULT_EXPIRES_AFTER,
    max_in_flight: row.max_in_flight,
    rate_limit: row.rate_limit,
    disabled_at: row.disabled_at === null ? null : iso(row.disabled_at),
    disabled_reason: row.disabled_reason,
    previous_secret_until: until === null || until < Date.now() ? null : iso(until),
    ...(secret === undefined ? {} : { secret, standard_webhooks_secret: standardSecret(secret) }),
  }
}

const iso = (ms: number): string => new Date(ms).toISOString()

/** Libraries of Standard Webhooks decode what stands behind the prefix, and sign with these bytes. */
const standardSecret = (secret: string) => `whsec_${Buffer.from(secret).toString('base64')}`
