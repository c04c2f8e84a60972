import { decodeTime } from 'ulid'

/** What the body of a dispatch is made of; `parameters` is JSON text and goes in as it is. */
export interface Dispatched {
  id: string
  typeName: string
  userId: string
  parameters: string
  reasoning: string | null
  confidence: number | null
  tenant: string
}

/**
 * The body of a dispatch as the Retivo page shows it, key by key; `confidence` is a string there. `nowMs` is the time
 * of this attempt.
 */
export function dispatchBody(action: Dispatched, nowMs: number): string {
  const confidence = action.confidence === null ? 'null' : `"${action.confidence}"`
  return (
    `{"action_id":"${action.id}","action_type":"${action.typeName}","user_id":${JSON.stringify(action.userId)},` +
    `"parameters":${action.parameters},"reasoning":${JSON.stringify(action.reasoning)},"confidence":${confidence},` +
    `"tenant_id":"${action.tenant}","timestamp":"${new Date(nowMs).toISOString()}"}`
  )
}

/** When an id was made, as an ISO text; null where it does not say so. */
function madeAt(id: string): string | null {
  try {
    return new Date(decodeTime(id.slice(-26))).toISOString()
  } catch {
    return null
  }
}

/**
 * What a mapping makes a body of; `user` is what is known of the user, null where the mapping does not look at it, and
 * `attempt` counts from 1.
 */
export function mappingData(
  action: Dispatched,
  { user, attempt, nowMs }: { user: Record<string, unknown> | null; attempt: number; nowMs: number },
): Record<string, unknown> {
  return {
    action: {
      id: action.id,
      type: action.typeName,
      user_id: action.userId,
      tenant_id: action.tenant,
      parameters: JSON.parse(action.parameters) as unknown,
      reasoning: action.reasoning,
      confidence: action.confidence,
      attempt,
      created_at: madeAt(action.id),
    },
    user: { id: action.userId, ...user },
    now: new Date(nowMs).toISOString(),
  }
}

/** What is sent: `id` is what the receiver knows a repeat by, `body` the exact text. */
export interface Message {
  id: string
  body: string
}

/** How what is sent looks, and what answers to it mean. */
export interface Form {
  message(action: Dispatched, nowMs: number): Message
  /** Whether an answer of this status says that there is nobody there, so that to try again is of no use. */
  isGone(status: number): boolean
  /** Whether it is of interest for how long nothing has succeeded. */
  hasHealth: boolean
}

/** The forms of what is sent; a type has one of them. */
export const FORMS: Readonly<Record<'action' | 'notification', Form>> = {
  action: {
    message: (action, nowMs) => ({ id: action.id, body: dispatchBody(action, nowMs) }),
    isGone: () => false,
    hasHealth: false,
  },
  notification: {
    message: ({ parameters }) => unpacked(parameters),
    isGone: (status) => status === 410,
    hasHealth: true,
  },
}

/** What is to be told to an endpoint, as the parameters of its notification keep it: JSON text. */
export const packed = ({ id, body }: Message): string => `{"id":"${id}","body":${body}}`

const ID_AT = '{"id":"'.length
const BETWEEN = '","body":'

/** What is told by a notification with these parameters, the body as the very text that was packed. */
export function unpacked(parameters: string): Message {
  const end = parameters.indexOf(BETWEEN)
  return { id: parameters.slice(ID_AT, end), body: parameters.slice(end + BETWEEN.length, -1) }
}
