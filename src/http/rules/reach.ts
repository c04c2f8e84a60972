import Type, { type Static } from 'typebox'
import { type Person, seenByRules, unknownPerson } from '../../../actors/person.ts'
import { type PreviewEvent, preview } from '../../decisions/preview.ts'
import type { TriggerReach } from '../../decisions/preview-triggers.ts'
import { type Reach, scaled, withScaled } from '../../decisions/reach.ts'
import { scoresOf } from '../../decisions/scores.ts'
import { estimatedCosts } from '../../ledger/decisions/estimated-costs.ts'
import { type SampledEvent, sampleEvents } from '../../ledger/events/sampled-events.ts'
import { loadPeople } from '../../ledger/people/people.ts'
import { personKey } from '../../ledger/people/person-key.ts'
import type { WebDeps } from '../deps.ts'
import { compareTriggers, type TriggersCompared } from './reach-of-triggers.ts'
import type { ComparedVersion } from './versions-compared.ts'

const DAY_MS = 86_400_000
const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const Counts = Type.Record(Type.String(), Type.Integer())
const ReachAnswer = Type.Object({
  decisions: Type.Integer(),
  users: Type.Integer(),
  by_rule: Counts,
  by_action: Counts,
  estimated_cost_usd: Type.Number({ description: 'By estimated_cost_usd of the action types.' }),
  by_triggers: Type.Object(
    {
      decisions: Type.Integer(),
      at_once: Type.Integer({
        description:
          'Of these for what was there before already and nobody was told of: they come once, as soon as it is in force.',
      }),
      estimated_cost_usd: Type.Number(),
    },
    { description: 'What of all this triggers would have asked for, and no event.' },
  ),
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

/** What two versions of the rules of a domain do with the events of the last days, and what their triggers do. */
export const ReachComparison = Type.Object({
  events: Type.Integer({ description: 'Events that were asked about.' }),
  since: Nullable(Type.String({ description: 'The time of the oldest of them.' })),
  matching: Type.Integer({
    description: 'Events of types that ask one of the versions; an estimate where very many came in.',
  }),
  is_complete: Type.Boolean({ description: 'False where there were more, or they took too long.' }),
  people: Nullable(
    Type.Object(
      {
        sampled: Type.Integer({ description: 'Who was asked about, as known now.' }),
        total: Type.Integer({
          description: 'For whom they stand: figures of triggers are scaled to so many.',
        }),
        is_estimate: Type.Boolean({ description: 'Whether `total` is.' }),
      },
      { description: 'Null where neither has triggers.' },
    ),
  ),
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
})
export type ReachComparison = Static<typeof ReachComparison>

/**
 * Asks two versions of the rules of a domain about live events of the last days of types that ask either of them, evenly
 * taken where there are more than `limit`, and about what triggers would have asked in the same days.
 */
export async function compareReach(
  deps: WebDeps,
  tenant: string,
  { days, limit, now, next }: { days: number; limit: number; now: ComparedVersion; next: ComparedVersion },
): Promise<ReachComparison> {
  const since = Date.now() - days * DAY_MS
  const patterns = [...new Set([...now.patterns, ...next.patterns])]
  const { events, matching, isEstimate } = await sampleEvents(deps.ledger.pool, tenant, {
    since,
    patterns,
    limit,
  })
  const rulesOf = (version: ComparedVersion) => (type: string, user: string) =>
    version.bookFor(user)?.forEvent(type) ?? []
  const found = preview(await asSeen(deps, tenant, events), rulesOf(now), rulesOf(next))
  const triggers = await compareTriggers(deps, tenant, { days, before: now, after: next })
  const reaches = [found.before, found.after, triggers?.before, triggers?.after]
  const names = new Set(reaches.flatMap((reach) => Object.keys(reach?.byAction ?? {})))
  const costs = await estimatedCosts(deps.ledger.pool, tenant, [...names])
  const scale = triggers === null ? 1 : triggers.total / Math.max(1, triggers.sampled)
  const oldest = events[found.events - 1]
  return {
    events: found.events,
    since: oldest === undefined ? null : new Date(oldest.time).toISOString(),
    matching,
    is_complete: !isEstimate && found.events === matching,
    people: viewPeople(triggers),
    in_force: viewReach(found.before, triggers?.before ?? NO_TRIGGERS, scale, costs),
    previewed: viewReach(found.after, triggers?.after ?? NO_TRIGGERS, scale, costs),
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
  }
}

/** What the previewed version would have cost: events that were not asked about cost as much as the others. */
export function costOfAll({
  events,
  matching,
  previewed,
}: Pick<ReachComparison, 'events' | 'matching'> & {
  previewed: Pick<ReachComparison['previewed'], 'estimated_cost_usd' | 'by_triggers'>
}): number {
  // Triggers were asked about everybody already.
  const byTriggers = previewed.by_triggers.estimated_cost_usd
  return byTriggers + ((previewed.estimated_cost_usd - byTriggers) * matching) / Math.max(1, events)
}

/** The events with what is known of their users; whoever was joined to another is followed there. */
async function asSeen(
  { ledger, rules }: WebDeps,
  tenant: string,
  events: readonly SampledEvent[],
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
  const shelf = rules.latest()
  await shelf.ready([tenant])
  return events.map(({ id, type, userId: told, data, time }) => {
    const userId = currentId(known, told)
    const user = { ...seenByRules(known.get(userId) ?? unknownPerson(false), time) }
    const now = new Date(time).toISOString()
    const event = { id, type, user_id: userId, data, time: now }
    return {
      id,
      type,
      userId,
      data: {
        event,
        user: { id: userId, ...scoresOf(shelf.scoringOf(tenant, userId), user, time), ...user },
        context: {},
        now,
      },
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

const NO_TRIGGERS: TriggerReach = {
  decisions: 0,
  users: new Set(),
  byRule: {},
  byAction: {},
  failed: {},
  atOnce: 0,
}

const viewPeople = (triggers: TriggersCompared | null): ReachComparison['people'] =>
  triggers === null
    ? null
    : { sampled: triggers.sampled, total: triggers.total, is_estimate: triggers.isEstimate }

function viewReach(
  events: Reach,
  triggers: TriggerReach,
  scale: number,
  costs: ReadonlyMap<string, number>,
): Static<typeof ReachAnswer> {
  const { decisions, users, byRule, byAction, failed } = withScaled(events, triggers, scale)
  return {
    decisions,
    users,
    by_rule: byRule,
    by_action: byAction,
    estimated_cost_usd: costOf(byAction, costs),
    by_triggers: {
      decisions: Math.round(triggers.decisions * scale),
      at_once: Math.round(triggers.atOnce * scale),
      estimated_cost_usd: costOf(scaled(triggers.byAction, scale), costs),
    },
    failed,
  }
}

function costOf(byAction: Record<string, number>, costs: ReadonlyMap<string, number>): number {
  const cost = Object.entries(byAction).reduce((sum, [action, n]) => sum + n * (costs.get(action) ?? 0), 0)
  return Math.round(cost * 10_000) / 10_000
}

const viewOffer = (offer: Static<typeof Offer>): Static<typeof Offer> =>
  offer === null
    ? null
    : { rule: offer.rule, action: offer.action, parameters: offer.parameters, reasoning: offer.reasoning }
