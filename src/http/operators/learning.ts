import Type, { type Static } from 'typebox'
import { type Mistake, VolleyError } from '../../errors.ts'
import { changePartnership, type Partnership, readPartnership } from '../../ledger/decisions/partners.ts'
import { route } from '../route.ts'
import { Nullable } from '../sending-terms.ts'

const PATH = '/api/operators/tenants/:slug/learning'
const Params = Type.Object({ slug: Type.String() })
const Slug = Type.String({ minLength: 1, maxLength: 63 })
const View = Type.Object({
  shares_learning: Type.Boolean({ description: 'It lets others learn of its outcomes.' }),
  learns_from: Nullable(Slug),
  is_learning: Type.Boolean({ description: 'The partner that it learns from lets it.' }),
})

const view = ({ sharesLearning, learnsFrom, isLearning }: Partnership): Static<typeof View> => ({
  shares_learning: sharesLearning,
  learns_from: learnsFrom,
  is_learning: isLearning,
})

const unknown = (slug: string) => new VolleyError('not_found', `No tenant is called ${slug}.`)

export const getLearningOfTenant = route({
  method: 'GET',
  path: PATH,
  summary: 'From whom a tenant learns beside its own outcomes',
  auth: 'operator',
  params: Params,
  answers: { 200: View },
  errors: ['not_found'],
  async handler({ params: { slug }, deps }) {
    const found = await readPartnership(deps.ledger.pool, slug)
    if (found === null) throw unknown(slug)
    return { status: 200, body: view(found) }
  },
})

export const putLearningOfTenant = route({
  method: 'PUT',
  path: PATH,
  summary: 'Let a tenant learn from a partner that allows it, or allow it; what is left out stays',
  auth: 'operator',
  params: Params,
  body: Type.Object({
    shares_learning: Type.Optional(Type.Boolean()),
    learns_from: Type.Optional(Nullable(Slug)),
  }),
  answers: { 200: View },
  errors: ['not_found'],
  example: { learns_from: 'partner' },
  async handler({ params: { slug }, body: { shares_learning, learns_from }, deps }) {
    const changed = await changePartnership(deps.ledger.pool, slug, {
      ...(shares_learning === undefined ? {} : { sharesLearning: shares_learning }),
      ...(learns_from === undefined ? {} : { learnsFrom: learns_from }),
    })
    switch (changed.kind) {
      case 'changed':
        return { status: 200, body: view(changed.partnership) }
      case 'unknown-tenant':
        throw unknown(slug)
      case 'unknown-partner':
        return refuse('must be the name of a tenant, or null')
      case 'not-shared':
        return refuse(`must be a tenant with shares_learning; ${learns_from} has it not`)
      case 'itself':
        return refuse('must be another tenant')
      default:
        return changed satisfies never
    }
  },
})

function refuse(message: string): never {
  const details: Mistake[] = [{ path: '/learns_from', message }]
  throw new VolleyError('invalid_body', undefined, { details })
}
