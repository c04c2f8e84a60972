import type { EventOrigin, NewEvent } from '../../ledger/events/accept-events.ts'
import type { Nudge } from '../../mailbox/nudge.ts'
import type { WebDeps } from '../deps.ts'

/**
 * Commits events in their order and has their owners look at them; gives those that were new. Throws `backlog_full`
 * where rules may make actions of them and there is no room for more.
 */
export async function takeEvents(
  deps: WebDeps,
  origin: EventOrigin,
  events: readonly NewEvent[],
): Promise<readonly NewEvent[]> {
  await deps.rules.ready([origin.tenant])
  const fresh = await deps.backlog.pass(origin.tenant, mayAct(events, origin, deps), () =>
    deps.intake.events(origin, events),
  )
  deps.nudger.nudge([...new Set(fresh.map(({ p }) => p))].map((p): Nudge => ({ kind: 'event', p })))
  return fresh
}

/** How many events may become actions to be sent: what no rule answers is only recorded, and is never too much. */
function mayAct(events: readonly NewEvent[], origin: EventOrigin, deps: WebDeps): number {
  if (origin.test || !origin.decides || deps.tenants.sendingOf(origin.tenant) === 'shadow') return 0
  const rules = deps.rules.latest()
  return events.filter(({ kind, type }) => kind === 'event' && rules.asks(origin.tenant, type)).length
}
