import Type from 'typebox'
import { VolleyError } from '../../errors.ts'
import {
  currentId,
  idsOf,
  type ReadPerson,
  readPerson,
  recentActions,
  recentDecisions,
  recentEvents,
} from '../../ledger/people/read-people.ts'
import type { Caller, WebDeps } from '../deps.ts'
import { ActionSchema, viewAction } from '../external/action-view.ts'
import { UserId } from '../external/new-action.ts'
import { route } from '../route.ts'
import { readChange, UserChange } from './change.ts'
import { isHeard, rowAbout, tell } from './tell.ts'
import { iso, Time, UserSchema, UserWithActivity, viewUser, viewWithActivity } from './user-view.ts'

const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const Params = Type.Object({ id: UserId })
const RECENT = 20
/** As everywhere else in the API. */
const ID_MAX = 256
/** Of somebody who was joined from more ids than this, what came in under the others is not shown. */
const IDS_SHOWN = 100

/** Who an id is by now, as a test key or a live one knows it; throws `not_found` for an id that nobody can have. */
export async function find(deps: WebDeps, caller: Caller, id: string) {
  if (id.length > ID_MAX)
    throw new VolleyError('not_found', `No user can have an id of more than ${ID_MAX} characters.`)
  const asked = { tenant: caller.tenant, test: caller.mode === 'test', id }
  return { ...asked, id: await currentId(deps.ledger.pool, asked) }
}

export const putUser = route({
  method: 'PUT',
  path: '/api/users/:id',
  summary: 'Say what is known of a user, and what the user allows',
  description:
    'What is left out stays as it is. Answered once it holds: what is not allowed from then on is not sent. Where that takes longer than two seconds, `applied` is false and it holds later.',
  auth: 'key',
  params: Params,
  body: UserChange,
  answers: { 200: Type.Object({ user: Nullable(UserSchema), applied: Type.Boolean() }) },
  errors: ['invalid_body', 'not_found'],
  example: {
    traits: { plan: 'pro' },
    timezone: 'Europe/Berlin',
    consent: { channels: { email: false } },
  },
  async handler({ params, body, caller, deps, signal }) {
    const { change, mistakes } = readChange(body)
    if (mistakes.length > 0) throw new VolleyError('invalid_body', undefined, { details: mistakes })
    const user = await find(deps, caller, params.id)
    const row = rowAbout({ ...user, partitions: deps.config.partitions }, 'traits', change)
    await tell(deps, caller, [row])
    const applied = await isHeard(deps, row, signal)
    const read = await readPerson(deps.ledger.pool, user)
    return { status: 200, body: { user: read === null ? null : viewUser(read), applied } }
  },
})

const ProfileAnswer = Type.Object({
  user: UserWithActivity,
  other_ids: Type.Array(Type.String(), { description: 'Ids that were joined to this one.' }),
  recent_events: Type.Array(
    Type.Object({
      id: Type.String(),
      user_id: Type.String({ description: 'The id under which it came in.' }),
      type: Type.String(),
      data: Type.Unknown(),
      source: Type.String(),
      time: Time,
    }),
  ),
  actions: Type.Array(ActionSchema),
  decisions: Type.Array(
    Type.Object({
      id: Type.String(),
      domain: Type.String(),
      event_id: Nullable(Type.String()),
      action_id: Nullable(Type.String()),
      decided: Type.Unknown(),
      at: Time,
    }),
  ),
})

export const getUser = route({
  method: 'GET',
  path: '/api/users/:id',
  summary: 'A user: what is known, the latest events, actions and decisions',
  description: 'An id that was joined to another one shows whoever it belongs to.',
  auth: 'key',
  params: Params,
  answers: { 200: ProfileAnswer },
  errors: ['not_found'],
  async handler({ params, caller, deps }) {
    const user = await find(deps, caller, params.id)
    const read = await readPerson(deps.ledger.pool, user)
    if (read === null) throw new VolleyError('not_found', `No user has the id ${params.id}.`)
    return { status: 200, body: await profile(deps, user, read) }
  },
})

async function profile(deps: WebDeps, user: Awaited<ReturnType<typeof find>>, read: ReadPerson) {
  const { pool } = deps.ledger
  const ids = await idsOf(pool, user, IDS_SHOWN)
  const whose = { ...user, ids }
  const [events, actions, decisions] = await Promise.all([
    recentEvents(pool, whose, RECENT),
    recentActions(pool, whose, RECENT),
    recentDecisions(pool, whose, RECENT),
  ])
  return {
    user: viewWithActivity(read, Date.now()),
    other_ids: ids.slice(1),
    recent_events: events.map(({ userId, at, ...event }) => ({ ...event, user_id: userId, time: iso(at) })),
    actions: actions.map(viewAction),
    decisions: decisions.map(({ id, domain, eventId, actionId, body, at }) => ({
      id,
      domain,
      event_id: eventId,
      action_id: actionId,
      decided: body,
      at: iso(at),
    })),
  }
}
