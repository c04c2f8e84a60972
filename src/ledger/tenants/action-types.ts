import { randomBytes } from 'node:crypto'
import { UniqueConstraintViolationException } from '@mikro-orm/core'
import type { Pool } from 'pg'
import { VolleyError } from '../../errors.ts'
import { newId } from '../../ids.ts'
import { ActionType } from '../entities/action-types.ts'
import type { Ledger } from '../ledger.ts'
import type { SecretBox } from '../secrets.ts'

/** What its author may change of an action type; null takes the default. */
export type ActionTypeFields = Pick<
  ActionType,
  | 'description'
  | 'provider'
  | 'channel'
  | 'domain'
  | 'parameters_schema'
  | 'delivery_webhook'
  | 'estimated_cost_usd'
  | 'retry_policy'
  | 'timeout'
  | 'expires_after'
  | 'max_in_flight'
  | 'rate_limit'
  | 'resend'
  | 'awaits_outcome'
>

/** 64 hex characters, used as text by whoever signs or verifies. */
const newSecret = () => randomBytes(32).toString('hex')

/** Creates a type; throws `action_type_exists` where an active one of the tenant has the name. The secret is only here. */
export async function createActionType(
  ledger: Ledger,
  secrets: SecretBox,
  tenant: string,
  name: string,
  fields: ActionTypeFields,
): Promise<{ type: ActionType; secret: string }> {
  const em = ledger.em()
  const secret = newSecret()
  const type = em.create(ActionType, {
    id: newId('at'),
    tenant,
    name,
    secret: secrets.seal(secret),
    active: true,
    ...fields,
  })
  try {
    await em.persist(type).flush()
  } catch (error) {
    if (!(error instanceof UniqueConstraintViolationException)) throw error
    const other = await ledger.em().findOne(ActionType, { tenant, name, active: true })
    throw new VolleyError('action_type_exists', `An active action type is already called ${name}.`, {
      details: [{ path: '/name', message: `is the name of ${other?.id ?? 'another type'}` }],
    })
  }
  return { type, secret }
}

/** A tenant's types, newest first; null: any. */
export function listActionTypes(
  ledger: Ledger,
  tenant: string,
  filter: { provider: string | null; domain: string | null; active: boolean | null },
): Promise<ActionType[]> {
  const { provider, domain, active } = filter
  return ledger.em().find(
    ActionType,
    {
      tenant,
      ...(provider === null ? {} : { provider }),
      ...(domain === null ? {} : { domain }),
      ...(active === null ? {} : { active }),
    },
    { orderBy: { id: 'desc' } },
  )
}

/** A tenant's type, deleted or not; throws `not_found`. */
export async function findActionType(ledger: Ledger, tenant: string, id: string): Promise<ActionType> {
  return required(await ledger.em().findOne(ActionType, { id, tenant }), id)
}

/** Changes what is given of a type; throws `not_found`. */
export async function changeActionType(
  ledger: Ledger,
  tenant: string,
  id: string,
  changes: Partial<ActionTypeFields> & { active?: boolean },
): Promise<ActionType> {
  const em = ledger.em()
  const type = required(await em.findOne(ActionType, { id, tenant }), id)
  em.assign(type, changes)
  await em.flush()
  return type
}

/** Replaces the secret of a type at once; what is sent from the next second on is signed with the new one. */
export async function rotateSecret(
  ledger: Ledger,
  secrets: SecretBox,
  tenant: string,
  id: string,
): Promise<{ type: ActionType; secret: string }> {
  const em = ledger.em()
  const type = required(await em.findOne(ActionType, { id, tenant }), id)
  const secret = newSecret()
  type.secret = secrets.seal(secret)
  await em.flush()
  return { type, secret }
}

function required(type: ActionType | null, id: string): ActionType {
  if (type === null) throw new VolleyError('not_found', `No action type has the id ${id}.`)
  return type
}

/** Names of a tenant's active types, 2,000 at most. */
export async function activeTypeNames(pool: Pool, tenant: string): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    'select name from action_type where tenant = $1 and active order by name limit 2000',
    [tenant],
  )
  return rows.map(({ name }) => name)
}
