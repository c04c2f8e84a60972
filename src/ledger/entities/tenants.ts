import { defineEntity, type InferEntity, p } from '@mikro-orm/core'

/** A customer of this installation; everything else belongs to one. */
export const Tenant = defineEntity({
  name: 'Tenant',
  tableName: 'tenant',
  properties: {
    id: p.uuid().primary(),
    slug: p.string().unique(),
    created_at: p.datetime().onCreate(() => new Date()),
  },
})
export type Tenant = InferEntity<typeof Tenant>

/** A credential of a tenant, or of an operator, who has none. The key itself is shown once and never stored; `hash` is its SHA-256. */
export const ApiKey = defineEntity({
  name: 'ApiKey',
  tableName: 'api_key',
  properties: {
    id: p.string().primary(),
    tenant: p.uuid().nullable(),
    hash: p.type(Buffer).columnType('bytea'),
    prefix: p.string(),
    mode: p.enum(['live', 'test', 'operator'] as const),
    label: p.string().nullable(),
    created_at: p.datetime().onCreate(() => new Date()),
    revoked_at: p.datetime().nullable(),
  },
})
export type ApiKey = InferEntity<typeof ApiKey>
