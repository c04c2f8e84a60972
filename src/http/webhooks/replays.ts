import Type, { type Static } from 'typebox'
import { type Mistake, VolleyError } from '../../errors.ts'
import { isId } from '../../ids.ts'
import { findEndpoint } from '../../ledger/endpoints/endpoints.ts'
import {
  cancelReplay,
  createReplay,
  listReplays,
  type Replay,
  readReplay,
} from '../../ledger/endpoints/replays.ts'
import type { Caller, WebDeps } from '../deps.ts'
import { instantMs } from '../external/instant.ts'
import { TimeInput } from '../external/new-action.ts'
import { route } from '../route.ts'
import { Nullable } from '../sending-terms.ts'
import { checkEvents } from './endpoint-fields.ts'
import { EndpointParams } from './endpoints.ts'
import { requireLive } from './live-key.ts'

const PATH = '/api/webhooks/endpoints/:id/replays'
const ReplayParams = Type.Object({ id: Type.String(), replay_id: Type.String() })
const PER_SECOND = { default: 100, max: 1_000 }
const SHOWN = 100

const Time = Type.String({ description: 'ISO 8601, UTC' })
const ReplaySchema = Type.Object({
  id: Type.String({ examples: ['wr_01KAJX0M6Q8V2Y3R5T7W9ZBCDE'] }),
  state: Type.Enum(['running', 'done', 'cancelled']),
  since: Time,
  until: Type.String({
    description: 'Up to where the endpoint is told by itself, if nothing else was asked.',
  }),
  event_types: Nullable(Type.Array(Type.String())),
  per_second: Type.Integer(),
  told: Type.Integer({ description: 'Deliveries made.' }),
  looked_at: Type.Integer({ description: 'What happened and was looked at, wanted or not.' }),
  estimated_total: Nullable(
    Type.Integer({
      description: 'How much there is to look at, counted up to 200,000 of each kind; null until it began.',
    }),
  ),
  reached: Nullable(Type.String({ description: 'Everything before this time was looked at.' })),
  waits_for: Nullable(Type.String({ description: 'Why it does not go on; null: it does.' })),
  created_at: Time,
  ended_at: Nullable(Time),
})
const One = Type.Object({ replay: ReplaySchema })

const iso = (ms: number): string => new Date(ms).toISOString()
const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms))

const viewReplay = (replay: Replay): Static<typeof ReplaySchema> => ({
  id: replay.id,
  state: replay.state,
  since: iso(replay.since),
  until: iso(replay.until),
  event_types: replay.eventTypes,
  per_second: replay.perSecond,
  told: replay.told,
  looked_at: replay.lookedAt,
  estimated_total: replay.estimated === null ? null : Math.max(replay.estimated, replay.lookedAt),
  reached: isoOrNull(replay.reached),
  waits_for: replay.waitsFor,
  created_at: iso(replay.createdAt),
  ended_at: isoOrNull(replay.endedAt),
})

export const postReplay = route({
  method: 'POST',
  path: '/api/webhooks/endpoints/:id/replay',
  summary: 'Tell a webhook endpoint again everything that happened since a time',
  description:
    'Also what happened before the endpoint was there, in order, under the same webhook-id as ever; what it did not subscribe to and what its filter keeps out is not told. One replay of an endpoint goes on at a time.',
  auth: 'key',
  params: EndpointParams,
  body: Type.Object({
    since: TimeInput,
    until: Type.Optional(Nullable(TimeInput)),
    event_types: Type.Optional(
      Nullable(Type.Array(Type.String({ maxLength: 256 }), { minItems: 1, maxItems: 200 })),
    ),
    per_second: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: PER_SECOND.max,
        description: `Most deliveries made in a second; ${PER_SECOND.default} if not given.`,
      }),
    ),
  }),
  answers: { 202: One },
  errors: ['not_found', 'invalid_transition', 'live_key_needed'],
  example: { since: '2026-04-25T00:00:00Z', event_types: ['external_action.*'] },
  async handler({ params, body, caller, deps }) {
    requireLive(caller)
    const endpoint = await findEndpoint(deps.ledger.pool, caller.tenant, params.id)
    if (!endpoint.active)
      throw new VolleyError('invalid_transition', 'The endpoint is not active; set active to true first.')
    checkEvents(body.event_types ?? [], '/event_types')
    const since = msOf('/since', body.since)
    const until = body.until == null ? null : msOf('/until', body.until)
    if (until !== null && until > Date.now()) wrong('/until', 'must not lie in the future')
    if (since >= (until ?? Date.now())) wrong('/since', `must be before ${until === null ? 'now' : 'until'}`)
    const replay = await createReplay(deps.ledger.pool, {
      endpoint: endpoint.id,
      tenant: caller.tenant,
      since,
      until,
      eventTypes: body.event_types ?? null,
      perSecond: body.per_second ?? PER_SECOND.default,
    })
    if (replay === null)
      throw new VolleyError(
        'invalid_transition',
        'A replay of this endpoint is under way; wait for its end, or cancel it.',
      )
    return { status: 202, body: { replay: viewReplay(replay) } }
  },
})

function msOf(path: string, text: string): number {
  const ms = instantMs(text)
  return ms === null ? wrong(path, 'must be a date that exists') : Math.max(0, ms)
}

function wrong(path: string, message: string): never {
  throw new VolleyError('invalid_body', undefined, { details: [{ path, message }] satisfies Mistake[] })
}

export const getReplays = route({
  method: 'GET',
  path: PATH,
  summary: `The latest ${SHOWN} replays of a webhook endpoint, newest first`,
  auth: 'key',
  params: EndpointParams,
  answers: { 200: Type.Object({ replays: Type.Array(ReplaySchema) }) },
  errors: ['not_found'],
  async handler({ params, caller, deps }) {
    const { id } = await findEndpoint(deps.ledger.pool, caller.tenant, params.id)
    const replays = await listReplays(deps.ledger.pool, id, SHOWN)
    return { status: 200, body: { replays: replays.map(viewReplay) } }
  },
})

export const getReplay = route({
  method: 'GET',
  path: `${PATH}/:replay_id`,
  summary: 'How far a replay came',
  auth: 'key',
  params: ReplayParams,
  answers: { 200: One },
  errors: ['not_found'],
  async handler({ params, caller, deps }) {
    const replay = await replayOf(readReplay, params, caller, deps)
    return { status: 200, body: { replay: viewReplay(replay) } }
  },
})

export const postCancelReplay = route({
  method: 'POST',
  path: `${PATH}/:replay_id/cancel`,
  summary: 'End a replay; what it has made already is still told',
  auth: 'key',
  params: ReplayParams,
  answers: { 200: One },
  errors: ['not_found', 'live_key_needed'],
  async handler({ params, caller, deps }) {
    requireLive(caller)
    const replay = await replayOf(cancelReplay, params, caller, deps)
    return { status: 200, body: { replay: viewReplay(replay) } }
  },
})

async function replayOf(
  find: typeof readReplay,
  { id, replay_id }: Static<typeof ReplayParams>,
  { tenant }: Caller,
  { ledger }: WebDeps,
): Promise<Replay> {
  const endpoint = await findEndpoint(ledger.pool, tenant, id)
  if (!isId('wr', replay_id))
    throw new VolleyError('not_found', `The endpoint has no replay with the id ${replay_id}.`)
  return find(ledger.pool, endpoint.id, replay_id)
}
