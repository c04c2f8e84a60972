import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { newId } from '../ids.ts'
import { ApiKey, Tenant } from './entities/tenants.ts'
import type { Ledger } from './ledger.ts'

/** `live` acts on people; what a `test` key makes is never sent. */
export type KeyMode = 'live' | 'test'

/** Who is asking: the owner of an API key. */
export interface Caller {
  /** A uuid. */
  tenant: string
  mode: KeyMode
  keyId: string
}

/** A key as it may be shown: never the key itself, which is not stored. */
export interface KeyListing {
  id: string
  tenant: string
  mode: KeyMode
  /** The first characters of the key, enough to recognise it. */
  prefix: string
  label: string | null
  createdAt: Date
  revokedAt: Date | null
}

const KEY = /^rt_(live|test)_[A-Za-z0-9_-]{43}$/
const PREFIX_LENGTH = 'rt_live_'.length + 4

const hashOf = (key: string) => createHash('sha256').update(key).digest()

/** Creates a key of the tenant with this slug, and the tenant where there is none; the key is shown here only. */
export async function createKey(
  ledger: Ledger,
  options: { tenant: string; mode: KeyMode; label?: string },
): Promise<{ id: string; key: string }> {
  const id = newId('ak')
  const key = `rt_${options.mode}_${randomBytes(32).toString('base64url')}`
  const em = ledger.em()
  // Two that create the same tenant at once: the second finds the first one's row.
  await em.upsert(
    Tenant,
    { id: randomUUID(), slug: options.tenant, created_at: new Date() },
    { onConflictFields: ['slug'], onConflictAction: 'ignore' },
  )
  const tenant = await em.findOneOrFail(Tenant, { slug: options.tenant }, { refresh: true })
  em.create(ApiKey, {
    id,
    tenant: tenant.id,
    hash: hashOf(key),
    prefix: key.slice(0, PREFIX_LENGTH),
    mode: options.mode,
    label: options.label ?? null,
    revoked_at: null,
  })
  await em.flush()
  return { id, key }
}

/** The owner of a key; null where it is unknown or revoked. */
export async function findKey(ledger: Ledger, key: string): Promise<Caller | null> {
  if (!KEY.test(key)) return null
  const { rows } = await ledger.pool.query<{ id: string; tenant: string; mode: KeyMode }>({
    name: 'key-find',
    text: 'select id, tenant, mode from api_key where hash = $1 and revoked_at is null',
    values: [hashOf(key)],
  })
  const row = rows[0]
  return row === undefined ? null : { tenant: row.tenant, mode: row.mode, keyId: row.id }
}

/** The keys of the tenant with this slug, newest first, revoked ones too. */
export async function listKeys(ledger: Ledger, tenant: string): Promise<KeyListing[]> {
  const em = ledger.em()
  const owner = await em.findOne(Tenant, { slug: tenant })
  if (owner === null) return []
  const keys = await em.find(ApiKey, { tenant: owner.id }, { orderBy: { id: 'desc' } })
  return keys.map((key) => ({
    id: key.id,
    tenant,
    mode: key.mode,
    prefix: key.prefix,
    label: key.label ?? null,
    createdAt: key.created_at,
    revokedAt: key.revoked_at ?? null,
  }))
}

/** Ends a key; false where there is none with this id. Processes that have just seen it take it a few seconds longer. */
export async function revokeKey(ledger: Ledger, id: string): Promise<boolean> {
  const em = ledger.em()
  const key = await em.findOne(ApiKey, { id })
  if (key === null) return false
  key.revoked_at ??= new Date()
  await em.flush()
  return true
}
