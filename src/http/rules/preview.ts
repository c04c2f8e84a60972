import Type from 'typebox'
import { compiledRules } from '../../decisions/check-own.ts'
import { VolleyError } from '../../errors.ts'
import { route } from '../route.ts'
import { compareReach, ReachComparison } from './reach.ts'
import { asInForce, inForce } from './versions-compared.ts'

/** Whom a document of rules would reach, before it is kept. */
export const postPreview = route({
  method: 'POST',
  path: '/api/rules/preview',
  summary: 'What a document of rules would have done in the last days',
  description:
    'Live events, the newest first, until `limit`. Users are taken as they are known now, as of the time of the event. What triggers would have asked in the same days is estimated from up to 1,000 people. Nothing is kept and nothing is sent.',
  auth: 'key',
  namesOnce: true,
  body: Type.Object({
    document: Type.Record(Type.String(), Type.Unknown(), { description: 'As in rules/recommendations/.' }),
    days: Type.Optional(Type.Integer({ minimum: 1, maximum: 90, default: 7 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_000, default: 1_000 })),
  }),
  answers: { 200: ReachComparison },
  errors: ['rule_invalid'],
  async handler({ body: { document, days = 7, limit = 1_000 }, caller: { tenant }, deps }) {
    const name = String(document.domain)
    const { compiled, mistakes } = compiledRules(document)
    if (compiled === null) throw new VolleyError('rule_invalid', undefined, { details: mistakes })
    const rules = deps.rules.latest()
    await rules.ready([tenant])
    const now = inForce(rules, tenant, name)
    const body = await compareReach(deps, tenant, { days, limit, now, next: asInForce(compiled) })
    return { status: 200, body }
  },
})
