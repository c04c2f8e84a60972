import Type, { type Static } from 'typebox'
import { seenByRules, unknownPerson } from '../../../actors/person.ts'
import { kept } from '../../../actors/tenant.ts'
import type { Candidate } from '../../decisions/decide.ts'
import { storedOf } from '../../decisions/kept.ts'
import { pick } from '../../decisions/pick.ts'
import { scoresOf } from '../../decisions/scores.ts'
import { randomFrom } from '../../decisions/share.ts'
import type { RuleDocument } from '../../documents/rule-book.ts'
import { newId } from '../../ids.ts'
import { readSpending } from '../../ledger/decisions/spending.ts'
import { spendingKey } from '../../ledger/decisions/spending-key.ts'
import type { Caller, WebDeps } from '../deps.ts'
import { UserId } from '../external/new-action.ts'
import { route } from '../route.ts'
import { Nullable } from '../sending-terms.ts'
import { documentOf } from './document-of.ts'

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

const Asked = Type.Object({
  user_id: UserId,
  domain: Type.Optional(Type.String({ maxLength: 64 })),
  available_actions: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { maxItems: 200 }),
  ),
  context: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
})

/** Answered only after the decision is committed, so it can be read at once and after a crash. */
export const postRecommend = route({
  method: 'POST',
  path: '/api/decisions/recommend',
  summary: 'Ask what to do for a user right now',
  auth: 'key',
  body: Asked,
  answers: { 200: Recommendation },
  example: {
    user_id: 'user-123',
    domain: 'loyalty',
    available_actions: ['grant_points', 'unlock_badge', 'upgrade_tier'],
    context: { current_points: 1200, current_tier: 'silver', days_since_last_redemption: 14 },
  },
  async handler({ body, caller, deps }) {
    await deps.rules.ready([caller.tenant])
    const document = documentOf(body.domain, deps.rules.forUser(caller.tenant, body.user_id))
    const id = newId('de')
    const decision = await decideFor({ id, document, ...body }, caller, deps)
    const { tenant } = caller
    const test = caller.mode === 'test'
    await deps.intake.decision({
      id,
      tenant,
      userId: body.user_id,
      domain: document.domain,
      eventId: null,
      rule: decision.recommendation?.rule ?? null,
      sent: decision.sent && !test,
      holdout: decision.holdout,
      body: storedOf(decision, { test, isMute: test }),
      actionId: null,
      test,
    })
    return { status: 200, body: answerOf(id, body.user_id, decision) }
  },
})

interface Question extends Static<typeof Asked> {
  id: string
  document: RuleDocument
}

/** Decides by what is known of the user right now. */
async function decideFor({ id, document, ...asked }: Question, caller: Caller, deps: WebDeps) {
  const { tenant } = caller
  const userId = asked.user_id
  const [found, known] = await Promise.all([
    deps.people.current({ tenant, test: caller.mode === 'test', id: userId }),
    knownTo(deps, caller, document),
  ])
  const person = found ?? unknownPerson(false)
  const now = Date.now()
  const seen = { ...seenByRules(person, now) }
  const scores = scoresOf(deps.rules.latest().scoringOf(tenant, userId), seen, now)
  const data = {
    event: null,
    user: { id: userId, ...scores, ...seen },
    context: asked.context ?? {},
    now: new Date(now).toISOString(),
  }
  const picked = pick(document, document.rules, data, {
    now,
    standing: person.standing,
    permissions: person.permissions,
    ...known,
    strategy: 'best',
    random: randomFrom(id),
    available: asked.available_actions ?? null,
    takesUnknown: true,
  })
  return kept({ userId, event: null, trigger: null }, { tenant, scores }, document, picked, data)
}

/** Whoever is held out is offered nothing: it would be compared with itself. */
function answerOf(
  id: string,
  userId: string,
  { domain, recommendation, alternatives, considered, holdout, user_context }: ReturnType<typeof kept>,
): Static<typeof Recommendation> {
  const isOffered = recommendation !== null && !holdout
  const reasons = recommendation === null ? considered.map(reasonOf) : [HELD_OUT]
  return {
    user_id: userId,
    domain,
    recommendation: isOffered ? offer(recommendation) : null,
    alternatives: isOffered ? alternatives.map(offer) : [],
    user_context,
    decision_id: id,
    ...(isOffered ? {} : { reasons }),
  }
}

const HELD_OUT = 'holdout: nothing is offered to this user, to see what offering adds'

const reasonOf = ({ rule, said, error }: ReturnType<typeof kept>['considered'][number]): string =>
  `${rule}: ${error ?? said}`

/** What is known of the types that a document may offer, what was learnt of it, and what it may still spend. */
async function knownTo(deps: WebDeps, { tenant }: Caller, document: RuleDocument) {
  const { domain, policy } = document
  const [types, spent] = await Promise.all([
    deps.offeredTypes.of(tenant, document),
    policy.budget === null ? null : readSpending(deps.ledger.pool, [{ tenant, domain, ...policy.budget }]),
    deps.lessons.ready([tenant]),
  ])
  const leftUsd =
    policy.budget === null ? null : policy.budget.maxUsd - (spent?.get(spendingKey({ tenant, domain })) ?? 0)
  return { types, leftUsd, lessons: deps.lessons.of(tenant, domain) }
}

const offer = ({ action, parameters, confidence, reasoning }: Candidate): Static<typeof Offer> => ({
  action,
  parameters,
  confidence,
  reasoning,
})
