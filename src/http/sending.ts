import Type, { type Static } from 'typebox'
import { VolleyError } from '../errors.ts'
import { changeSending, readSending, SENDING, type SendingState } from '../ledger/tenants/sending.ts'
import { route } from './route.ts'

const Sending = Type.Enum([...SENDING])
/** Whether actions of a tenant are sent, as it is answered. */
export const SendingView = Type.Object({
  sending: Sending,
  reason: Type.Union([Type.String(), Type.Null()]),
  changed_at: Type.Union([Type.String(), Type.Null()]),
})
/** How it is changed. */
export const SendingBody = Type.Object({
  sending: Sending,
  reason: Type.Optional(Type.Union([Type.String({ maxLength: 500 }), Type.Null()])),
})
const PATH = '/api/sending'

export const viewSending = ({ sending, reason, changedAt }: SendingState): Static<typeof SendingView> => ({
  sending,
  reason,
  changed_at: changedAt === null ? null : new Date(changedAt).toISOString(),
})

export const getSending = route({
  method: 'GET',
  path: PATH,
  summary: 'Whether actions are sent',
  auth: 'key',
  answers: { 200: SendingView },
  async handler({ caller, deps }) {
    return { status: 200, body: viewSending((await readSending(deps.ledger.pool, { id: caller.tenant }))!) }
  },
})

export const putSending = route({
  method: 'PUT',
  path: PATH,
  summary: 'Stop all sending, or begin again',
  description:
    '`paused`: within a second nothing more is sent; actions wait, and their deadlines run. `shadow`: what is accepted and decided meanwhile is recorded and never sent; what was accepted before waits. `on`: what waits is sent.',
  auth: 'key',
  body: SendingBody,
  answers: { 200: SendingView },
  errors: ['live_key_needed', 'sending_held'],
  example: { sending: 'paused', reason: 'the points API double-books' },
  async handler({ body, caller, deps }) {
    // A test key acts on nothing that is live, and this is.
    if (caller.mode === 'test') throw new VolleyError('live_key_needed')
    const change = { sending: body.sending, reason: body.reason ?? null }
    const changed = await changeSending(deps.ledger.pool, { byTenant: caller.tenant }, change)
    if (changed === null) throw new VolleyError('sending_held')
    await deps.tenants.refresh()
    return { status: 200, body: viewSending(changed) }
  },
})
