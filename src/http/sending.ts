import Type, { type Static } from 'typebox'
import { VolleyError } from '../errors.ts'
import { changeSending, readSending, SENDING, type SendingState } from '../ledger/sending.ts'
import { route } from './route.ts'

const Sending = Type.Enum([...SENDING])
const View = Type.Object({
  sending: Sending,
  reason: Type.Union([Type.String(), Type.Null()]),
  changed_at: Type.Union([Type.String(), Type.Null()]),
})
const PATH = '/api/sending'

const view = ({ sending, reason, changedAt }: SendingState): Static<typeof View> => ({
  sending,
  reason,
  changed_at: changedAt === null ? null : new Date(changedAt).toISOString(),
})

export const getSending = route({
  method: 'GET',
  path: PATH,
  summary: 'Whether actions are sent',
  auth: 'key',
  answers: { 200: View },
  async handler({ caller, deps }) {
    return { status: 200, body: view((await readSending(deps.ledger.pool, { id: caller.tenant }))!) }
  },
})

export const putSending = route({
  method: 'PUT',
  path: PATH,
  summary: 'Stop all sending, or begin again',
  description:
    '`paused`: within a second nothing more is sent; actions wait, and their deadlines run. `shadow`: what is accepted and decided meanwhile is recorded and never sent; what was accepted before waits. `on`: what waits is sent.',
  auth: 'key',
  body: Type.Object({
    sending: Sending,
    reason: Type.Optional(Type.Union([Type.String({ maxLength: 500 }), Type.Null()])),
  }),
  answers: { 200: View },
  errors: ['live_key_needed'],
  example: { sending: 'paused', reason: 'the points API double-books' },
  async handler({ body, caller, deps }) {
    // A test key acts on nothing that is live, and this is.
    if (caller.mode === 'test') throw new VolleyError('live_key_needed')
    const change = { sending: body.sending, reason: body.reason ?? null }
    const changed = await changeSending(deps.ledger.pool, { id: caller.tenant }, change)
    await deps.tenants.refresh()
    return { status: 200, body: view(changed!) }
  },
})
