import { VolleyError } from '../../errors.ts'

const KEY = /^(rt|op)_(live|test)_/

/**
 * The key in an Authorization header: the token of Bearer, or whichever part of Basic is a key, since Segment's libraries
 * send it as the user, Mixpanel's webhooks as the password. Throws `unauthorized` where there is none in it.
 */
export function keyInHeader(authorization: string): string {
  const [, scheme, value] = /^(Bearer|Basic) +(\S+) *$/i.exec(authorization) ?? []
  if (value !== undefined && scheme!.toLowerCase() === 'bearer') return value
  const parts = value === undefined ? [] : Buffer.from(value, 'base64').toString('utf8').split(':')
  const key = parts.find((part) => KEY.test(part))
  if (key === undefined)
    throw new VolleyError(
      'unauthorized',
      'The Authorization header has no API key; "Bearer rt_live_…" or Basic with the key as user or password was expected.',
    )
  return key
}

/** The key in a query, under the names that the vendors' libraries use; null where there is none. */
export function keyInQuery(query: { readonly [name: string]: string | undefined }): string | null {
  return query.api_key || query.token || query.writeKey || null
}
