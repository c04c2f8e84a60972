import Type, { type Static } from 'typebox'
import { type LearnedPart, learnedOf } from '../../decisions/learned.ts'
import { readLessons } from '../../ledger/decisions/lessons.ts'
import { route } from '../route.ts'
import { Nullable } from '../sending-terms.ts'
import { documentOf } from './document-of.ts'

const Part = Type.Object({
  segment: Nullable(Type.String({ description: 'null: all users together.' })),
  believed: Nullable(
    Type.Object(
      {
        mean: Type.Number(),
        low: Type.Number(),
        high: Type.Number(),
      },
      { description: 'The rate of success; from `low` to `high` with 95 % probability.' },
    ),
  ),
  successes: Type.Number({ description: 'A partial one counts half; what is old counts less.' }),
  failures: Type.Number(),
  rejected: Type.Number({ description: 'Not counted for what is believed.' }),
  unanswered: Type.Number({ description: 'Not counted for what is believed.' }),
})

/** What outcomes have taught, as decisions go by it. */
export const getLearned = route({
  method: 'GET',
  path: '/api/decisions/learned',
  summary: 'What outcomes have taught of each rule of a domain, and what is believed now',
  auth: 'key',
  query: Type.Object({ domain: Type.Optional(Type.String({ maxLength: 64 })) }),
  answers: {
    200: Type.Object({
      domain: Type.String(),
      document: Type.Object({
        file: Type.String(),
        digest: Type.String(),
        version: Nullable(Type.Integer()),
      }),
      learns_from_partner: Type.Boolean({ description: 'Outcomes of a partner count for what is believed.' }),
      rules: Type.Array(
        Type.Object({
          rule: Type.String(),
          action: Nullable(Type.String({ description: 'null: the document has no such rule any more.' })),
          confidence: Nullable(Type.Number({ description: "The author's." })),
          ...Part.properties,
          segments: Type.Array(Part),
        }),
      ),
      is_complete: Type.Boolean({ description: 'False where there are more than 1,000 parts.' }),
    }),
  },
  async handler({ query, caller: { tenant }, deps }) {
    await deps.rules.ready([tenant])
    const document = documentOf(query.domain, deps.rules.forTenant(tenant), 'invalid_query')
    const { domain, file, digest, version } = document
    const shares = await readLessons(deps.ledger.pool, [tenant])
    const { rules, isComplete } = learnedOf(document, shares, Date.now())
    return {
      status: 200,
      body: {
        domain,
        document: { file, digest, version },
        learns_from_partner: shares.some((share) => share.isPartners && share.domain === domain),
        rules: rules.flatMap(({ rule, action, confidence, parts: [all, ...segments] }) =>
          all === undefined ? [] : [{ rule, action, confidence, ...view(all), segments: segments.map(view) }],
        ),
        is_complete: isComplete,
      },
    }
  },
})

const rounded = (value: number): number => Math.round(value * 1e4) / 1e4

function view({ segment, learned, believed }: LearnedPart): Static<typeof Part> {
  const { successes, failures, rejected, unanswered } = learned
  return {
    segment,
    believed:
      believed === null
        ? null
        : { mean: rounded(believed.mean), low: rounded(believed.low), high: rounded(believed.high) },
    successes: rounded(successes),
    failures: rounded(failures),
    rejected: rounded(rejected),
    unanswered: rounded(unanswered),
  }
}
