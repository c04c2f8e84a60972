import { createHmac } from 'node:crypto'

export interface Signed {
  /** The exact text that is sent. */
  body: string
  /** 64 hex characters, used as text. */
  secret: string
  /** Signs beside it while receivers change over; null where there is none. */
  previousSecret?: string | null
  actionId: string
  /** When it is sent, ms since the epoch. */
  nowMs: number
  /** Of the first three headers, for example `X-Retivo-`. */
  headerPrefix: string
}

const hexSignature = (secret: string, text: string) => createHmac('sha256', secret).update(text).digest('hex')
const v1Signature = (secret: string, text: string) =>
  `v1,${createHmac('sha256', secret).update(text).digest('base64')}`

/**
 * The headers that let a receiver trust a dispatch, as a flat list of names and values: the three of the Retivo page
 * (hex HMAC-SHA256 of the body), and the Standard Webhooks set with the same key, which signs id and time too. A secret
 * that is being replaced signs in `Signature-Previous`, and second in `webhook-signature`.
 */
export function signDispatch(signed: Signed): string[] {
  const { body, secret, previousSecret = null, actionId, nowMs, headerPrefix } = signed
  const seconds = String(Math.floor(nowMs / 1000))
  const standard = `${actionId}.${seconds}.${body}`
  const previous = previousSecret === null ? '' : ` ${v1Signature(previousSecret, standard)}`
  return [
    `${headerPrefix}Signature`,
    hexSignature(secret, body),
    ...(previousSecret === null
      ? []
      : [`${headerPrefix}Signature-Previous`, hexSignature(previousSecret, body)]),
    `${headerPrefix}Timestamp`,
    new Date(nowMs).toISOString(),
    `${headerPrefix}Action-Id`,
    actionId,
    'webhook-id',
    actionId,
    'webhook-timestamp',
    seconds,
    'webhook-signature',
    v1Signature(secret, standard) + previous,
  ]
}
