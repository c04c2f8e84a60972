import Type, { type Static } from 'typebox'
import { seenByRules, unknownPerson } from '../../../actors/person.ts'
import { compiledMapping } from '../../decisions/check-own.ts'
import { mappingData } from '../../dispatch/request.ts'
import { type Mapping, madeBody } from '../../documents/mappings.ts'
import { VolleyError } from '../../errors.ts'
import { isId } from '../../ids.ts'
import { readAction } from '../../ledger/actions/read-actions.ts'
import { readCurrent } from '../../ledger/people/read-people.ts'
import { listVersions } from '../../ledger/rules/rule-documents.ts'
import type { Caller, WebDeps } from '../deps.ts'
import { route } from '../route.ts'

const Facts = Type.Record(Type.String(), Type.Unknown())
const Body = Type.Object({
  action_id: Type.Optional(
    Type.String({ description: 'An action that is there: with its user as known now.' }),
  ),
  given: Type.Optional(
    Type.Object(
      { action: Facts, user: Type.Optional(Facts), now: Type.Optional(Type.String()) },
      { description: 'Facts as in a case.' },
    ),
  ),
  version: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 2_147_483_647,
      description: 'A kept version; without it, the one in force.',
    }),
  ),
})

/** What would be sent, before it is: nothing is kept, and nothing is. */
export const postTryMapping = route({
  method: 'POST',
  path: '/api/rules/mappings/:name/try',
  summary: 'The body that a mapping makes of an action, or of given facts',
  auth: 'key',
  params: Type.Object({ name: Type.String() }),
  namesOnce: true,
  body: Body,
  answers: {
    200: Type.Object({
      source: Type.String({ description: 'The document that was tried.' }),
      action: Type.String({ description: 'The action type that it is for.' }),
      body: Type.Unknown({ description: 'What would be sent.' }),
    }),
  },
  errors: ['not_found', 'rule_invalid', 'rule_failed'],
  example: { given: { action: { id: 'ea_1', user_id: 'user-123', parameters: { amount: 150 } } } },
  async handler({ params: { name }, body, caller, deps }) {
    const mapping = await mappingCalled(deps, caller, name, body.version)
    const made = madeBody(mapping.body, await dataFor(deps, caller, body))
    if (made.kind === 'failed')
      throw new VolleyError('rule_failed', `${mapping.file}: ${made.message}`, {
        details: [{ path: '/body', message: made.message }],
      })
    const { file: source, action } = mapping
    return { status: 200, body: { source, action, body: JSON.parse(made.text) as unknown } }
  },
})

async function mappingCalled(
  deps: WebDeps,
  { tenant }: Caller,
  name: string,
  version: number | undefined,
): Promise<Mapping> {
  if (version === undefined) {
    const rules = deps.rules.latest()
    await rules.ready([tenant])
    const found = rules.documentsOf(tenant).mappings.find((mapping) => mapping.name === name)
    if (found === undefined) throw new VolleyError('not_found', `No mapping in force is called ${name}.`)
    return found
  }
  const versions = await listVersions(deps.ledger.pool, { tenant, kind: 'mappings', name })
  const kept = versions.find((each) => each.version === version)
  if (kept === undefined) throw new VolleyError('not_found', `mappings/${name} has no version ${version}.`)
  const { compiled, mistakes } = compiledMapping(kept)
  if (compiled === null) throw new VolleyError('rule_invalid', undefined, { details: mistakes })
  return compiled
}

async function dataFor(
  deps: WebDeps,
  { tenant, mode }: Caller,
  { action_id: id, given }: Static<typeof Body>,
): Promise<Record<string, unknown>> {
  const nowMs = Date.now()
  if ((id === undefined) === (given === undefined))
    throw new VolleyError('invalid_body', undefined, {
      details: [{ path: '', message: 'must have either "action_id" or "given"' }],
    })
  if (given !== undefined) return { user: {}, now: new Date(nowMs).toISOString(), ...given }
  const found = isId('ea', id!) ? await readAction(deps.ledger.pool, tenant, id!) : null
  if (found === null || (mode === 'test' && !found.test))
    throw new VolleyError('not_found', `No action has the id ${id}.`)
  const person = await readCurrent(deps.ledger.pool, { tenant, test: found.test, id: found.userId })
  const user = { ...seenByRules(person ?? unknownPerson(false), nowMs) }
  return mappingData(found, { user, attempt: found.state.attempt + 1, nowMs })
}
