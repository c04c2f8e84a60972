import Type, { type Static } from 'typebox'
import { seenByRules, unknownPerson } from '../../../actors/person.ts'
import { compiledRules } from '../../decisions/check-own.ts'
import type { Considered } from '../../decisions/decide.ts'
import { scoresOf } from '../../decisions/scores.ts'
import { asked, dataOf, tried } from '../../decisions/try-rules.ts'
import { explainer } from '../../decisions/why.ts'
import type { RuleCaseGiven } from '../../documents/cases.ts'
import { fileOf } from '../../documents/own-documents.ts'
import type { RuleDocument } from '../../documents/rule-book.ts'
import { VolleyError } from '../../errors.ts'
import { readCurrent } from '../../ledger/people/read-people.ts'
import { listVersions } from '../../ledger/rules/rule-documents.ts'
import type { Caller, WebDeps } from '../deps.ts'
import { UserId } from '../external/new-action.ts'
import { route } from '../route.ts'
import { Nullable } from '../sending-terms.ts'

const Facts = Type.Record(Type.String(), Type.Unknown())
const Body = Type.Object({
  user_id: UserId,
  context: Type.Optional(Facts),
  event: Type.Optional(
    Type.Object(
      { type: Type.String({ minLength: 1, maxLength: 200 }), data: Type.Optional(Facts) },
      { description: 'Asks only those rules that wait for it.' },
    ),
  ),
  trigger: Type.Optional({ ...Facts, description: 'As in `on`: asks only those rules that wait for it.' }),
  version: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 2_147_483_647,
      description: 'A kept version; without it, the one in force for this user.',
    }),
  ),
})

const Said = Type.Object({
  rule: Type.String(),
  action: Type.String(),
  said: Type.String({ description: 'As in a decision, or `not_asked`: it waits for something else.' }),
  error: Type.Optional(Type.String()),
  why: Type.Array(
    Type.Object({
      part: Type.Unknown({ description: 'A part of `when`.' }),
      came: Type.Enum(['true', 'false', 'failed', 'not_run'] as const),
      facts: Type.Record(Type.String(), Type.Unknown(), {
        description: 'What it looked at; null: not known.',
      }),
    }),
  ),
})
const Offer = Type.Object({
  rule: Type.String(),
  action: Type.String(),
  parameters: Facts,
  confidence: Type.Number(),
  reasoning: Type.String(),
})

/** What rules say by themselves, before they are in force too. */
export const postTryRules = route({
  method: 'POST',
  path: '/api/rules/recommendations/:name/try',
  summary: 'What every rule of a document says to a user, and why',
  description:
    'By the conditions alone: cool-downs, caps, consent and what was learnt take no part. Nothing is recorded and nothing is sent.',
  auth: 'key',
  params: Type.Object({ name: Type.String() }),
  namesOnce: true,
  body: Body,
  answers: {
    200: Type.Object({
      source: Type.String({ description: 'The document that was tried.' }),
      recommendation: Nullable(Offer),
      alternatives: Type.Array(Offer),
      rules: Type.Array(Said),
    }),
  },
  errors: ['not_found', 'rule_invalid'],
  example: { user_id: 'user-123', context: { days_since_last_redemption: 14 } },
  async handler({ params: { name }, body, caller, deps }) {
    if (body.event !== undefined && body.trigger !== undefined)
      throw new VolleyError('invalid_body', undefined, {
        details: [{ path: '/trigger', message: 'must not stand beside "event"' }],
      })
    const document = await documentCalled(deps, caller, name, body)
    const given = await givenFor(deps, caller, body)
    const { recommendation, alternatives, considered } = tried(document.rules, given, body.user_id)
    const rules = saidBy(document, given, { userId: body.user_id, considered })
    return { status: 200, body: { source: document.file, recommendation, alternatives, rules } }
  },
})

function saidBy(
  document: RuleDocument,
  given: RuleCaseGiven,
  { userId, considered }: { userId: string; considered: readonly Considered[] },
): Static<typeof Said>[] {
  const isAsked = new Set(asked(document.rules, given).map(({ name }) => name))
  const explain = explainer(dataOf(given, userId))
  return document.written.rules.map(({ name: rule, action, when }) => {
    const said = considered.find((each) => each.rule === rule)
    if (!isAsked.has(rule) || said === undefined) return { rule, action, said: 'not_asked', why: [] }
    const error = said.error === undefined ? {} : { error: said.error }
    return { rule, action, said: said.said, ...error, why: explain(when) }
  })
}

async function documentCalled(
  deps: WebDeps,
  { tenant }: Caller,
  name: string,
  { version, user_id }: Static<typeof Body>,
): Promise<RuleDocument> {
  if (version === undefined) {
    const rules = deps.rules.latest()
    await rules.ready([tenant])
    const found = rules.forUser(tenant, user_id).documents.find(({ domain }) => domain === name)
    if (found === undefined) throw new VolleyError('not_found', `No rules in force are called ${name}.`)
    return found
  }
  const versions = await listVersions(deps.ledger.pool, { tenant, kind: 'recommendations', name })
  const kept = versions.find((each) => each.version === version)
  if (kept === undefined)
    throw new VolleyError('not_found', `recommendations/${name} has no version ${version}.`)
  const { compiled, mistakes } = compiledRules(kept.document)
  if (compiled === null) throw new VolleyError('rule_invalid', undefined, { details: mistakes })
  return { ...compiled, file: fileOf({ kind: 'recommendations', name, version }) }
}

async function givenFor(
  deps: WebDeps,
  { tenant, mode }: Caller,
  { user_id: id, context = {}, event, trigger }: Static<typeof Body>,
): Promise<RuleCaseGiven> {
  await deps.rules.ready([tenant])
  const nowMs = Date.now()
  const person = await readCurrent(deps.ledger.pool, { tenant, test: mode === 'test', id })
  const seen = { ...seenByRules(person ?? unknownPerson(false), nowMs) }
  const user = { ...scoresOf(deps.rules.latest().scoringOf(tenant, id), seen, nowMs), ...seen }
  return {
    now: new Date(nowMs).toISOString(),
    user,
    context,
    ...(event === undefined ? {} : { event }),
    ...(trigger === undefined ? {} : { trigger }),
  }
}
