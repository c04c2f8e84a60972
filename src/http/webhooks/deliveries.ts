import Type from 'typebox'
import { STATUSES } from '../../../actors/action.ts'
import { type Mistake, VolleyError } from '../../errors.ts'
import { isId } from '../../ids.ts'
import { acceptRequest } from '../../ledger/actions/accept-facts.ts'
import {
  type Delivery,
  listDeliveries,
  readDelivery,
  recoverDeliveries,
  repeatDelivery,
} from '../../ledger/endpoints/endpoint-deliveries.ts'
import type { RegisteredEndpoint } from '../../ledger/endpoints/endpoint-registry.ts'
import { isErasedUser } from '../../ledger/people/redact.ts'
import type { Caller, WebDeps } from '../deps.ts'
import { instantMs } from '../external/instant.ts'
import { TimeInput } from '../external/new-action.ts'
import { route } from '../route.ts'
import { DeliveryDetail, DeliverySchema, viewAttempt, viewDelivery } from './delivery-view.ts'
import { EndpointParams } from './endpoints.ts'
import { requireLive } from './live-key.ts'
import { fitting, PAGE_BYTES } from './page-room.ts'
import { findRegistered } from './registered.ts'

const PATH = '/api/webhooks/endpoints/:id/deliveries'
const DeliveryParams = Type.Object({ id: Type.String(), delivery_id: Type.String() })
const RECOVERED_MAX = 10_000

/** What was sent to prove something; a receiver that echoes requests answers with it. */
function secretsOf({ secret, previous, headers }: RegisteredEndpoint): string[] {
  const values = headers.filter((_, i) => i % 2 === 1)
  return [secret, ...(previous === null ? [] : [previous.secret]), ...values]
}

async function deliveryOf(endpoint: string, id: string, deps: WebDeps): Promise<Delivery> {
  const found = isId('ea', id) ? await readDelivery(deps.ledger.pool, endpoint, id) : null
  if (found === null) throw new VolleyError('not_found', `The endpoint has no delivery with the id ${id}.`)
  return found
}

export const getDeliveries = route({
  method: 'GET',
  path: PATH,
  summary: 'What a webhook endpoint was told, newest first',
  description:
    'A page ends at 4 MB of bodies, though it has less than `limit`: `next_cursor` says whether more follows.',
  auth: 'key',
  params: EndpointParams,
  query: Type.Object({
    status: Type.Optional(Type.Enum([...STATUSES])),
    event_type: Type.Optional(Type.String({ maxLength: 256 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 50 })),
    cursor: Type.Optional(Type.String({ maxLength: 64 })),
  }),
  answers: {
    200: Type.Object({
      deliveries: Type.Array(DeliverySchema),
      next_cursor: Type.Union([Type.String(), Type.Null()]),
    }),
  },
  errors: ['not_found', 'live_key_needed'],
  async handler({ params, query, caller, deps }) {
    requireLive(caller)
    const endpoint = await findRegistered(params.id, caller, deps)
    const limit = query.limit ?? 50
    if (query.cursor !== undefined && !isId('ea', query.cursor))
      wrong('invalid_query', '/cursor', 'must be the next_cursor of a list')
    const { deliveries, more } = await listDeliveries(deps.ledger.pool, endpoint.id, {
      statuses: query.status === undefined ? null : [query.status],
      event: query.event_type ?? null,
      before: query.cursor ?? null,
      limit,
      bytes: PAGE_BYTES,
    })
    const secrets = secretsOf(endpoint)
    const page = await fitting(deliveries, (delivery) => {
      const shown = viewDelivery(delivery, secrets, endpoint)
      return { shown, bytes: Buffer.byteLength(shown.request.body ?? '') }
    })
    return {
      status: 200,
      body: {
        deliveries: page,
        next_cursor: more || deliveries.length > page.length ? (page.at(-1)?.id ?? null) : null,
      },
    }
  },
})

export const getDelivery = route({
  method: 'GET',
  path: `${PATH}/:delivery_id`,
  summary: 'One delivery with each of its attempts',
  auth: 'key',
  params: DeliveryParams,
  answers: { 200: Type.Object({ delivery: DeliveryDetail }) },
  errors: ['not_found', 'live_key_needed'],
  async handler({ params, caller, deps }) {
    requireLive(caller)
    const endpoint = await findRegistered(params.id, caller, deps)
    const delivery = await deliveryOf(endpoint.id, params.delivery_id, deps)
    const secrets = secretsOf(endpoint)
    const tries = delivery.tries.map((each) => viewAttempt(each, secrets))
    return { status: 200, body: { delivery: { ...viewDelivery(delivery, secrets, endpoint), tries } } }
  },
})

/** A failed one is retried; one that was delivered is sent once more under the same event id. */
export const postResend = route({
  method: 'POST',
  path: `${PATH}/:delivery_id/resend`,
  summary: 'Send one delivery again, with the same webhook-id and body',
  auth: 'key',
  params: DeliveryParams,
  answers: {
    202: Type.Object({ delivery_id: Type.String({ description: 'Where to see what comes of it.' }) }),
  },
  errors: ['not_found', 'invalid_transition', 'live_key_needed'],
  async handler({ params, caller, deps }) {
    requireLive(caller)
    const endpoint = await activeEndpoint(params.id, caller, deps)
    const delivery = await deliveryOf(endpoint.id, params.delivery_id, deps)
    const { status, id, p, version } = delivery
    if (isErasedUser(delivery.userId))
      throw new VolleyError('invalid_transition', 'Its person was erased; nothing is left to send.')
    if (status === 'failed' || status === 'expired') {
      await acceptRequest(deps.ledger.pool, { id, p, version }, 'retry')
      deps.nudger.nudge([{ kind: 'fact', p }])
      return { status: 202, body: { delivery_id: id } }
    }
    if (status !== 'completed')
      throw new VolleyError(
        'invalid_transition',
        `The delivery is ${status}: it is sent without being asked.`,
      )
    const repeated = await repeatDelivery(deps.ledger.pool, delivery, endpoint)
    deps.nudger.nudge([{ kind: 'lane', p: repeated.p, lane: repeated.lane }])
    return { status: 202, body: { delivery_id: repeated.id } }
  },
})

export const postRecover = route({
  method: 'POST',
  path: '/api/webhooks/endpoints/:id/recover',
  summary: 'Send again everything that failed or expired since a time',
  description: `The oldest first, at most ${RECOVERED_MAX} a call: \`more\` says whether another call finds more.`,
  auth: 'key',
  params: EndpointParams,
  body: Type.Object({ since: TimeInput }),
  answers: { 202: Type.Object({ recovering: Type.Integer(), more: Type.Boolean() }) },
  errors: ['not_found', 'invalid_transition', 'live_key_needed'],
  example: { since: '2026-04-25T00:00:00Z' },
  async handler({ params, body, caller, deps }) {
    requireLive(caller)
    const since = instantMs(body.since) ?? wrong('invalid_body', '/since', 'must be a date that exists')
    const endpoint = await activeEndpoint(params.id, caller, deps)
    const found = await recoverDeliveries(deps.ledger.pool, endpoint.id, Math.max(0, since), RECOVERED_MAX)
    deps.nudger.nudge([...new Set(found)].map((p) => ({ kind: 'fact', p })))
    return { status: 202, body: { recovering: found.length, more: found.length === RECOVERED_MAX } }
  },
})

/** What is sent to one that is not active would end at once. */
async function activeEndpoint(id: string, caller: Caller, deps: WebDeps): Promise<RegisteredEndpoint> {
  const endpoint = await findRegistered(id, caller, deps)
  if (!endpoint.active)
    throw new VolleyError('invalid_transition', 'The endpoint is not active; set active to true first.')
  return endpoint
}

function wrong(code: 'invalid_query' | 'invalid_body', path: string, message: string): never {
  throw new VolleyError(code, undefined, { details: [{ path, message }] satisfies Mistake[] })
}
