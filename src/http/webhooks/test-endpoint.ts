import { STATUS_CODES } from 'node:http'
import Type, { type Static } from 'typebox'
import { TEST_EVENT, type TestData } from '../../../actors/event-types.ts'
import { envelope } from '../../../actors/notify.ts'
import type { SendAnswer } from '../../dispatch/client.ts'
import { signDispatch } from '../../dispatch/signing.ts'
import { newId } from '../../ids.ts'
import { route } from '../route.ts'
import { EndpointParams } from './endpoints.ts'
import { findRegistered } from './registered.ts'

const Test = Type.Object({
  success: Type.Boolean(),
  status: Type.Integer({ description: 'Of HTTP; 0 where no answer came.' }),
  status_text: Type.String(),
  error: Type.Optional(Type.String()),
})

/** Sent at once and beside everything else: it is in no log, spends nothing and is not repeated. */
export const postTestEndpoint = route({
  method: 'POST',
  path: '/api/webhooks/endpoints/:id/test',
  summary: 'Send a signed test event to a webhook endpoint, and say what it answered',
  auth: 'key',
  params: EndpointParams,
  answers: { 200: Type.Object({ test: Test }) },
  errors: ['not_found'],
  async handler({ params, caller, deps }) {
    const { config, outside } = deps
    const endpoint = await findRegistered(params.id, caller, deps)
    if (endpoint.isPulled)
      return {
        status: 200,
        body: { test: notSent('nothing is sent to this endpoint: its delivery is "pull"') },
      }
    const nowMs = Date.now()
    const id = newId('ev').replace('ev_', 'evt_')
    const data: TestData = { message: 'This endpoint can be reached, and this is signed as everything is.' }
    const event = envelope({ id, type: TEST_EVENT, tenant: caller.tenant, at: nowMs, data })
    const made = endpoint.mapped?.(event) ?? { kind: 'made', text: event }
    if (made.kind === 'failed') return { status: 200, body: { test: notSent(made.message) } }
    const body = made.text
    const { secret, previous, headers, timeoutMs } = endpoint
    const previousSecret = previous !== null && nowMs < previous.until ? previous.secret : null
    const { headerPrefix } = config
    const signed = signDispatch({ body, secret, previousSecret, actionId: id, nowMs, headerPrefix })
    const answer = await new Promise<SendAnswer>((onDone) =>
      outside.send({
        target: outside.target(endpoint.url),
        body,
        headers: [...signed, ...headers],
        timeoutMs,
        onDone,
      }),
    )
    return { status: 200, body: { test: viewTest(answer) } }
  },
})

const notSent = (error: string): Static<typeof Test> => ({
  success: false,
  status: 0,
  status_text: '',
  error,
})

function viewTest(answer: SendAnswer): Static<typeof Test> {
  if (answer.kind === 'failed')
    return { success: false, status: 0, status_text: '', error: `${answer.reason}: ${answer.message}` }
  const { status } = answer
  const success = status >= 200 && status < 300
  const status_text = STATUS_CODES[status] ?? ''
  return {
    success,
    status,
    status_text,
    ...(success ? {} : { error: `it answered ${status} ${status_text}`.trim() }),
  }
}
