import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { newId } from '../../ids.ts'
import { ApiKey, Tenant } from '../entities/tenants.ts'
import type { Ledger } from '../ledger.ts'

/** `live` acts on people; what a `test` key makes is never sent. */
export type KeyMode = 'live' | 'test'

/** Who is asking: the owner of an API key. */
export interface Caller {
  /** A uuid. */
  tenant: string
  mode: KeyMode
  keyId: string
}

/** Who works across tenants: the owner of an operator's key. */
export interface Operator {
  keyId: string
  /** What the key is for; null where its maker did not say. */
  label: string | null
}

/** Whom a key belongs to. */
export type Identity = { kind: 'tenant'; caller: Caller } | { kind: 'operator'; operator: Operator }

/** A key as it may be shown; `tenant` is null for one of an operator. Never the key itself, which is not stored. */
export interface KeyListing {
  id: string
  tenant: string | null
  mode: KeyMode | 'operator'
  /** The first characters of the key, enough to recognise it. */
  prefix: string
  label: string | null
  createdAt: Date
  revokedAt: Date | null
}

const KEY = /^(rt_(live|test)|op_live)_[A-Za-z0-9_-]{43}$/
const PREFIX_LENGTH = 'rt_live_'.length + 4

const hashOf = (key: string) => createHash('sha256').update(key).digest()

/** Creates a key of the tenant with this slug, and the tenant where there is none; the key is shown here only. */
export async function createKey(
  ledger: Ledger,
  options: { tenant: string; mode: KeyMode; label?: string },
): Promise<{ id: string; key: string }> {
  const em = ledger.em()
  // Two that create the same tenant at once: the second finds the first one's row.
  await em.upsert(
    Tenant,
    { id: randomUUID(), slug: options.tenant, created_at: new Date() },
    { onConflictFields: ['slug'], onConflictAction: 'ignore' },
  )
  const tenant = await em.findOneOrFail(Tenant, { slug: options.tenant }, { refresh: true })
  return keepKey(ledger, { ...options, tenant: tenant.id })
}

/** Creates a key of an operator; it is shown here only. */
export async function createOperatorKey(
  ledger: Ledger,
  options: { label?: string } = {},
): Promise<{ id: string; key: string }> {
  return keepKey(ledger, { ...options, tenant: null, mode: 'operator' })
}

async function keepKey(
  ledger: Ledger,
  { tenant, mode, label }: { tenant: string | null; mode: ApiKey['mode']; label?: string },
): Promise<{ id: string; key: string }> {
  const id = newId('ak')
  const key = `${mode === 'operator' ? 'op_live' : `rt_${mode}`}_${randomBytes(32).toString('base64url')}`
  const em = ledger.em()
  em.create(ApiKey, {
    id,
    tenant,
    hash: hashOf(key),
    prefix: key.slice(0, PREFIX_LENGTH),
    mode,
    label: label ?? null,
    revoked_at: null,
  })
  await em.flush()
  return { id, key }
}

/** Whom a key belongs to; null where it is unknown or revoked. */
export async function findIdentity(ledger: Ledger, key: string): Promise<Identity | null> {
  if (!KEY.test(key)) return null
  const { rows } = await ledger.pool.query<{
    id: string
    tenant: string | null
    mode: KeyMode | 'operator'
    label: string | null
  }>({
    name: 'key-find',
    text: 'select id, tenant, mode, label from api_key where hash = $1 and revoked_at is null',
    values: [hashOf(key)],
  })
  const row = rows[0]
  if (row === undefined) return null
  if (row.tenant === null || row.mode === 'operator')
    return { kind: 'operator', operator: { keyId: row.id, label: row.label } }
  return { kind: 'tenant', caller: { tenant: row.tenant, mode: row.mode, keyId: row.id } }
}

/** The owner of a tenant's key; null where it is unknown, revoked or an operator's. */
export async function findKey(ledger: Ledger, key: string): Promise<Caller | null> {
  const identity = await findIdentity(ledger, key)
  return identity?.kind === 'tenant' ? identity.caller : null
}

/** The keys of the tenant with this slug, or of operators for null; newest first, revoked ones too. */
export async function listKeys(ledger: Ledger, tenant: string | null): Promise<KeyListing[]> {
  const em = ledger.em()
  const owner = tenant === null ? null : await em.findOne(Tenant, { slug: tenant })
  if (tenant !== null && owner === null) return []
  const keys = await em.find(ApiKey, { tenant: owner?.id ?? null }, { orderBy: { id: 'desc' } })
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
