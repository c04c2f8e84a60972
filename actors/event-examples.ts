import { type ActionState, accepted } from './action.ts'
import type { BreakerData, EndpointData, EVENT_TYPES, EventName } from './event-types.ts'
import { envelope, type Notice, noticeOfEvent, noticesOfSteps } from './notify.ts'

/** Each event as it would be sent, made by what makes the real ones. */

const AT = Date.parse('2026-04-26T10:30:00Z')
const TENANT = '3f0c2c4e-1d5b-4c61-9a86-0f5d2f1b7a10'
const ACTION = {
  id: 'ea_01KAJX0M6Q8V2Y3R5T7W9ZBCDE',
  tenant: TENANT,
  typeName: 'grant_points',
  provider: 'loyalty-platform',
  userId: 'user-123',
  parameters: '{"amount":500,"reason":"re-engagement bonus"}',
}
const sent = { ...accepted(AT, AT + 259_200_000), version: 1, attempt: 1, nextAt: null }
const outcome = { status: 'completed' as const, result: { points_granted: 500 }, at: AT }

const STATES: Record<string, ActionState> = {
  'external_action.dispatched': { ...sent, status: 'dispatched' },
  'external_action.completed': { ...sent, status: 'completed', version: 2, deadline: null, outcome },
  'external_action.failed': {
    ...sent,
    status: 'failed',
    attempt: 6,
    deadline: null,
    failureReason: 'retries_exhausted',
  },
  'external_action.expired': { ...sent, status: 'expired', version: 2, deadline: null },
  'external_action.retrying': { ...sent, status: 'retrying', nextAt: AT + 30_000 },
}

const breaker: BreakerData = {
  destination: 'https://loyalty.app',
  reason: 'at least 50 % of the last POSTs failed',
}
const endpoint: EndpointData = {
  endpoint_id: 'we_01KAJX0M6Q8V2Y3R5T7W9ZBCDE',
  url: 'https://example.com/volley',
  reason: 'nothing but failures for 5 days',
  failing_since: '2026-04-21T10:30:00.000Z',
  disabled_at: '2026-04-26T10:30:00.000Z',
}
const OTHERS: Record<string, unknown> = {
  'breaker.opened': breaker,
  'breaker.closed': breaker,
  'endpoint.failing': endpoint,
  'endpoint.disabled': endpoint,
}

/** The body of an event of this type. */
export function exampleOf(name: keyof typeof EVENT_TYPES): Record<string, unknown> {
  return JSON.parse(envelope(noticeOf(name))) as Record<string, unknown>
}

function noticeOf(name: keyof typeof EVENT_TYPES): Notice {
  const state = STATES[name]
  if (state !== undefined) {
    const step = { version: state.version, to: state.status, after: state }
    return noticesOfSteps(ACTION, [step], AT, () => true)[0]!
  }
  const about = { tenant: TENANT, userId: 'user-123' }
  if (name === 'custom.*') {
    const data = { reward_type: 'discount', value: 20, currency: 'USD' }
    const event = { id: 'ev_01KAJX0M6Q8V2Y3R5T7W9ZBCDE', type: 'custom.reward.redeemed', data, time: AT }
    return noticeOfEvent({ ...event, ...about }, AT)!
  }
  return { id: 'evt_1', type: name as EventName, tenant: TENANT, userId: '', at: AT, data: OTHERS[name] }
}
