import { VolleyError } from '../errors.ts'

/** Whose key a command is about, as its options say. */
export interface KeyOwner {
  tenant?: string
  operator?: boolean
}

/** The slug of the tenant, null for an operator. Throws `config_invalid` where it is neither or both. */
export function ownerOf({ tenant, operator }: KeyOwner): string | null {
  if ((tenant === undefined) === (operator !== true))
    throw new VolleyError('config_invalid', 'volley keys: expected --tenant <slug>, or --operator')
  if (tenant === undefined) return null
  if (/^[a-z0-9][a-z0-9-]{0,62}$/.test(tenant)) return tenant
  throw new VolleyError(
    'config_invalid',
    `--tenant ${tenant}: expected lower-case letters, digits and hyphens`,
  )
}
