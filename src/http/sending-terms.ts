import Type, { type Static } from 'typebox'
import { DURATION_PATTERN, durationMs } from '../duration.ts'
import { type Mistake, VolleyError } from '../errors.ts'
import type { WebDeps } from './deps.ts'

/** What may be said about sending to somewhere: where to, how long to wait, how often to repeat, how fast. */

export const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])
export const Duration = Type.String({
  pattern: DURATION_PATTERN,
  description: 'a duration such as "30s", "2m" or "72h"',
  examples: ['30s', '2m', '72h'],
})

export const RetryPolicy = Type.Object({
  delays: Type.Array(Duration, {
    maxItems: 20,
    description: 'The wait before each retry; the first try is not in it.',
  }),
  jitter: Type.Optional(
    Type.Number({ minimum: 0, maximum: 1, description: 'Share of a delay that chance may take off.' }),
  ),
})

export const RateLimit = Type.Object(
  {
    limit: Type.Integer({ minimum: 1, maximum: 100_000 }),
    per: Duration,
  },
  { description: 'At most `limit` POSTs begin within any `per`, evenly, over all workers.' },
)

/** The parts that a schema alone cannot check; what is left out or null is fine. */
export interface SendingTerms {
  timeout?: string | null
  expires_after?: string | null
  retry_policy?: Static<typeof RetryPolicy> | null
  rate_limit?: Static<typeof RateLimit> | null
}

/** Refuses durations out of their ranges. */
export function checkSendingTerms(terms: SendingTerms): void {
  within('/timeout', terms.timeout, 100, 120_000, '"100ms" to "120s"')
  within('/rate_limit/per', terms.rate_limit?.per, 10, 24 * 3_600_000, '"10ms" to "24h"')
  within('/expires_after', terms.expires_after, 1_000, 90 * 86_400_000, '"1s" to "90d"')
  for (const [index, delay] of (terms.retry_policy?.delays ?? []).entries()) {
    within(`/retry_policy/delays/${index}`, delay, 0, 7 * 86_400_000, 'at most "7d"')
  }
}

/** Refuses, at `path`, a duration that is shorter or longer than is allowed; one that is not given is fine. */
export function within(
  path: string,
  text: string | null | undefined,
  min: number,
  max: number,
  expected: string,
  code: 'invalid_body' | 'invalid_query' = 'invalid_body',
): void {
  if (text === null || text === undefined) return
  const ms = durationMs(text) ?? -1
  if (ms < min || ms > max) refuse(code, path, `must be ${expected}`)
}

/** Refuses, at `path`, what is no URL that this installation sends to. */
export function checkUrl(path: string, text: string, deps: Pick<WebDeps, 'guard'>): void {
  // A URL parser drops blanks and control characters silently, and the text is what is stored and shown.
  if (!/^[\x21-\x7e\u{a1}-\u{10ffff}]+$/u.test(text) || !URL.canParse(text))
    refuse('invalid_body', path, 'must be an absolute http or https URL')
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    refuse('invalid_body', path, 'must be an http or https URL')
  if (url.username !== '' || url.password !== '')
    refuse('invalid_body', path, 'must not hold a user or password')
  if (url.hash !== '') refuse('invalid_body', path, 'must not have a fragment')
  const refusal = deps.guard.refusalOfUrl(text)
  if (refusal !== null) refuse('address_refused', path, refusal)
}

/** Refuses a body or a query for what stands at `path`. */
export function refuse(
  code: 'invalid_body' | 'invalid_query' | 'address_refused',
  path: string,
  message: string,
): never {
  throw new VolleyError(code, undefined, { details: [{ path, message }] satisfies Mistake[] })
}
