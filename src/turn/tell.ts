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

/** Who is told, under which ids. */
export interface Listeners {
  endpointsOf: TypesInUse['endpointsOf']
  /** An endpoint by its id, as far as this process knows it. */
  endpoint: TypesInUse['cached']
  newId(prefix: 'ea' | 'ev'): string
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
    const wanting = wantingOf(endpoints, notice)
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
  return notice === null ? [] : notifications(notice, wantingOf(endpoints, notice), listeners)
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
  if (notice.endpoints === null) return wantingOf(listeners.endpointsOf(notice.tenant), notice)
  return notice.endpoints.flatMap((id) => listeners.endpoint(id) ?? [])
}

/** Who subscribed to it and has no filter that keeps it out. */
function wantingOf(
  endpoints: readonly RegisteredEndpoint[],
  { id, type, data }: Pick<NewNotice, 'id' | 'type' | 'data'>,
): RegisteredEndpoint[] {
  return endpoints.filter(
    (endpoint) => endpoint.wants(type) && (endpoint.passes === null || endpoint.passes({ id, type, data })),
  )
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
