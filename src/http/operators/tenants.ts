import Type, { type Static } from 'typebox'
import { VolleyError } from '../../errors.ts'
import { countBacklog } from '../../ledger/intake/backlog.ts'
import {
  changeBacklogMax,
  changeSending,
  pageOfTenants,
  readSending,
  SENDING,
  type SendingState,
} from '../../ledger/tenants/sending.ts'
import type { WebDeps } from '../deps.ts'
import { route } from '../route.ts'
import { SendingBody, SendingView, viewSending } from '../sending.ts'

const Params = Type.Object({ slug: Type.String() })
const Max = Type.Union([Type.Integer({ minimum: 1, maximum: 1_000_000_000 }), Type.Null()])
const Row = Type.Object({ tenant: Type.String(), ...SendingView.properties, backlog_max: Max })
const PATH = '/api/operators/tenants'

const known = (state: SendingState | null, slug: string): SendingState => {
  if (state === null) throw new VolleyError('not_found', `No tenant is called ${slug}.`)
  return state
}

export const getTenants = route({
  method: 'GET',
  path: PATH,
  summary: 'List tenants by name, with whether their actions are sent',
  auth: 'operator',
  query: Type.Object({
    sending: Type.Optional(Type.Enum([...SENDING])),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 100 })),
    cursor: Type.Optional(Type.String({ maxLength: 63 })),
  }),
  answers: {
    200: Type.Object({
      tenants: Type.Array(Row),
      next_cursor: Type.Union([Type.String(), Type.Null()]),
    }),
  },
  async handler({ query, deps }) {
    const limit = query.limit ?? 100
    const found = await pageOfTenants(deps.ledger.pool, {
      sending: query.sending ?? null,
      after: query.cursor ?? '',
      limit: limit + 1,
    })
    const page = found.slice(0, limit)
    const tenants = page.map(
      (state): Static<typeof Row> => ({
        tenant: state.slug,
        ...viewSending(state),
        backlog_max: state.backlogMax,
      }),
    )
    return { status: 200, body: { tenants, next_cursor: found.length > limit ? page.at(-1)!.slug : null } }
  },
})

export const getSendingOfTenant = route({
  method: 'GET',
  path: `${PATH}/:slug/sending`,
  summary: "Whether a tenant's actions are sent",
  auth: 'operator',
  params: Params,
  answers: { 200: SendingView },
  errors: ['not_found'],
  async handler({ params: { slug }, deps }) {
    return { status: 200, body: viewSending(known(await readSending(deps.ledger.pool, { slug }), slug)) }
  },
})

export const putSendingOfTenant = route({
  method: 'PUT',
  path: `${PATH}/:slug/sending`,
  summary: "Stop all of a tenant's sending, or begin again",
  auth: 'operator',
  params: Params,
  body: SendingBody,
  answers: { 200: SendingView },
  errors: ['not_found'],
  example: { sending: 'paused', reason: 'asked for by phone' },
  async handler({ params: { slug }, body, deps }) {
    const change = { sending: body.sending, reason: body.reason ?? null }
    const changed = known(await changeSending(deps.ledger.pool, { slug }, change), slug)
    await deps.tenants.refresh()
    return { status: 200, body: viewSending(changed) }
  },
})

const BacklogView = Type.Object({
  waiting: Type.Integer({ description: 'Actions that wait to be sent; counted up to the limit.' }),
  limit: Type.Integer({ description: 'What holds: its own, or the one of the installation.' }),
  max: Max,
})

export const getBacklogOfTenant = route({
  method: 'GET',
  path: `${PATH}/:slug/backlog`,
  summary: "A tenant's backlog and its limit",
  auth: 'operator',
  params: Params,
  answers: { 200: BacklogView },
  errors: ['not_found'],
  async handler({ params: { slug }, deps }) {
    const state = known(await readSending(deps.ledger.pool, { slug }), slug)
    return { status: 200, body: await viewBacklog(state, deps) }
  },
})

export const putBacklogOfTenant = route({
  method: 'PUT',
  path: `${PATH}/:slug/backlog`,
  summary: "Set the limit of a tenant's backlog; null: the one of the installation",
  auth: 'operator',
  params: Params,
  body: Type.Object({ max: Max }),
  answers: { 200: BacklogView },
  errors: ['not_found'],
  example: { max: 50_000 },
  async handler({ params: { slug }, body, deps }) {
    const state = known(await changeBacklogMax(deps.ledger.pool, slug, body.max), slug)
    await deps.tenants.refresh()
    return { status: 200, body: await viewBacklog(state, deps) }
  },
})

async function viewBacklog(
  { tenant, backlogMax }: SendingState,
  { ledger, config }: WebDeps,
): Promise<Static<typeof BacklogView>> {
  const limit = backlogMax ?? config.backlogMax
  const waiting = await countBacklog(ledger.pool, tenant, { partitions: config.partitions, limit })
  return { waiting, limit, max: backlogMax }
}
