import Type from 'typebox'
import { isSignedBySegment } from '../../connectors/segment-signature.ts'
import { VolleyError } from '../../errors.ts'
import { changeSegmentSecret, readSegmentSecret } from '../../ledger/tenants/segment-secret.ts'
import type { Caller, WebDeps } from '../deps.ts'
import { route } from '../route.ts'

/** Throws `signature_invalid` where the tenant has a secret with Segment and the body is not signed by it. */
export async function requireSignature(
  deps: WebDeps,
  { tenant }: Caller,
  body: Buffer,
  signature: string | null,
): Promise<void> {
  const secret = await deps.segmentSecrets.of(tenant)
  if (secret !== null && !isSignedBySegment(body, signature ?? undefined, secret))
    throw new VolleyError('signature_invalid')
}

const PATH = '/api/connectors/segment/secret'
const Configured = Type.Object({ configured: Type.Boolean() })

export const getSegmentSecret = route({
  method: 'GET',
  path: PATH,
  summary: 'Whether X-Signature of Segment is checked',
  auth: 'key',
  answers: { 200: Configured },
  async handler({ caller, deps }) {
    const sealed = await readSegmentSecret(deps.ledger.pool, caller.tenant)
    return { status: 200, body: { configured: sealed !== null } }
  },
})

export const putSegmentSecret = route({
  method: 'PUT',
  path: PATH,
  summary: 'Check X-Signature of Segment from now on',
  description:
    'Within a second, what is posted to /api/connectors/segment is refused where it is not signed by this secret. The API key stays necessary. The libraries of Segment sign nothing, and their addresses do not ask for it.',
  auth: 'key',
  body: Type.Object({ secret: Type.String({ minLength: 8, maxLength: 500 }) }),
  answers: { 200: Configured },
  errors: ['live_key_needed'],
  example: { secret: 'as it stands in the settings of the destination' },
  async handler({ body, caller, deps }) {
    requireLive(caller)
    await changeSegmentSecret(deps.ledger.pool, caller.tenant, deps.secrets.seal(body.secret))
    deps.segmentSecrets.forget(caller.tenant)
    return { status: 200, body: { configured: true } }
  },
})

export const deleteSegmentSecret = route({
  method: 'DELETE',
  path: PATH,
  summary: 'Check X-Signature of Segment no longer',
  auth: 'key',
  answers: { 200: Configured },
  errors: ['live_key_needed'],
  async handler({ caller, deps }) {
    requireLive(caller)
    await changeSegmentSecret(deps.ledger.pool, caller.tenant, null)
    deps.segmentSecrets.forget(caller.tenant)
    return { status: 200, body: { configured: false } }
  },
})

// A test key changes nothing that live keys depend on.
function requireLive({ mode }: Caller): void {
  if (mode === 'test') throw new VolleyError('live_key_needed')
}
