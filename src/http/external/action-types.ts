import Type, { type Static } from 'typebox'
import { compileParametersSchema } from '../../documents/parameters-schema.ts'
import { type Mistake, VolleyError } from '../../errors.ts'
import type { ActionType } from '../../ledger/entities/action-types.ts'
import {
  type ActionTypeFields,
  changeActionType,
  createActionType,
  findActionType,
  listActionTypes,
  rotateSecret,
} from '../../ledger/tenants/action-types.ts'
import { DEFAULT_DELAYS, DEFAULT_EXPIRES_AFTER, DEFAULT_TIMEOUT } from '../../ledger/tenants/type-registry.ts'
import type { WebDeps } from '../deps.ts'
import { route } from '../route.ts'
import {
  checkSendingTerms,
  checkUrl,
  Duration,
  Nullable,
  RateLimit,
  RetryPolicy,
  refuse,
} from '../sending-terms.ts'

const Text = (maxLength: number) => Type.String({ minLength: 1, maxLength })

const Fields = {
  description: Type.Optional(Nullable(Type.String({ maxLength: 2_000 }))),
  parameters_schema: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  domain: Type.Optional(Nullable(Text(128))),
  channel: Type.Optional(
    Nullable(
      Type.String({
        minLength: 1,
        maxLength: 128,
        description:
          'How it reaches its user, such as email; what consent goes by. The provider if not given.',
      }),
    ),
  ),
  estimated_cost_usd: Type.Optional(
    Nullable(
      Type.Union([
        Type.Number({ minimum: 0, maximum: 999_999_999 }),
        Type.String({ pattern: '^\\d{1,9}(\\.\\d{1,6})?$' }),
      ]),
    ),
  ),
  retry_policy: Type.Optional(Nullable(RetryPolicy)),
  timeout: Type.Optional(Nullable(Duration)),
  expires_after: Type.Optional(Nullable(Duration)),
  max_in_flight: Type.Optional(
    Nullable(
      Type.Integer({
        minimum: 1,
        maximum: 10_000,
        description: 'Most POSTs of this type at a time, over all workers.',
      }),
    ),
  ),
  rate_limit: Type.Optional(Nullable(RateLimit)),
  resend: Type.Optional(
    Type.Union([Type.Literal('always'), Type.Literal('never')], {
      description:
        '`never`: after a POST whose result is not known (a timeout, a cut connection, a worker that died) the action ends as failed with the reason `ambiguous` instead of being sent again.',
    }),
  ),
  awaits_outcome: Type.Optional(Type.Boolean()),
}

const Name = Type.String({ pattern: '^[a-z][a-z0-9_]{0,63}$', description: 'snake_case' })
const Webhook = Type.String({ maxLength: 2_048, description: 'http or https' })
const CreateBody = Type.Object({ name: Name, provider: Text(128), delivery_webhook: Webhook, ...Fields })
const ChangeBody = Type.Object({
  name: Type.Optional(Name),
  provider: Type.Optional(Text(128)),
  delivery_webhook: Type.Optional(Webhook),
  ...Fields,
})
type Change = Static<typeof ChangeBody>

const ActionTypeSchema = Type.Object({
  id: Type.String({ examples: ['at_01KAJX0M6Q8V2Y3R5T7W9ZBCDE'] }),
  name: Type.String(),
  description: Nullable(Type.String()),
  provider: Type.String(),
  channel: Nullable(Type.String()),
  domain: Nullable(Type.String()),
  parameters_schema: Type.Record(Type.String(), Type.Unknown()),
  delivery_webhook: Type.String(),
  estimated_cost_usd: Nullable(Type.String()),
  retry_policy: Type.Object({ delays: Type.Array(Type.String()), jitter: Type.Number() }),
  timeout: Type.String(),
  expires_after: Type.String(),
  max_in_flight: Nullable(Type.Integer()),
  rate_limit: Nullable(Type.Object({ limit: Type.Integer(), per: Type.String() })),
  resend: Type.Union([Type.Literal('always'), Type.Literal('never')]),
  awaits_outcome: Type.Boolean(),
  active: Type.Boolean(),
  created_at: Type.String(),
  updated_at: Type.String(),
  webhook_secret: Type.Optional(
    Type.String({ description: '64 hex characters, shown at creation and rotation only.' }),
  ),
})
const One = Type.Object({ action_type: ActionTypeSchema })
const Params = Type.Object({ id: Type.String() })
const PATH = '/api/external/action-types'

function view(type: ActionType, secret?: string): Static<typeof ActionTypeSchema> {
  return {
    id: type.id,
    name: type.name,
    description: type.description ?? null,
    provider: type.provider,
    channel: type.channel ?? null,
    domain: type.domain ?? null,
    parameters_schema: type.parameters_schema,
    delivery_webhook: type.delivery_webhook,
    estimated_cost_usd: type.estimated_cost_usd ?? null,
    retry_policy: type.retry_policy ?? { delays: [...DEFAULT_DELAYS], jitter: 0 },
    timeout: type.timeout ?? DEFAULT_TIMEOUT,
    expires_after: type.expires_after ?? DEFAULT_EXPIRES_AFTER,
    max_in_flight: type.max_in_flight ?? null,
    rate_limit: type.rate_limit ?? null,
    resend: type.resend,
    awaits_outcome: type.awaits_outcome,
    active: type.active,
    created_at: type.created_at.toISOString(),
    updated_at: type.updated_at.toISOString(),
    ...(secret === undefined ? {} : { webhook_secret: secret }),
  }
}

export const postActionType = route({
  method: 'POST',
  path: PATH,
  summary: 'Register something that an outside system can do',
  auth: 'key',
  body: CreateBody,
  answers: { 201: One },
  errors: ['action_type_exists', 'invalid_schema', 'address_refused'],
  example: {
    name: 'grant_points',
    description: 'Award loyalty points to user',
    provider: 'loyalty-platform',
    parameters_schema: { amount: { type: 'number', required: true }, reason: { type: 'string' } },
    delivery_webhook: 'https://loyalty.app/api/retivo/actions',
    domain: 'loyalty',
  },
  async handler({ body, caller, deps }) {
    check(body, deps)
    const { name, provider, delivery_webhook, parameters_schema = {}, ...rest } = body
    const { type, secret } = await createActionType(deps.ledger, deps.secrets, caller.tenant, name, {
      description: null,
      domain: null,
      channel: null,
      retry_policy: null,
      timeout: null,
      expires_after: null,
      max_in_flight: null,
      rate_limit: null,
      resend: 'always',
      awaits_outcome: true,
      ...fieldsOf(rest),
      provider,
      delivery_webhook,
      parameters_schema,
      estimated_cost_usd: costText(rest.estimated_cost_usd),
    })
    return { status: 201, body: { action_type: view(type, secret) } }
  },
})

export const getActionTypes = route({
  method: 'GET',
  path: PATH,
  summary: 'List action types, newest first',
  auth: 'key',
  query: Type.Object({
    provider: Type.Optional(Type.String({ maxLength: 128 })),
    domain: Type.Optional(Type.String({ maxLength: 128 })),
    active: Type.Optional(Type.Boolean()),
  }),
  answers: { 200: Type.Object({ action_types: Type.Array(ActionTypeSchema) }) },
  async handler({ query, caller, deps }) {
    const { provider = null, domain = null, active = null } = query
    const types = await listActionTypes(deps.ledger, caller.tenant, { provider, domain, active })
    return { status: 200, body: { action_types: types.map((type) => view(type)) } }
  },
})

export const getActionType = route({
  method: 'GET',
  path: `${PATH}/:id`,
  summary: 'One action type',
  auth: 'key',
  params: Params,
  answers: { 200: One },
  errors: ['not_found'],
  async handler({ params, caller, deps }) {
    return {
      status: 200,
      body: { action_type: view(await findActionType(deps.ledger, caller.tenant, params.id)) },
    }
  },
})

export const putActionType = route({
  method: 'PUT',
  path: `${PATH}/:id`,
  summary: 'Change what is given of an action type; its name stays',
  auth: 'key',
  params: Params,
  body: ChangeBody,
  answers: { 200: One },
  errors: ['not_found', 'invalid_schema', 'address_refused'],
  async handler({ params, body, caller, deps }) {
    check(body, deps)
    const present = await findActionType(deps.ledger, caller.tenant, params.id)
    if (body.name !== undefined && body.name !== present.name) {
      refuse('invalid_body', '/name', `must stay ${present.name}: actions and rules refer to it`)
    }
    const type = await changeActionType(deps.ledger, caller.tenant, params.id, fieldsOf(body))
    deps.registry.changed(type.id)
    return { status: 200, body: { action_type: view(type) } }
  },
})

export const deleteActionType = route({
  method: 'DELETE',
  path: `${PATH}/:id`,
  summary: 'Deactivate an action type; its actions and their history stay',
  auth: 'key',
  params: Params,
  answers: { 200: One },
  errors: ['not_found'],
  async handler({ params, caller, deps }) {
    const type = await changeActionType(deps.ledger, caller.tenant, params.id, { active: false })
    deps.registry.changed(type.id)
    return { status: 200, body: { action_type: view(type) } }
  },
})

export const postRotateSecret = route({
  method: 'POST',
  path: `${PATH}/:id/rotate-secret`,
  summary: 'Replace the secret that dispatches are signed with',
  auth: 'key',
  params: Params,
  answers: { 200: One },
  errors: ['not_found'],
  async handler({ params, caller, deps }) {
    const { type, secret } = await rotateSecret(deps.ledger, deps.secrets, caller.tenant, params.id)
    deps.registry.changed(type.id)
    return { status: 200, body: { action_type: view(type, secret) } }
  },
})

/** The columns that a body names; what it leaves out is not touched. */
function fieldsOf(body: Change): Partial<ActionTypeFields> {
  const { name: _name, estimated_cost_usd, retry_policy, ...rest } = body
  const known = Object.keys(ChangeBody.properties)
  const given = Object.fromEntries(Object.entries(rest).filter(([key]) => known.includes(key)))
  return {
    ...given,
    ...(estimated_cost_usd === undefined ? {} : { estimated_cost_usd: costText(estimated_cost_usd) }),
    ...(retry_policy === undefined || retry_policy === null
      ? retry_policy === null
        ? { retry_policy: null }
        : {}
      : { retry_policy: { delays: retry_policy.delays, jitter: retry_policy.jitter ?? 0 } }),
  }
}

/** A decimal text to a millionth of a dollar; never with an exponent. */
function costText(cost: string | number | null | undefined): string | null {
  if (cost === null || cost === undefined) return null
  return typeof cost === 'string' ? cost : cost.toFixed(6).replace(/\.?0+$/, '')
}

/** What a schema alone cannot say: ranges of durations, a URL that may be sent to, parameters that compile. */
function check(body: Change, deps: WebDeps): void {
  checkSendingTerms(body)
  if (body.delivery_webhook !== undefined) checkUrl('/delivery_webhook', body.delivery_webhook, deps)
  if (body.parameters_schema !== undefined) checkSchema(body.parameters_schema)
}

function checkSchema(schema: unknown): void {
  try {
    compileParametersSchema(schema)
  } catch (error) {
    if (!(error instanceof VolleyError)) throw error
    const details = ((error.details ?? []) as Mistake[]).map(({ path, message }) => ({
      path: `/parameters_schema${path}`,
      message,
    }))
    throw new VolleyError(error.code, error.message, { details })
  }
}
