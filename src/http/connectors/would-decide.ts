import Type, { type Static } from 'typebox'
import { decideEvent } from '../../../actors/tenant.ts'
import type { CanonicalEvent, CanonicalItem } from '../../connectors/canonical.ts'
import type { WebDeps } from '../deps.ts'

/** To ask rules costs time, and an answer is read by a person. */
const EVENTS_MAX = 20

/** What a rule says of an event, as it is answered. */
export const WouldDecide = Type.Object({
  event: Type.String(),
  user_id: Type.String(),
  domain: Type.String(),
  action: Type.Union([Type.String(), Type.Null()]),
  parameters: Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]),
  would_send: Type.Boolean(),
  reason: Type.Union([Type.String(), Type.Null()], { description: 'Why it would not be sent.' }),
})
export type WouldDecide = Static<typeof WouldDecide>

/** What rules say of the first 20 events that they answer; nothing is kept. */
export async function wouldDecide(
  items: readonly CanonicalItem[],
  tenant: string,
  deps: WebDeps,
): Promise<WouldDecide[]> {
  const asked = items
    .filter((item): item is CanonicalEvent => item.kind === 'event')
    .filter(({ type }) => deps.rules.forEvent(type).length > 0)
    .slice(0, EVENTS_MAX)
  const names = asked.flatMap(({ type }) => deps.rules.forEvent(type).map(({ action }) => action))
  const types = names.length === 0 ? new Map() : await deps.registry.byNames(tenant, names)
  const now = Date.now()
  return asked.flatMap((item) => {
    const userId = item.userId ?? item.anonymousId!
    const event = { id: '', userId, type: item.type, data: item.data, time: item.at ?? now }
    const question = { event, user: {}, rules: deps.rules.forEvent(item.type), types }
    return decideEvent(question).map(({ decision }) => ({
      event: item.type,
      user_id: userId,
      domain: decision.domain,
      action: decision.recommendation?.action ?? null,
      parameters: decision.recommendation?.parameters ?? null,
      would_send: decision.sent,
      reason: decision.reason,
    }))
  })
}
