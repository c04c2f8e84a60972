import { envelope, type Notice, noticeOfEvent, noticesOfSteps } from '../../actors/notify.ts'
import { packed } from '../dispatch/request.ts'
import type { NewAction } from '../ledger/actions/insert-actions.ts'
import type { ActionRow } from '../ledger/actions/rows.ts'
import type { Transition } from '../ledger/actions/transitions.ts'
import type { RegisteredEndpoint } from '../ledger/endpoints/endpoint-registry.ts'
import type { NewNotice, NoticeWrites, StoredNotice } from '../ledger/endpoints/notices.ts'
import type { StoredEvent } from '../ledger/events/events-unread.ts'
import { sliceOf } from '../ledger/placement.ts'
import type { RegisteredType } from '../ledger/tenants/type-registry.ts'
import type { ToldEvent } from './hear-events.ts'
import type { TypesInUse } from './ports.ts'

/** Most notifications that a turn inserts for what happened to actions; the rest becomes notices for the next ones. */
const NOTIFICATIONS_A_TURN = 2_000

/** What the filters of all endpoints may take for one notice: about 5 ms. */
const STEPS_A_NOTICE = 50_000
/** What the filters of a tenant may take in one turn, about 25 ms, in which nothing is sent to anybody. */
const STEPS_A_TURN = 250_000

/** Who is told, under which ids. */
export interface Listeners {
  endpointsOf: TypesInUse['endpointsOf']
  /** An endpoint by its id, as far as this process knows it. */
  endpoint: TypesInUse['cached']
  newId(prefix: 'ea' | 'ev'): string
  /** Steps that the filters of a tenant have taken in this turn. */
  filterSteps: Map<string, number>
}

/** What a turn has to tell: notifications to insert, and what is told to more than a turn inserts. */
export interface Telling {
  notifications: NewAction[]
  notices: NewNotice[]
}

/** Adds what a transition is told as to those who want to hear of it; a tenant without endpoints costs one look. */
export function tellTransition(
  telling: Telling,
  { row, type }: { row: ActionRow; type: RegisteredType | undefined },
  transition: Transition,
  listeners: Listeners,
  now: number,
): void {
  const endpoints = listeners.endpointsOf(row.tenant)
  if (endpoints.length === 0 || row.isMute || type === undefined || type.form === 'notification') return
  const isWanted = (event: string) => endpoints.some((endpoint) => endpoint.wants(event))
  const action = { ...row, typeName: type.name, provider: type.provider }
  for (const notice of noticesOfSteps(action, transition.steps, now, isWanted)) {
    const wanting = wantingOf(endpoints, notice, listeners)
    if (wanting.length === 0) continue
    if (telling.notifications.length + wanting.length > NOTIFICATIONS_A_TURN)
      telling.notices.push({ ...notice, p: row.p, endpoints: wanting.map(({ id }) => id) })
    else telling.notifications.push(...notifications(notice, wanting, listeners))
  }
}

/** What endpoints are told of an event that a client sent; nothing of one that is never acted on. */
export function tellEvent(row: StoredEvent, told: ToldEvent, listeners: Listeners): readonly NewAction[] {
  const endpoints = listeners.endpointsOf(row.tenant)
  if (endpoints.length === 0 || row.test) return []
  if (!endpoints.some((endpoint) => endpoint.wants(told.type))) return []
  const notice = noticeOfEvent({ ...told, tenant: row.tenant }, row.receivedAt)
  return notice === null ? [] : notifications(notice, wantingOf(endpoints, notice, listeners), listeners)
}

/** What becomes of notices, as many as a turn inserts notifications for. */
export function tellNotices(
  waiting: readonly StoredNotice[],
  listeners: Listeners,
): Omit<NoticeWrites, 'notices'> & { notifications: NewAction[] } {
  const made: NewAction[] = []
  const done: string[] = []
  const left: { seq: string; endpoints: string[] }[] = []
  for (const notice of waiting) {
    const room = NOTIFICATIONS_A_TURN - made.length
    if (room === 0) break
    const wanting = wantedBy(notice, listeners)
    made.push(...notifications(notice, wanting.slice(0, room), listeners))
    if (wanting.length <= room) done.push(notice.seq)
    else left.push({ seq: notice.seq, endpoints: wanting.slice(room).map(({ id }) => id) })
  }
  return { notifications: made, done, left }
}

function wantedBy(notice: StoredNotice, listeners: Listeners): readonly RegisteredType[] {
  if (notice.endpoints === null) return wantingOf(listeners.endpointsOf(notice.tenant), notice, listeners)
  return notice.endpoints.flatMap((id) => listeners.endpoint(id) ?? [])
}

/** Who subscribed to it and has no filter that keeps it out; filters that would take too much together keep nothing out. */
function wantingOf(
  endpoints: readonly RegisteredEndpoint[],
  { id, type, data, tenant }: Pick<NewNotice, 'id' | 'type' | 'data' | 'tenant'>,
  { filterSteps }: Pick<Listeners, 'filterSteps'>,
): RegisteredEndpoint[] {
  const taken = filterSteps.get(tenant) ?? 0
  const given = Math.min(STEPS_A_NOTICE, STEPS_A_TURN - taken)
  const left = { steps: given }
  const wanting = endpoints.filter(
    ({ wants, passes }) => wants(type) && (passes === null || passes({ id, type, data }, left)),
  )
  filterSteps.set(tenant, taken + given - left.steps)
  return wanting
}

/** What is sent to endpoints to tell them of this. */
export function notifications(
  notice: Omit<Notice, 'type'> & { type: string },
  endpoints: readonly (RegisteredType | RegisteredEndpoint)[],
  { newId }: Pick<Listeners, 'newId'>,
): NewAction[] {
  if (endpoints.length === 0) return []
  const parameters = packed({ id: notice.id, body: envelope(notice) })
  return endpoints.map((endpoint) => notification(newId('ea'), endpoint, notice, parameters))
}

/** One notice for one endpoint: an action that awaits no outcome. */
function notification(
  id: string,
  endpoint: RegisteredType,
  { tenant, type, userId }: Pick<NewNotice, 'tenant' | 'type' | 'userId'>,
  parameters: string,
): NewAction {
  return {
    id,
    tenant,
    type: endpoint.id,
    userId,
    parameters,
    reasoning: null,
    confidence: null,
    origin: `event:${type}`,
    test: false,
    shadow: false,
    lane: endpoint.lane,
    p: endpoint.slices[sliceOf(id, endpoint.slices.length)]!,
    scheduledAt: null,
    expiresAt: null,
    expiresAfterMs: endpoint.terms.expiresAfterMs,
  }
}
