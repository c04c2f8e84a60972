import Type from 'typebox'
import { VolleyError } from '../../errors.ts'
import { changePlan } from '../../ledger/endpoints/endpoints.ts'
import { route } from '../route.ts'
import { Nullable, refuse } from '../sending-terms.ts'

const PlanName = Nullable(
  Type.String({ maxLength: 64, description: 'A tier of rules/plans.json; null: no limits.' }),
)

export const putPlanOfTenant = route({
  method: 'PUT',
  path: '/api/operators/tenants/:slug/plan',
  summary: "Set a tenant's plan tier",
  auth: 'operator',
  params: Type.Object({ slug: Type.String() }),
  body: Type.Object({ plan: PlanName }),
  answers: { 200: Type.Object({ plan: PlanName }) },
  errors: ['not_found'],
  example: { plan: 'team' },
  async handler({ params: { slug }, body: { plan }, deps }) {
    const names = deps.plans.map(({ name }) => name)
    if (plan !== null && !names.includes(plan))
      refuse('invalid_body', '/plan', `must be one of ${names.join(', ')}, or null`)
    if (!(await changePlan(deps.ledger.pool, slug, plan)))
      throw new VolleyError('not_found', `No tenant is called ${slug}.`)
    return { status: 200, body: { plan } }
  },
})
