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
