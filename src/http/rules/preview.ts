import Type, { type Static } from 'typebox'
import { type Person, seenByRules, unknownPerson } from '../../../actors/person.ts'
import { compiledRules } from '../../decisions/check-own.ts'
import { type PreviewEvent, preview, type Reach } from '../../decisions/preview.ts'
import { scoresOf } from '../../decisions/scores.ts'
import { bookOf } from '../../documents/rule-book.ts'
import { VolleyError } from '../../errors.ts'
import { estimatedCosts } from '../../ledger/estimated-costs.ts'
import { type ListedEvent, listEvents } from '../../ledger/list-events.ts'
import { loadPeople } from '../../ledger/people.ts'
import { personKey } from '../../ledger/person-key.ts'
import type { WebDeps } from '../deps.ts'
import { route } from '../route.ts'

const DAY_MS = 86_400_000
const PAGES_MAX = 20
const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const Counts = Type.Record(Type.String(), Type.Integer())
const ReachAnswer = Type.Object({
  decisions: Type.Integer(),
  users: Type.Integer(),
  by_rule: Counts,
  by_action: Counts,
  estimated_cost_usd: Type.Number({ description: 'By estimated_cost_usd of the action types.' }),
  failed: Type.Record(Type.String(), Type.String(), {
    description: 'Rules that failed, with the first error.',
  }),
})
const Offer = Nullable(
  Type.Object({
    rule: Type.String(),
    action: Type.String(),
    parameters: Type.Record(Type.String(), Type.Unknown()),
    reasoning: Type.String(),
  }),
)

/** Whom a document of rules would reach, before it is in force. */
export const postPreview = route({
  method: 'POST',
  path: '/api/rules/preview',
  summary: 'What a document of rules would have done with the events of the last days',
  description:
    'Live events, the newest first, until `limit`. Users are taken as they are known now, as of the time of the event. Nothing is kept and nothing is sent.',
  auth: 'key',
  body: Type.Object({
    document: Type.Record(Type.String(), Type.Unknown(), { description: 'As in rules/recommendations/.' }),
    days: Type.Optional(Type.Integer({ minimum: 1, maximum: 90, default: 7 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_000, default: 1_000 })),
  }),
  answers: {
    200: Type.Object({
      events: Type.Integer({ description: 'Events that were asked about.' }),
      since: Nullable(Type.String({ description: 'The time of the oldest of them.' })),
      is_complete: Type.Boolean({ description: 'False where there were more, or they took too long.' }),
      in_force: ReachAnswer,
      previewed: ReachAnswer,
      gained: Type.Integer({ description: 'Events that would get something at last.' }),
      lost: Type.Integer({ description: 'Events that would get nothing any more.' }),
      changed: Type.Integer({ description: 'Events that would get something else.' }),
      examples: Type.Array(
        Type.Object({
          event_id: Type.String(),
          type: Type.String(),
          user_id: Type.String(),
          in_force: Offer,
          previewed: Offer,
        }),
        { description: 'Events on which the two disagree, 20 at most.' },
      ),
    }),
  },
  errors: ['rule_invalid'],
  async handler({ body: { document, days = 7, limit = 1_000 }, caller: { tenant }, deps }) {
    const name = String(document.domain)
    const { compiled, mistakes } = compiledRules(document)
    if (compiled === null) throw new VolleyError('rule_invalid', undefined, { details: mistakes })
    await deps.rules.ready([tenant])
    const now = deps.rules.forTenant(tenant)
    const then = bookOf([compiled])
    const { events, isAll } = await recentEvents(deps, tenant, { since: Date.now() - days * DAY_MS, limit })
    const seen = await asSeen(deps, tenant, events)
    const found = preview(
      seen,
      (type) => now.forEvent(type).filter(({ domain }) => domain === name),
      (type) => then.forEvent(type),
    )
    const names = Object.keys({ ...found.before.byAction, ...found.after.byAction })
    const costs = await estimatedCosts(deps.ledger.pool, tenant, names)
    const oldest = events[found.events - 1]
    return {
      status: 200,
      body: {
        events: found.events,
        since: oldest === undefined ? null : new Date(oldest.time).toISOString(),
        is_complete: isAll && found.events === events.length,
        in_force: viewReach(found.before, costs),
        previewed: viewReach(found.after, costs),
        gained: found.gained,
        lost: found.lost,
        changed: found.changed,
        examples: found.examples.map(({ event, before, after }) => ({
          event_id: event.id,
          type: event.type,
          user_id: event.userId,
          in_force: viewOffer(before),
          previewed: viewOffer(after),
        })),
      },
    }
  },
})

async function recentEvents(
  { ledger }: WebDeps,
  tenant: string,
  { since, limit }: { since: number; limit: number },
): Promise<{ events: ListedEvent[]; isAll: boolean }> {
  const filter = { userId: null, type: null, source: null, kind: 'event', test: false, until: null } as const
  const events: ListedEvent[] = []
  let before: string | null = null
  let pages = 0
  do {
    const left = limit - events.length
    const page = await listEvents(ledger.pool, tenant, { ...filter, since, before, limit: left })
    events.push(...page.events)
    before = page.next
    pages += 1
    // Where events are rare among other rows, the newest have to do.
  } while (before !== null && events.length < limit && pages < PAGES_MAX)
  return { events: events.filter(({ decides }) => decides), isAll: before === null }
}

/** The events with what is known of their users; whoever was joined to another is followed there. */
async function asSeen(
  { ledger, rules }: WebDeps,
  tenant: string,
  events: readonly ListedEvent[],
): Promise<PreviewEvent[]> {
  const known = new Map<string, Person>()
  let wanted = [...new Set(events.map(({ userId }) => userId))]
  for (let joins = 0; wanted.length > 0 && joins < 4; joins++) {
    const keys = wanted.map((id) => ({ tenant, test: false, id }))
    const found = await loadPeople(ledger.pool, keys)
    for (const key of keys) known.set(key.id, found.get(personKey(key)) ?? unknownPerson(false))
    wanted = [...new Set([...found.values()].flatMap(({ mergedInto }) => mergedInto ?? []))].filter(
      (id) => !known.has(id),
    )
  }
  const scoring = rules.latest().scoringOf(tenant)
  return events.map(({ id, type, userId: told, data, time }) => {
    const userId = currentId(known, told)
    const user = { ...seenByRules(known.get(userId) ?? unknownPerson(false), time) }
    const now = new Date(time).toISOString()
    const event = { id, type, user_id: userId, data, time: now }
    return {
      id,
      type,
      userId,
      data: { event, user: { id: userId, ...scoresOf(scoring, user, time), ...user }, context: {}, now },
    }
  })
}

function currentId(known: ReadonlyMap<string, Person>, id: string): string {
  let current = id
  for (let joins = 0; joins < 4; joins++) {
    const next = known.get(current)?.mergedInto ?? null
    if (next === null) return current
    current = next
  }
  return current
}

function viewReach(
  { decisions, users, byRule, byAction, failed }: Reach,
  costs: ReadonlyMap<string, number>,
): Static<typeof ReachAnswer> {
  const cost = Object.entries(byAction).reduce((sum, [action, n]) => sum + n * (costs.get(action) ?? 0), 0)
  return {
    decisions,
    users,
    by_rule: byRule,
    by_action: byAction,
    estimated_cost_usd: Math.round(cost * 10_000) / 10_000,
    failed,
  }
}

const viewOffer = (offer: Static<typeof Offer>): Static<typeof Offer> =>
  offer === null
    ? null
    : { rule: offer.rule, action: offer.action, parameters: offer.parameters, reasoning: offer.reasoning }
