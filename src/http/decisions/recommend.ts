import Type from 'typebox'
import { seenByRules, unknownPerson } from '../../../actors/person.ts'
import { inputsOf } from '../../../actors/tenant.ts'
import { pick } from '../../decisions/pick.ts'
import { scoresOf } from '../../decisions/scores.ts'
import { randomFrom } from '../../decisions/share.ts'
import type { RuleBook, RuleDocument } from '../../documents/rule-book.ts'
import { VolleyError } from '../../errors.ts'
import { isId, newId } from '../../ids.ts'
import { insertDecisions, readDecision } from '../../ledger/decisions.ts'
import { readCurrent } from '../../ledger/read-people.ts'
import { readSpending } from '../../ledger/spending.ts'
import { spendingKey } from '../../ledger/spending-key.ts'
import type { Caller, WebDeps } from '../deps.ts'
import { UserId } from '../external/new-action.ts'
import { route } from '../route.ts'

const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const Offer = Type.Object({
  action: Type.String(),
  parameters: Type.Record(Type.String(), Type.Unknown()),
  confidence: Type.Number(),
  reasoning: Type.String(),
})

const Recommendation = Type.Object({
  user_id: Type.String(),
  domain: Type.String(),
  recommendation: Nullable(Offer),
  alternatives: Type.Array(Offer),
  user_context: Type.Object({
    lifecycle_stage: Nullable(Type.String()),
    activation_score: Nullable(Type.Number()),
    engagement_score: Nullable(Type.Number()),
    risk_level: Nullable(Type.String()),
  }),
  decision_id: Type.String(),
  reasons: Type.Optional(
    Type.Array(Type.String(), { description: 'Why nothing is recommended, a line a rule.' }),
  ),
})

/** Answered only after the decision is committed, so it can be read at once and after a crash. */
export const postRecommend = route({
  method: 'POST',
  path: '/api/decisions/recommend',
  summary: 'Ask what to do for a user right now',
  auth: 'key',
  body: Type.Object({
    user_id: UserId,
    domain: Type.Optional(Type.String({ maxLength: 64 })),
    available_actions: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { maxItems: 200 }),
    ),
    context: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  }),
  answers: { 200: Recommendation },
  example: {
    user_id: 'user-123',
    domain: 'loyalty',
    available_actions: ['grant_points', 'unlock_badge', 'upgrade_tier'],
    context: { current_points: 1200, current_tier: 'silver', days_since_last_redemption: 14 },
  },
  async handler({ body, caller, deps }) {
    const rules = deps.rules.latest()
    await rules.ready([caller.tenant])
    const document = documentOf(body.domain, rules.forUser(caller.tenant, body.user_id))
    const { domain } = document
    const id = newId('de')
    const now = Date.now()
    const asked = { tenant: caller.tenant, test: caller.mode === 'test', id: body.user_id }
    const person = (await readCurrent(deps.ledger.pool, asked)) ?? unknownPerson(false)
    const seen = { ...seenByRules(person, now) }
    const scores = scoresOf(rules.scoringOf(caller.tenant, body.user_id), seen, now)
    const data = {
      event: null,
      user: { id: body.user_id, ...scores, ...seen },
      context: body.context ?? {},
      now: new Date(now).toISOString(),
    }
    const picked = pick(document, document.rules, data, {
      now,
      standing: person.standing,
      ...(await knownTo(deps, caller, document)),
      strategy: 'best',
      random: randomFrom(id),
      available: body.available_actions ?? null,
      takesUnknown: true,
    })
    const { recommendation, alternatives, considered } = picked
    const answer = {
      user_id: body.user_id,
      domain,
      recommendation: recommendation === null ? null : offer(recommendation),
      alternatives: alternatives.map(offer),
      user_context: scores,
      decision_id: id,
      ...(recommendation === null
        ? { reasons: considered.map(({ rule, said, error }) => `${rule}: ${error ?? said}`) }
        : {}),
    }
    await insertDecisions(deps.ledger.pool, [
      {
        id,
        tenant: caller.tenant,
        userId: body.user_id,
        domain,
        eventId: null,
        body: {
          ...picked,
          domain,
          document: { file: document.file, digest: document.digest, version: document.version },
          user_context: scores,
          inputs: inputsOf(data),
          test: asked.test,
        },
        actionId: null,
        test: asked.test,
      },
    ])
    return { status: 200, body: answer }
  },
})

/** What is known of the types that a document may offer, what was learnt of it, and what it may still spend. */
async function knownTo(deps: WebDeps, { tenant }: Caller, { domain, rules, policy }: RuleDocument) {
  const [types, spent] = await Promise.all([
    deps.registry.byNames(
      tenant,
      rules.map(({ action }) => action),
    ),
    policy.budget === null ? null : readSpending(deps.ledger.pool, [{ tenant, domain, ...policy.budget }]),
    deps.lessons.ready([tenant]),
  ])
  const leftUsd =
    policy.budget === null ? null : policy.budget.maxUsd - (spent?.get(spendingKey({ tenant, domain })) ?? 0)
  return { types, leftUsd, lessons: deps.lessons.of(tenant, domain) }
}

export const getDecision = route({
  method: 'GET',
  path: '/api/decisions/:id',
  summary: 'One decision: what was considered, and what came of it',
  auth: 'key',
  params: Type.Object({ id: Type.String() }),
  answers: {
    200: Type.Object({
      decision: Type.Object({
        id: Type.String(),
        user_id: Type.String(),
        domain: Type.String(),
        event_id: Nullable(Type.String()),
        action_id: Nullable(Type.String()),
        decided: Type.Unknown(),
        at: Type.String(),
      }),
    }),
  },
  errors: ['not_found'],
  async handler({ params, caller, deps }) {
    const found = isId('de', params.id)
      ? await readDecision(deps.ledger.pool, caller.tenant, params.id)
      : null
    if (found === null) throw new VolleyError('not_found', `No decision has the id ${params.id}.`)
    const { id, userId, domain, eventId, actionId, body, at } = found
    return {
      status: 200,
      body: {
        decision: {
          id,
          user_id: userId,
          domain,
          event_id: eventId,
          action_id: actionId,
          decided: body,
          at: new Date(at).toISOString(),
        },
      },
    }
  },
})

type Offered = { action: string; parameters: Record<string, unknown>; confidence: number; reasoning: string }

const offer = ({ action, parameters, confidence, reasoning }: Offered) => ({
  action,
  parameters,
  confidence,
  reasoning,
})

function documentOf(asked: string | undefined, { documents }: RuleBook): RuleDocument {
  const [first] = documents
  if (asked === undefined && first !== undefined && documents.length === 1) return first
  const found = documents.find(({ domain }) => domain === asked)
  if (found !== undefined) return found
  const known = documents.map(({ domain }) => JSON.stringify(domain)).join(', ')
  throw new VolleyError('invalid_body', undefined, {
    details: [{ path: '/domain', message: `must be one of ${known}` }],
  })
}
