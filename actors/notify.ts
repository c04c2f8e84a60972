import type { ActionState, Status } from './action.ts'
import type { ActionData, CustomData, EventName } from './event-types.ts'

/**
 * What a tenant's endpoints are told of: from a transition of an action or an event that came in to notices, and from a
 * notice and the endpoints to what is to be sent. Pure; times are ms since the epoch.
 */

/** Something that happened and that endpoints may be told of, with an id that is the same whoever is told and how often. */
export interface Notice {
  id: string
  type: EventName
  tenant: string
  /** Whom it is about: whoever is erased takes it along. Empty where it is about nobody. */
  userId: string
  at: number
  data: unknown
}

/** What does not change about an action, as it is told. */
export interface ToldAction {
  id: string
  tenant: string
  typeName: string
  provider: string
  userId: string
  /** JSON text. */
  parameters: string
}

/** One step of an action, with the state after it. */
export interface ToldStep {
  version: number
  to: Status
  after: ActionState
}

const EVENT_OF: Record<Status, EventName | null> = {
  pending: null,
  dispatched: 'external_action.dispatched',
  retrying: 'external_action.retrying',
  completed: 'external_action.completed',
  failed: 'external_action.failed',
  expired: 'external_action.expired',
}

/** What is told of an action's steps, one notice each; null where no endpoint wants to hear of it. */
export function noticesOfSteps(
  action: ToldAction,
  steps: readonly ToldStep[],
  at: number,
  isWanted: (type: EventName) => boolean,
): Notice[] {
  return steps.flatMap(({ version, to, after }) => {
    const type = EVENT_OF[to]
    if (type === null || !isWanted(type)) return []
    const { id, tenant, userId } = action
    return [{ id: noticeId(id, version), type, tenant, userId, at, data: actionData(action, after) }]
  })
}

/** A step as history has it, with all that is told of the action after it; `at` in ms. */
export interface PastStep extends ToldState {
  version: number
  at: number
}

/** What was told of a step, or would have been had anybody listened; null for one that is told to nobody. */
export function noticeOfPastStep(action: ToldAction, step: PastStep): Notice | null {
  const type = EVENT_OF[step.status]
  if (type === null) return null
  const { id, tenant, userId } = action
  return { id: noticeId(id, step.version), type, tenant, userId, at: step.at, data: actionData(action, step) }
}

/** The id of what is told of a step; a step is told once, however often it is sent. */
export const noticeId = (actionId: string, version: number): string =>
  `evt_${actionId.slice(actionId.indexOf('_') + 1)}_${version}`

/** What of an action's state is told. */
export type ToldState = Pick<
  ActionState,
  'status' | 'outcome' | 'failureReason' | 'late' | 'attempt' | 'nextAt'
>

/** What is said of an action in this state. */
export function actionData(action: ToldAction, state: ToldState): ActionData {
  const { outcome, nextAt } = state
  return {
    action_id: action.id,
    action_type: action.typeName,
    provider: action.provider,
    user_id: action.userId,
    parameters: JSON.parse(action.parameters) as Record<string, unknown>,
    status: state.status,
    outcome_status: outcome?.status ?? null,
    result: outcome?.result ?? null,
    failure_reason: state.failureReason,
    late: state.late,
    attempts: state.attempt,
    next_attempt_at: nextAt === null ? null : iso(nextAt),
  }
}

/** An event of a client as it is told. */
export interface ToldEvent {
  id: string
  tenant: string
  userId: string
  type: string
  data: Record<string, unknown>
  time: number
}

/** What is told of an event that came in; null where it is none of a client's own. */
export function noticeOfEvent(event: ToldEvent, at: number): Notice | null {
  const { id, tenant, userId, type, data, time } = event
  if (!type.startsWith('custom.')) return null
  const said: CustomData = { event_id: id, user_id: userId, time: iso(time), data }
  return {
    id: `evt_${id.slice(id.indexOf('_') + 1)}`,
    type: type as EventName,
    tenant,
    userId,
    at,
    data: said,
  }
}

/** The body of what is sent: JSON text. */
export function envelope({ id, type, at, tenant, data }: Omit<Notice, 'type' | 'userId'> & { type: string }) {
  return JSON.stringify({ id, type, created_at: iso(at), tenant_id: tenant, data })
}

const iso = (ms: number): string => new Date(ms).toISOString()
