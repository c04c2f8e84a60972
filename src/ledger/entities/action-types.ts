import { defineEntity, type InferEntity, p } from '@mikro-orm/core'

/** How often a failed attempt is repeated, as its author wrote it: durations as text, jitter as a share of a delay. */
export interface RetryPolicyText {
  delays: string[]
  jitter: number
}

/** At most `limit` POSTs within any `per`, a duration as its author wrote it. */
export interface RateLimitText {
  limit: number
  per: string
}

/** A capability of an outside system: where to send, what parameters it takes, how failures are repeated. */
export const ActionType = defineEntity({
  name: 'ActionType',
  tableName: 'action_type',
  properties: {
    id: p.string().primary(),
    tenant: p.uuid(),
    name: p.string(),
    description: p.string().nullable(),
    provider: p.string(),
    /** How it reaches its user, such as email; null: the provider stands for it. */
    channel: p.string().nullable(),
    domain: p.string().nullable(),
    parameters_schema: p.json().$type<Record<string, unknown>>().columnType('json'),
    delivery_webhook: p.string(),
    /** Encrypted with the key of the installation; never leaves the ledger in the clear but to sign. */
    secret: p.type(Buffer).columnType('bytea').hidden(),
    estimated_cost_usd: p.string().nullable(),
    retry_policy: p.json().$type<RetryPolicyText>().columnType('json').nullable(),
    timeout: p.string().nullable(),
    expires_after: p.string().nullable(),
    max_in_flight: p.integer().nullable(),
    rate_limit: p.json().$type<RateLimitText>().columnType('json').nullable(),
    /** `never`: a POST whose result is not known is not sent again. */
    resend: p.enum(['always', 'never']).columnType('text').default('always'),
    awaits_outcome: p.boolean().default(true),
    active: p.boolean().default(true),
    created_at: p.datetime().onCreate(() => new Date()),
    updated_at: p
      .datetime()
      .onCreate(() => new Date())
      .onUpdate(() => new Date()),
  },
})
export type ActionType = InferEntity<typeof ActionType>
