import { createHmac } from 'node:crypto'

export interface Signed {
  /** The exact text that is sent. */
  body: string
  /** 64 hex characters, used as text. */
  secret: string
  actionId: string
  /** When it is sent, ms since the epoch. */
  nowMs: number
  /** Of the first three headers, for example `X-Retivo-`. */
  headerPrefix: string
}

/**
 * The headers that let a receiver trust a dispatch, as a flat list of names and values: the three of the Retivo page
 * (hex HMAC-SHA256 of the body), and the Standard Webhooks set with the same key, which signs id and time too.
 */
export function signDispatch({ body, secret, actionId, nowMs, headerPrefix }: Signed): string[] {
  const seconds = String(Math.floor(nowMs / 1000))
  return [
    `${headerPrefix}Signature`,
    createHmac('sha256', secret).update(body).digest('hex'),
    `${headerPrefix}Timestamp`,
    new Date(nowMs).toISOString(),
    `${headerPrefix}Action-Id`,
    actionId,
    'webhook-id',
    actionId,
    'webhook-timestamp',
    seconds,
    'webhook-signature',
    `v1,${createHmac('sha256', secret).update(`${actionId}.${seconds}.${body}`).digest('base64')}`,
  ]
}
