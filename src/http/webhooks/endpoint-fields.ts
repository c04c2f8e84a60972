import Type, { type Static } from 'typebox'
import { EVENT_TYPES, GROUPS_TO_COME, isSubscribable } from '../../../actors/event-types.ts'
import { compileFilter } from '../../documents/endpoint-filter.ts'
import { compileEndpointMapping } from '../../documents/endpoint-mapping.ts'
import { type Mistake, VolleyError } from '../../errors.ts'
import type { EndpointFields } from '../../ledger/endpoints/endpoints.ts'
import type { WebDeps } from '../deps.ts'
import {
  checkSendingTerms,
  checkUrl,
  Duration,
  Nullable,
  RateLimit,
  RetryPolicy,
  refuse,
} from '../sending-terms.ts'

const Url = Type.String({ maxLength: 2_048, description: 'http or https' })
const HEADERS_MAX = 20
/** Made by Volley or by HTTP itself; a receiver must be able to rely on them. */
const OWN_HEADER =
  /^(content-(type|length|encoding)|host|connection|keep-alive|transfer-encoding|upgrade|te|trailer|expect|user-agent|proxy-.*|webhook-.*)$/

const Fields = {
  delivery: Type.Optional(
    Type.Enum(['push', 'pull'], {
      description:
        '`pull`: nothing is sent to it, and what it is told waits for `GET …/poll`; it needs no `url`.',
    }),
  ),
  description: Type.Optional(Nullable(Type.String({ maxLength: 2_000 }))),
  subscribed_events: Type.Optional(
    Nullable(
      Type.Array(Type.String({ maxLength: 256 }), {
        maxItems: 200,
        description:
          'Names of events, groups such as `external_action.*` or `custom.reward.*`, or `*`. All if not given.',
      }),
    ),
  ),
  filter: Type.Optional(
    Nullable(
      Type.Record(Type.String(), Type.Unknown(), {
        description: 'JSON-logic over `{id, type, data}`: what it does not hold for is not told.',
      }),
    ),
  ),
  payload_mapping: Type.Optional(
    Nullable(
      Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Array(Type.Unknown())], {
        description:
          'A template with JSON-logic over `{id, type, created_at, tenant_id, data}`: what it makes is sent, and signed.',
      }),
    ),
  ),
  active: Type.Optional(Type.Boolean()),
  paused: Type.Optional(Type.Boolean({ description: 'What it is to be told waits, until its deadline.' })),
  headers: Type.Optional(
    Nullable(
      Type.Record(Type.String(), Type.String(), {
        description: 'Sent with each request; they are kept sealed, and their values are not shown again.',
      }),
    ),
  ),
  retry_policy: Type.Optional(Nullable(RetryPolicy)),
  timeout: Type.Optional(Nullable(Duration)),
  expires_after: Type.Optional(Nullable(Duration)),
  max_in_flight: Type.Optional(Nullable(Type.Integer({ minimum: 1, maximum: 10_000 }))),
  rate_limit: Type.Optional(Nullable(RateLimit)),
}
export const CreateBody = Type.Object({ url: Type.Optional(Url), ...Fields })
export const ChangeBody = Type.Object({ url: Type.Optional(Url), ...Fields })
type Change = Static<typeof ChangeBody>

/** The fields that a body names, once they are found to be fine; what it leaves out is not there. */
export function fieldsOf(body: Change, deps: Pick<WebDeps, 'guard' | 'config'>): Partial<EndpointFields> {
  checkSendingTerms(body)
  if (body.url !== undefined) checkUrl('/url', body.url, deps)
  checkEvents(body.subscribed_events ?? [], '/subscribed_events')
  checkLogic('/filter', body.filter ?? null, compileFilter)
  checkLogic('/payload_mapping', body.payload_mapping ?? null, compileEndpointMapping)
  checkHeaders(body.headers ?? {}, deps.config.headerPrefix)
  const { description, subscribed_events, retry_policy, ...rest } = body
  const known = Object.keys(ChangeBody.properties)
  return {
    ...Object.fromEntries(Object.entries(rest).filter(([name]) => known.includes(name))),
    ...(description === undefined ? {} : { description: description ?? '' }),
    ...(subscribed_events === undefined ? {} : { subscribed_events: namesOf(subscribed_events) }),
    ...(retry_policy === undefined
      ? {}
      : { retry_policy: retry_policy === null ? null : { jitter: 0, ...retry_policy } }),
  }
}

/** Each name once; null where it is everything. */
const namesOf = (names: readonly string[] | null): string[] | null =>
  names === null || names.includes('*') ? null : [...new Set(names)]

/** Refuses, at `path`, what no endpoint can be told of. */
export function checkEvents(names: readonly string[], path: string): void {
  const index = names.findIndex((name) => !isSubscribable(name))
  if (index < 0) return
  refuse(
    'invalid_body',
    `${path}/${index}`,
    `${JSON.stringify(names[index])} is no event; known are ${Object.keys(EVENT_TYPES).join(', ')}, groups of them such as external_action.* or custom.reward.*, ${GROUPS_TO_COME.join(', ')} and *`,
  )
}

function checkLogic(path: string, written: unknown, compile: (written: unknown) => unknown): void {
  if (written === null) return
  try {
    compile(written)
  } catch (error) {
    if (!(error instanceof VolleyError)) throw error
    const [first] = (error.details ?? []) as Mistake[]
    refuse('invalid_body', `${path}${first?.path ?? ''}`, first?.message ?? error.message)
  }
}

function checkHeaders(headers: Readonly<Record<string, string>>, prefix: string): void {
  const entries = Object.entries(headers)
  if (entries.length > HEADERS_MAX) refuse('invalid_body', '/headers', `must be at most ${HEADERS_MAX}`)
  for (const [name, value] of entries) {
    const path = `/headers/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    const lower = name.toLowerCase()
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(name))
      refuse('invalid_body', path, 'must have the name of a header')
    if (OWN_HEADER.test(lower) || lower.startsWith(prefix.toLowerCase()))
      refuse('invalid_body', path, 'is a header that Volley sets itself')
    if (!/^[\x20-\x7e]{0,4096}$/.test(value))
      refuse('invalid_body', path, 'must be at most 4096 visible ASCII characters and spaces')
  }
}
