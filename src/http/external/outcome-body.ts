import { isDeepStrictEqual } from 'node:util'
import Type, { type Static } from 'typebox'
import { OUTCOME_STATUSES } from '../../../actors/action.ts'
import { type Mistake, VolleyError } from '../../errors.ts'
import type { Report } from '../../ledger/actions/accept-facts.ts'

const RESULT_BYTES = 64 * 1024

/** What came of something, as a client says it. */
export const OutcomeBody = Type.Object({
  status: Type.Enum([...OUTCOME_STATUSES]),
  result: Type.Optional(Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()])),
})

/** What a client says; throws `invalid_body` where it is too much. */
export function reportIn({ status, result = null }: Static<typeof OutcomeBody>): Report {
  if (Buffer.byteLength(JSON.stringify(result)) > RESULT_BYTES) {
    throw new VolleyError('invalid_body', undefined, {
      details: [{ path: '/result', message: 'must be at most 64 KiB of JSON' }],
    })
  }
  return { status, result }
}

/** Refuses with `outcome_exists` what is not as it was recorded; the very same is fine, as far as it was kept. */
export function refuseAnother(
  said: Report,
  { outcome, isErased }: { outcome: Report; isErased: boolean },
  of: 'action' | 'decision',
): void {
  const mistakes: Mistake[] = []
  if (outcome.status !== said.status)
    mistakes.push({ path: '/status', message: `was recorded as ${outcome.status}` })
  // As JSON keeps it: a negative zero was recorded as zero.
  const isSame = isDeepStrictEqual(outcome.result ?? null, JSON.parse(JSON.stringify(said.result)))
  if (!isSame && !isErased) mistakes.push({ path: '/result', message: 'differs from the recorded result' })
  if (mistakes.length === 0) return
  throw new VolleyError(
    'outcome_exists',
    `The outcome ${outcome.status} was already recorded for this ${of}.`,
    { details: mistakes },
  )
}
