import { setTimeout as sleep } from 'node:timers/promises'
import Type, { type Static } from 'typebox'
import { unpacked } from '../../dispatch/request.ts'
import { durationMs } from '../../duration.ts'
import { type Mistake, VolleyError } from '../../errors.ts'
import { isId } from '../../ids.ts'
import { reportHealth } from '../../ledger/endpoints/endpoint-health.ts'
import type { RegisteredEndpoint } from '../../ledger/endpoints/endpoint-registry.ts'
import { findEndpoint } from '../../ledger/endpoints/endpoints.ts'
import {
  acknowledge,
  keepPage,
  type PulledEndpoint,
  readPage,
  readWaiting,
  type Waiting,
} from '../../ledger/endpoints/pull.ts'
import type { WebDeps } from '../deps.ts'
import { route } from '../route.ts'
import { Duration, Nullable, within } from '../sending-terms.ts'
import { EndpointParams } from './endpoints.ts'
import { requireLive } from './live-key.ts'
import { fitting, PAGE_BYTES, type Sized } from './page-room.ts'
import { findRegistered } from './registered.ts'

const PAGE = { default: 100, max: 1_000 }
const WAIT_MS_MAX = 30_000
/** How often a request that waits asks the ledger: what happens now is told a moment later, and in the end each second. */
const FIRST_LOOK_MS = 50
const laterLook = (ms: number) => Math.min(2 * ms, 1_000)

const Pulled = Type.Object({
  id: Type.String({ description: 'Of the delivery, by which it can be acknowledged alone.' }),
  event_id: Type.String({ description: 'The same as webhook-id where it is sent.' }),
  body: Type.Unknown({ description: 'What would be sent; null where its mapping fails.' }),
  error: Type.Optional(Type.String({ description: 'Why the mapping fails.' })),
})

export const getPoll = route({
  method: 'GET',
  path: '/api/webhooks/endpoints/:id/poll',
  summary: 'Pull what a webhook endpoint is still to be told, the oldest first',
  description:
    'The `cursor` of an answer acknowledges all that was in it; what is acknowledged is not sent any more. What is not comes again with the next call.',
  auth: 'key',
  params: EndpointParams,
  query: Type.Object({
    cursor: Type.Optional(Type.String({ maxLength: 64, description: 'Of the answer before.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: PAGE.max, default: PAGE.default })),
    wait: Type.Optional(Duration),
  }),
  answers: {
    200: Type.Object({
      deliveries: Type.Array(Pulled),
      cursor: Nullable(
        Type.String({ description: 'To be given with the next call; null: nothing was given yet.' }),
      ),
      has_more: Type.Boolean({ description: 'More waits already.' }),
    }),
  },
  errors: ['not_found', 'live_key_needed'],
  async handler({ params, query, caller, deps, signal }) {
    requireLive(caller)
    within('/wait', query.wait, 0, WAIT_MS_MAX, 'at most "30s"', 'invalid_query')
    const endpoint = await findRegistered(params.id, caller, deps)
    const before = query.cursor ?? null
    if (before !== null) await acknowledgePage(endpoint.id, before, deps, '/cursor', 'invalid_query')
    const limit = query.limit ?? PAGE.default
    const waitMs = durationMs(query.wait ?? '0s') ?? 0
    const found = await waiting(endpoint, { limit, waitMs, signal }, deps)
    const given = await fitting(found.waiting, (each) => sizedWaiting(each, endpoint))
    const cursor =
      given.length === 0
        ? before
        : await keepPage(
            deps.ledger.pool,
            endpoint.id,
            given.map(({ id }) => id),
          )
    return {
      status: 200,
      body: {
        deliveries: given,
        cursor,
        has_more: found.more || found.waiting.length > given.length,
      },
    }
  },
})

function sizedWaiting(
  { id, parameters }: Waiting,
  { mapped }: RegisteredEndpoint,
): Sized<Static<typeof Pulled>> {
  const { id: event_id, body } = unpacked(parameters)
  const made = mapped?.(body) ?? { kind: 'made', text: body }
  if (made.kind === 'failed') {
    const { message } = made
    return { shown: { id, event_id, body: null, error: message }, bytes: Buffer.byteLength(message) }
  }
  const shown = { id, event_id, body: JSON.parse(made.text) as unknown }
  return { shown, bytes: Buffer.byteLength(made.text) }
}

/** What is to be told now, or within `waitMs`. */
async function waiting(
  endpoint: PulledEndpoint,
  { limit, waitMs, signal }: { limit: number; waitMs: number; signal: AbortSignal },
  { ledger, config, pullWaits }: WebDeps,
): Promise<{ waiting: Waiting[]; more: boolean }> {
  const look = () => readWaiting(ledger.pool, endpoint, config.partitions, { limit, bytes: PAGE_BYTES })
  const end = performance.now() + waitMs
  const first = await look()
  const done = first.waiting.length > 0 || waitMs === 0 ? null : pullWaits.begin(endpoint.tenant)
  if (done === null) return first
  try {
    for (let ms = FIRST_LOOK_MS; !signal.aborted; ms = laterLook(ms)) {
      const leftMs = end - performance.now()
      if (leftMs <= 0) break
      await sleep(Math.min(ms, leftMs))
      const found = await look()
      if (found.waiting.length > 0) return found
    }
    return first
  } finally {
    done()
  }
}

export const postAcknowledge = route({
  method: 'POST',
  path: '/api/webhooks/endpoints/:id/ack',
  summary: 'Acknowledge what was pulled, by the cursor of an answer or one by one',
  auth: 'key',
  params: EndpointParams,
  body: Type.Object({
    cursor: Type.Optional(Type.String({ maxLength: 64 })),
    ids: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: PAGE.max })),
  }),
  answers: {
    200: Type.Object({ acknowledged: Type.Integer({ description: 'How many were still to be told.' }) }),
  },
  errors: ['not_found', 'live_key_needed'],
  example: { ids: ['ea_01KAJX0M6Q8V2Y3R5T7W9ZBCDE'] },
  async handler({ params, body, caller, deps }) {
    requireLive(caller)
    const endpoint = await findEndpoint(deps.ledger.pool, caller.tenant, params.id)
    const { cursor, ids = [] } = body
    const wrongId = ids.findIndex((id) => !isId('ea', id))
    if (wrongId >= 0) wrong('invalid_body', `/ids/${wrongId}`, 'must be the id of a delivery')
    if (cursor === undefined && body.ids === undefined) wrong('invalid_body', '', 'must have a cursor or ids')
    const byCursor =
      cursor === undefined ? 0 : await acknowledgePage(endpoint.id, cursor, deps, '/cursor', 'invalid_body')
    return { status: 200, body: { acknowledged: byCursor + (await acknowledgeIds(endpoint.id, ids, deps)) } }
  },
})

async function acknowledgePage(
  endpoint: string,
  cursor: string,
  deps: WebDeps,
  path: string,
  code: 'invalid_query' | 'invalid_body',
): Promise<number> {
  const ids = isId('wp', cursor) ? await readPage(deps.ledger.pool, endpoint, cursor) : null
  if (ids === null)
    wrong(
      code,
      path,
      'must be the cursor of an answer, given or used within the last seven days; without it, what is not acknowledged comes again',
    )
  return acknowledgeIds(endpoint, ids, deps)
}

/** Gives how many were still to be told. */
async function acknowledgeIds(
  endpoint: string,
  ids: readonly string[],
  { ledger, nudger }: WebDeps,
): Promise<number> {
  const partitions = await acknowledge(ledger.pool, endpoint, ids)
  nudger.nudge([...new Set(partitions)].map((p) => ({ kind: 'fact', p })))
  // Whoever takes what it is told is well, whatever becomes of what is pushed.
  if (partitions.length > 0)
    await reportHealth(ledger.pool, [{ endpoint, hasSucceeded: true, failure: null, isGone: false }])
  return partitions.length
}

function wrong(code: 'invalid_query' | 'invalid_body', path: string, message: string): never {
  throw new VolleyError(code, undefined, { details: [{ path, message }] satisfies Mistake[] })
}
