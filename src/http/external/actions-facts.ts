import { setTimeout as sleep } from 'node:timers/promises'
import Type from 'typebox'
import { ARROWS, hasArrow } from '../../../actors/action.ts'
import { VolleyError } from '../../errors.ts'
import { isId } from '../../ids.ts'
import {
  acceptOutcome,
  acceptRequest,
  fateOfRequest,
  type Report,
  type Request,
} from '../../ledger/actions/accept-facts.ts'
import { type ReadAction, readAction } from '../../ledger/actions/read-actions.ts'
import { isErasedUser } from '../../ledger/people/redact.ts'
import type { Caller, WebDeps } from '../deps.ts'
import { route } from '../route.ts'
import { ActionSchema, viewAction } from './action-view.ts'
import { OutcomeBody, refuseAnother, reportIn } from './outcome-body.ts'

const ActionParams = Type.Object({ id: Type.String() })

export const postOutcome = route({
  method: 'POST',
  path: '/api/external/actions/:id/outcome',
  summary: 'Report what came of an action; the first report counts',
  auth: 'key',
  params: ActionParams,
  body: OutcomeBody,
  answers: {
    200: Type.Object({
      recorded: Type.Literal(true),
      action_id: Type.String(),
      outcome_status: Type.String(),
    }),
  },
  errors: ['not_found', 'outcome_exists', 'live_key_needed'],
  example: { status: 'completed', result: { points_granted: 500, user_reacted: true } },
  async handler({ params, body, caller, deps }) {
    const report = reportIn(body)
    await tellAction(params.id, report, caller, deps)
    return {
      status: 200,
      body: { recorded: true as const, action_id: params.id, outcome_status: report.status },
    }
  },
})

/** Commits what came of an action; throws where that is another key's, or not what was told before. */
export async function tellAction(id: string, report: Report, caller: Caller, deps: WebDeps): Promise<void> {
  // What a test key says of a live action would be learned from as if it had happened.
  if (caller.mode === 'test' && !(await known(id, caller, deps)).test)
    throw new VolleyError('live_key_needed')
  const told = isId('ea', id)
    ? await acceptOutcome(deps.ledger.pool, caller.tenant, id, report)
    : ({ kind: 'unknown' } as const)
  if (told.kind === 'unknown') throw new VolleyError('not_found', `No action has the id ${id}.`)
  if (told.kind === 'exists') refuseAnother(report, told, 'action')
  deps.nudger.nudge([{ kind: 'fact', p: told.p }])
}

const answers = { 200: Type.Object({ action: ActionSchema }) }

export const postCancel = route({
  method: 'POST',
  path: '/api/external/actions/:id/cancel',
  summary: 'Cancel an action that was not sent yet',
  description: 'While it is on the wire the cancel waits for the result, and success wins.',
  auth: 'key',
  params: ActionParams,
  answers,
  errors: ['not_found', 'invalid_transition', 'too_late', 'live_key_needed'],
  handler: async ({ params, caller, deps, signal }) => ask('cancel', params.id, caller, deps, signal),
})

export const postRetry = route({
  method: 'POST',
  path: '/api/external/actions/:id/retry',
  summary: 'Send a failed or expired action again, with a fresh budget and deadline',
  auth: 'key',
  params: ActionParams,
  answers,
  errors: ['not_found', 'invalid_transition', 'live_key_needed'],
  handler: async ({ params, caller, deps, signal }) => ask('retry', params.id, caller, deps, signal),
})

/** How long a request waits for the owner's decision before it answers with what is known, and how it asks meanwhile. */
const WAIT_MS = 2_000
const FIRST_POLL_MS = 5
const laterPoll = (pollMs: number) => Math.min(2 * pollMs, 160)

async function ask(request: Request, id: string, caller: Caller, deps: WebDeps, signal: AbortSignal) {
  const { pool } = deps.ledger
  const action = await known(id, caller, deps)
  if (request === 'retry' && isErasedUser(action.userId))
    throw new VolleyError('invalid_transition', 'The user of the action was erased; nothing is left to send.')
  // A test key causes no sending, not even of what a live key asked for.
  if (caller.mode === 'test' && !action.test) throw new VolleyError('live_key_needed')
  refuseWithoutArrow(action, request)
  const asked = { id, p: action.p, version: action.state.version }
  await acceptRequest(pool, asked, request)
  deps.nudger.nudge([{ kind: 'fact', p: action.p }])
  const end = performance.now() + WAIT_MS
  for (let pollMs = FIRST_POLL_MS; performance.now() < end && !signal.aborted; pollMs = laterPoll(pollMs)) {
    await sleep(pollMs)
    const fate = await fateOfRequest(pool, asked, request)
    if (fate.kind === 'granted') break
    if (fate.kind === 'refused') {
      const isSent = fate.status === 'dispatched' || fate.status === 'completed'
      throw new VolleyError(
        request === 'cancel' && isSent ? 'too_late' : 'invalid_transition',
        `The action is ${fate.status} by now.`,
      )
    }
  }
  return { status: 200 as const, body: { action: viewAction(await known(id, caller, deps)) } }
}

async function known(id: string, caller: Caller, deps: WebDeps): Promise<ReadAction> {
  const action = isId('ea', id) ? await readAction(deps.ledger.pool, caller.tenant, id) : null
  if (action === null) throw new VolleyError('not_found', `No action has the id ${id}.`)
  return action
}

function refuseWithoutArrow(action: ReadAction, request: Request): void {
  const { status } = viewAction(action)
  const hasOutcome = action.state.outcome !== null || action.saidOutcome !== null
  if (hasArrow(status, hasOutcome, request)) return
  const from = ARROWS.filter((arrow) => arrow.on === request).flatMap((arrow) => arrow.from)
  const why = hasOutcome ? 'has an outcome' : `is ${status}`
  throw new VolleyError(
    'invalid_transition',
    `The action ${why}; ${request} needs one that is ${from.join(' or ')}.`,
  )
}
