import Type, { type Static } from 'typebox'
import { type Mistake, VolleyError } from '../../errors.ts'
import { newId } from '../../ids.ts'
import type { NewEvent } from '../../ledger/events/accept-events.ts'
import { partitionOfUser } from '../../ledger/placement.ts'
import type { Caller } from '../deps.ts'
import { takeEvents } from '../events/take.ts'
import { knownPeople, WouldDecide, wouldDecide } from '../events/would-decide.ts'
import { MistakesAnswer, mistakesOf } from '../mistakes.ts'
import { route } from '../route.ts'
import { instantMs } from './instant.ts'
import { TimeInput, UserId } from './new-action.ts'

const DAY_MS = 86_400_000

/** Type names of events that outside systems push. */
export const CUSTOM_EVENT = '^custom(\\.[a-z0-9][a-z0-9_]*)+$'

const EventBody = Type.Object({
  type: Type.String({
    pattern: CUSTOM_EVENT,
    maxLength: 200,
    description: '`custom.` and lower-case dot notation.',
  }),
  user_id: UserId,
  data: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  id: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'The same id counts once.' })),
  timestamp: Type.Optional({ ...TimeInput, description: 'When it happened; now if not given.' }),
})

const Rejected = Type.Object({
  index: Type.Integer(),
  error: Type.String(),
  code: Type.String(),
  details: Type.Optional(MistakesAnswer),
})
type Rejected = Static<typeof Rejected>

export const postEvents = route({
  method: 'POST',
  path: '/api/external/events',
  summary: 'Push up to 1,000 events; a bad one does not reject the others',
  auth: 'key',
  body: Type.Object({ events: Type.Array(Type.Unknown(), { minItems: 1, maxItems: 1_000 }) }),
  answers: {
    202: Type.Object({
      accepted: Type.Integer(),
      duplicates: Type.Integer(),
      rejected: Type.Array(Rejected),
      would_decide: Type.Optional(
        Type.Array(WouldDecide, {
          description: 'Of a test key alone: what rules say of its first 20 events.',
        }),
      ),
    }),
  },
  errors: ['no_usable_event', 'backlog_full'],
  example: {
    events: [{ type: 'custom.reward.redeemed', user_id: 'user-123', data: { value: 20, currency: 'USD' } }],
  },
  async handler({ body, caller, deps }) {
    const { usable, rejected } = judge(body.events, caller, deps.config.partitions)
    if (usable.length === 0) throw new VolleyError('no_usable_event', undefined, { details: flat(rejected) })
    const origin = { tenant: caller.tenant, source: 'api', test: caller.mode === 'test', decides: true }
    const known = origin.test ? await knownPeople(deps, caller.tenant, usable) : null
    const fresh = await takeEvents(deps, origin, usable)
    const would = known === null ? [] : await wouldDecide(fresh, known, caller.tenant, deps)
    const shown = would.length === 0 ? {} : { would_decide: would }
    return {
      status: 202,
      body: { accepted: fresh.length, duplicates: usable.length - fresh.length, rejected, ...shown },
    }
  },
})

function judge(
  events: readonly unknown[],
  caller: Caller,
  partitions: number,
): { usable: NewEvent[]; rejected: Rejected[] } {
  const usable: NewEvent[] = []
  const rejected: Rejected[] = []
  const now = Date.now()
  for (const [index, item] of events.entries()) {
    const mistakes = mistakesOf(EventBody, item)
    const time = mistakes.length === 0 ? timeOf(item as Static<typeof EventBody>, now, mistakes) : null
    if (mistakes.length > 0) {
      const [first] = mistakes
      rejected.push({
        index,
        error: `${first!.path || 'the event'} ${first!.message}`,
        code: 'invalid_body',
        details: mistakes,
      })
      continue
    }
    const event = item as Static<typeof EventBody>
    usable.push({
      id: newId('ev'),
      p: partitionOfUser(caller.tenant, event.user_id, partitions),
      kind: 'event',
      userId: event.user_id,
      isAnonymous: false,
      type: event.type,
      data: JSON.stringify(event.data ?? {}),
      time,
      onceId: event.id ?? null,
    })
  }
  return { usable, rejected }
}

function timeOf(event: Static<typeof EventBody>, now: number, mistakes: Mistake[]): number | null {
  if (event.timestamp === undefined) return null
  const time = instantMs(event.timestamp)
  if (time === null) mistakes.push({ path: '/timestamp', message: 'must be a date that exists' })
  else if (time > now + DAY_MS)
    mistakes.push({ path: '/timestamp', message: 'must not be more than a day in the future' })
  return time
}

const flat = (rejected: readonly Rejected[]): Mistake[] =>
  rejected.flatMap(({ index, details }) =>
    (details ?? []).map(({ path, message }) => ({ path: `/events/${index}${path}`, message })),
  )
