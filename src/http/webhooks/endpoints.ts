import Type from 'typebox'
import type { Plan } from '../../documents/plans.ts'
import { durationMs } from '../../duration.ts'
import { countLost } from '../../ledger/endpoints/endpoint-deliveries.ts'
import { type EndpointHealth, readHealth } from '../../ledger/endpoints/endpoint-health.ts'
import {
  changeEndpoint,
  createEndpoint,
  deleteEndpoint,
  type EndpointRow,
  findEndpoint,
  listEndpoints,
  planOf,
  rotateEndpointSecret,
} from '../../ledger/endpoints/endpoints.ts'
import { DEFAULT_EXPIRES_AFTER } from '../../ledger/tenants/type-registry.ts'
import type { WebDeps } from '../deps.ts'
import { route } from '../route.ts'
import { Duration, Nullable, refuse, within } from '../sending-terms.ts'
import { ChangeBody, CreateBody, fieldsOf } from './endpoint-fields.ts'
import { EndpointSchema, viewEndpoint } from './endpoint-view.ts'
import { requireLive } from './live-key.ts'

const PATH = '/api/webhooks/endpoints'
export const EndpointParams = Type.Object({ id: Type.String() })
const One = Type.Object({ endpoint: EndpointSchema })
const LATE_SUBSCRIBER =
  'It is told of what happens from a second after the answer at the latest, and of nothing before.'

const view = (row: EndpointRow, { secrets }: WebDeps, secret?: string) => {
  const headers = row.headers === null ? {} : (JSON.parse(secrets.open(row.headers)) as object)
  return { endpoint: viewEndpoint(row, Object.keys(headers), secret) }
}

export const getEndpoints = route({
  method: 'GET',
  path: PATH,
  summary: 'List webhook endpoints',
  auth: 'key',
  answers: { 200: Type.Object({ endpoints: Type.Array(EndpointSchema) }) },
  async handler({ caller, deps }) {
    const rows = await listEndpoints(deps.ledger.pool, caller.tenant)
    return { status: 200, body: { endpoints: rows.map((row) => view(row, deps).endpoint) } }
  },
})

const OverPlan = Type.Object({ error: Type.String(), code: Type.String(), upgrade_to: Type.String() })

export const postEndpoint = route({
  method: 'POST',
  path: PATH,
  summary: 'Register a webhook endpoint',
  description: `The secret is only in this answer. ${LATE_SUBSCRIBER}`,
  auth: 'key',
  namesOnce: true,
  body: CreateBody,
  answers: { 201: One, 403: OverPlan },
  errors: ['address_refused', 'plan_limit', 'live_key_needed'],
  example: { url: 'https://example.com/volley', subscribed_events: ['external_action.*', 'custom.reward.*'] },
  async handler({ body, caller, deps }) {
    requireLive(caller)
    const fields = { ...fieldsOf(body, deps), url: body.url ?? '' }
    requireUrl(fields)
    const { pool } = deps.ledger
    const limit = endpointLimit(deps.plans, await planOf(pool, caller.tenant))
    const created = await createEndpoint(pool, deps.secrets, caller.tenant, fields, limit.max)
    if (created.kind === 'over') {
      const error = `The plan ${limit.plan} has room for ${limit.max} webhook endpoint${limit.max === 1 ? '' : 's'}.`
      return { status: 403, body: { error, code: 'plan_limit', upgrade_to: limit.upgradeTo } }
    }
    return { status: 201, body: view(created.endpoint, deps, created.secret) }
  },
})

function requireUrl({ url, delivery }: { url: string; delivery?: 'push' | 'pull' }): void {
  if (url === '' && delivery !== 'pull')
    refuse('invalid_body', '/url', 'must be given, unless delivery is "pull"')
}

/** How many endpoints a tier allows, and which tier allows more; no limit for a tenant without a tier. */
function endpointLimit(plans: readonly Plan[], name: string | null) {
  const plan = plans.find((each) => each.name === name)
  const max = plan?.webhook_endpoints_max ?? null
  const roomier = plans.find((each) => (each.webhook_endpoints_max ?? Infinity) > (max ?? Infinity))
  return { plan: name ?? '', max, upgradeTo: roomier?.name ?? '' }
}

const Time = Nullable(Type.String())
const Health = Type.Object({
  last_success_at: Time,
  last_failure_at: Time,
  last_failure: Nullable(Type.String()),
  failing_since: Time,
})

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())

const viewHealth = (health: EndpointHealth) => ({
  last_success_at: iso(health.lastSuccessAt),
  last_failure_at: iso(health.lastFailureAt),
  last_failure: health.lastFailure,
  failing_since: iso(health.failingSince),
})

export const getEndpoint = route({
  method: 'GET',
  path: `${PATH}/:id`,
  summary: 'One webhook endpoint',
  auth: 'key',
  params: EndpointParams,
  answers: { 200: Type.Object({ endpoint: EndpointSchema, health: Health }) },
  errors: ['not_found'],
  async handler({ params, caller, deps }) {
    const row = await findEndpoint(deps.ledger.pool, caller.tenant, params.id)
    const health = viewHealth(await readHealth(deps.ledger.pool, row.id))
    return { status: 200, body: { ...view(row, deps), health } }
  },
})

const LOST_SHOWN_MAX = 10_000
const Recovery = Type.Object(
  {
    since: Type.String(),
    failed: Type.Integer({
      description: `Deliveries that failed since then, counted up to ${LOST_SHOWN_MAX}.`,
    }),
  },
  { description: 'Where Volley had disabled it: what `POST …/recover` with this `since` sends again.' },
)

/** What an endpoint that Volley disabled has missed since its failures began; null where it did not. */
async function recoveryOf(at: { tenant: string; id: string }, { ledger }: WebDeps) {
  const { active, disabled_at, expires_after } = await findEndpoint(ledger.pool, at.tenant, at.id)
  if (active || disabled_at === null) return null
  const { failingSince } = await readHealth(ledger.pool, at.id)
  // What failed by then may have waited for as long as anything waits.
  const waitMs = durationMs(expires_after ?? DEFAULT_EXPIRES_AFTER)!
  const since = Math.min(failingSince ?? disabled_at, disabled_at) - waitMs
  return { since: iso(since)!, failed: await countLost(ledger.pool, at.id, since, LOST_SHOWN_MAX) }
}

export const putEndpoint = route({
  method: 'PUT',
  path: `${PATH}/:id`,
  summary: 'Change what is given of a webhook endpoint',
  auth: 'key',
  params: EndpointParams,
  namesOnce: true,
  body: ChangeBody,
  answers: { 200: Type.Object({ endpoint: EndpointSchema, recovery: Type.Optional(Recovery) }) },
  errors: ['not_found', 'address_refused', 'live_key_needed'],
  example: {},
  async handler({ params, body, caller, deps }) {
    requireLive(caller)
    const at = { tenant: caller.tenant, id: params.id }
    const fields = fieldsOf(body, deps)
    if (fields.delivery === 'push' && fields.url === undefined)
      requireUrl({ ...(await findEndpoint(deps.ledger.pool, at.tenant, at.id)), delivery: 'push' })
    const recovery = fields.active === true ? await recoveryOf(at, deps) : null
    const row = await changeEndpoint(deps.ledger.pool, deps.secrets, at, fields)
    return { status: 200, body: { ...view(row, deps), ...(recovery === null ? {} : { recovery }) } }
  },
})

export const removeEndpoint = route({
  method: 'DELETE',
  path: `${PATH}/:id`,
  summary: 'Delete a webhook endpoint; what it was still to be told ends as failed',
  auth: 'key',
  params: EndpointParams,
  answers: { 200: Type.Object({ deleted: Type.Literal(true) }) },
  errors: ['not_found', 'live_key_needed'],
  async handler({ params, caller, deps }) {
    requireLive(caller)
    await deleteEndpoint(deps.ledger.pool, caller.tenant, params.id)
    return { status: 200, body: { deleted: true as const } }
  },
})

const OVERLAP = '24h'
const OVERLAP_MS_MAX = 7 * 86_400_000

export const postRotateEndpointSecret = route({
  method: 'POST',
  path: `${PATH}/:id/rotate-secret`,
  summary: 'Replace the secret of a webhook endpoint',
  description: `For the time of \`overlap\` (24 hours if not given) the one before signs too: second in \`webhook-signature\`, and in \`Signature-Previous\`.`,
  auth: 'key',
  params: EndpointParams,
  query: Type.Object({ overlap: Type.Optional(Duration) }),
  answers: { 200: One },
  errors: ['not_found', 'live_key_needed'],
  async handler({ params, query, caller, deps }) {
    requireLive(caller)
    within('/overlap', query.overlap, 0, OVERLAP_MS_MAX, 'at most "7d"', 'invalid_query')
    const at = { tenant: caller.tenant, id: params.id }
    const overlapMs = durationMs(query.overlap ?? OVERLAP)!
    const { endpoint, secret } = await rotateEndpointSecret(deps.ledger.pool, deps.secrets, at, overlapMs)
    return { status: 200, body: view(endpoint, deps, secret) }
  },
})
