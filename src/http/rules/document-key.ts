import Type, { type Static } from 'typebox'
import { didYouMean } from '../../documents/nearest.ts'
import { isOwnKind, OWN_KINDS } from '../../documents/shelf.ts'
import { VolleyError } from '../../errors.ts'
import { type DocumentKey, type DocumentVersion, listVersions } from '../../ledger/rules/rule-documents.ts'
import type { Caller, WebDeps } from '../deps.ts'

export const Params = Type.Object({ kind: Type.String(), name: Type.String() })
export const VersionNumber = Type.Integer({ minimum: 1, maximum: 2_147_483_647 })

/** Whose document it is. Throws `not_found` for a kind that tenants do not keep, `live_key_needed` for a test key. */
export function keyOf(
  { kind, name }: Static<typeof Params>,
  { tenant, mode }: Caller,
  purpose: 'read' | 'write',
): DocumentKey {
  if (!isOwnKind(kind))
    throw new VolleyError(
      'not_found',
      `Tenants keep no documents of the kind ${kind}; expected one of ${OWN_KINDS.join(', ')}${didYouMean(kind, OWN_KINDS)}`,
    )
  if (!/^[a-z][a-z0-9_-]{0,63}$/.test(name))
    throw new VolleyError(
      'not_found',
      `No document can be called ${name}; expected a small letter and at most 63 small letters, digits, _ or -.`,
    )
  if (purpose === 'write' && mode === 'test') throw new VolleyError('live_key_needed')
  return { tenant, kind, name }
}

/** Every version of a document, the newest first. Throws `not_found`. */
export async function versionsOf(deps: WebDeps, key: DocumentKey): Promise<DocumentVersion[]> {
  const versions = await listVersions(deps.ledger.pool, key)
  if (versions.length === 0) throw notFound(key, null)
  return versions
}

/** Throws `not_found` where there is no such version. */
export function pick(versions: readonly DocumentVersion[], version: number): DocumentVersion {
  const found = versions.find((each) => each.version === version)
  if (found === undefined) throw notFound(versions[0]!, version)
  return found
}

export const notFound = ({ kind, name }: DocumentKey, version: number | null) =>
  new VolleyError(
    'not_found',
    version === null
      ? `No document is kept at ${kind}/${name}.`
      : `${kind}/${name} has no version ${version}.`,
  )
