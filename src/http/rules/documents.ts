import Type, { type Static } from 'typebox'
import { type CheckedBeside, checkOwn, differencesOf, type OwnCheck } from '../../decisions/check-own.ts'
import { nameOf } from '../../documents/rollout.ts'
import { scoringIn } from '../../documents/shelf.ts'
import { VolleyError } from '../../errors.ts'
import { addVersion, type DocumentVersion, listDocuments } from '../../ledger/rules/rule-documents.ts'
import { activeTypeNames } from '../../ledger/tenants/action-types.ts'
import type { WebDeps } from '../deps.ts'
import { MistakesAnswer } from '../mistakes.ts'
import { route } from '../route.ts'
import { keyOf, Params, pick, VersionNumber, versionsOf } from './document-key.ts'

const BYTES_MAX = 512 * 1024

const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const Version = Type.Object({
  kind: Type.String(),
  name: Type.String(),
  version: Type.Integer(),
  state: Type.String({
    description:
      'draft: it has mistakes; checked; waiting: for a second person; partial: in force for a share of users; active: in force; retired: it was; stopped: for what came of it.',
  }),
  share: Nullable(Type.Number({ description: 'Of users for whom it is in force while it is partial.' })),
  waiting: Nullable(
    Type.Object(
      { share: Type.Number(), asked_by: Type.String() },
      {
        description: 'What waits for a second person, and the key that asked for it.',
      },
    ),
  ),
  approved_by: Nullable(Type.String({ description: 'The key of the second person.' })),
  figures: Type.Unknown({ description: 'What came of its decisions when it was stopped, and why it was.' }),
  made_at: Type.String(),
  changed_at: Type.String(),
})

const Check = Type.Object({
  mistakes: MistakesAnswer,
  failed_cases: Type.Array(Type.Object({ name: Type.String(), mistakes: Type.Array(Type.String()) })),
  warnings: MistakesAnswer,
})

/** A new version, checked as it is kept; nothing follows from it before it is activated. */
export const putRuleDocument = route({
  method: 'PUT',
  path: '/api/rules/:kind/:name',
  summary: 'Keep a new version of a document of rules, and check it',
  description:
    'Kinds are recommendations, mappings and scoring. A version with mistakes, or with cases that do not hold, is a draft and cannot be activated. In force, it stands in the place of the file about the same domain, of the same name, or for the same action.',
  auth: 'key',
  params: Params,
  namesOnce: true,
  body: Type.Object({
    document: Type.Record(Type.String(), Type.Unknown(), {
      description: 'As in the folder of its kind in rules/.',
    }),
    cases: Type.Optional(Type.Array(Type.Unknown(), { description: 'As in a .cases.json.', minItems: 1 })),
  }),
  answers: { 201: Type.Object({ version: Version, check: Check }) },
  errors: ['not_found', 'live_key_needed', 'too_many_documents'],
  async handler({ params, body, caller, deps }) {
    const key = keyOf(params, caller, 'write')
    const { document, cases = null } = body
    if (Buffer.byteLength(JSON.stringify(body)) > BYTES_MAX)
      throw new VolleyError('invalid_body', undefined, {
        details: [{ path: '', message: `must be at most ${BYTES_MAX} bytes as JSON` }],
      })
    const check = checkOwn(key, document, cases, await besideOf(deps, key.tenant))
    const isRight = check.mistakes.length === 0 && check.failedCases.length === 0
    const made = await addVersion(deps.ledger.pool, key, {
      state: isRight ? 'checked' : 'draft',
      document,
      cases,
    })
    return { status: 201, body: { version: viewVersion(made), check: viewCheck(check) } }
  },
})

export const getRuleDocuments = route({
  method: 'GET',
  path: '/api/rules',
  summary: 'The documents of rules that are in force, and those that are kept',
  auth: 'key',
  answers: {
    200: Type.Object({
      in_force: Type.Array(
        Type.Object({
          kind: Type.String(),
          name: Type.String({ description: 'Of rules, their domain.' }),
          source: Type.String({ description: 'A file, or a version of a document of your own.' }),
          rules: Type.Optional(Type.Array(Type.String())),
          action: Type.Optional(Type.String({ description: 'The action type that a mapping is for.' })),
          share: Type.Optional(Type.Number({ description: 'Of users for whom it is in force instead.' })),
        }),
      ),
      own: Type.Array(
        Type.Object({
          kind: Type.String(),
          name: Type.String(),
          latest: Type.Integer(),
          active: Nullable(Type.Integer()),
          partial: Nullable(Type.Integer({ description: 'In force for a share of users.' })),
        }),
      ),
    }),
  },
  async handler({ caller, deps }) {
    const shelf = deps.rules.latest()
    await shelf.ready([caller.tenant])
    const { rules, mappings, scoring } = shelf.documentsOf(caller.tenant)
    const in_force = [
      ...rules.documents.map(({ domain, file, rules }) => ({
        kind: 'recommendations',
        name: domain,
        source: file,
        rules: rules.map(({ name }) => name),
      })),
      ...mappings.map(({ name, file, action }) => ({ kind: 'mappings', name, source: file, action })),
      ...scoring.map(({ name, file }) => ({ kind: 'scoring', name, source: file })),
      ...shelf.ownOf(caller.tenant).rollouts.map(({ compiled, share }) => ({
        kind: compiled.kind,
        name: nameOf(compiled),
        source: compiled.made.file,
        share,
      })),
    ]
    return { status: 200, body: { in_force, own: await listDocuments(deps.ledger.pool, caller.tenant) } }
  },
})

export const getRuleDocument = route({
  method: 'GET',
  path: '/api/rules/:kind/:name',
  summary: 'A document of rules: one version, and the list of all',
  auth: 'key',
  params: Params,
  query: Type.Object({ version: Type.Optional({ ...VersionNumber, description: 'The latest without it.' }) }),
  answers: {
    200: Type.Object({
      version: Version,
      document: Type.Unknown(),
      cases: Type.Unknown(),
      versions: Type.Array(Version),
    }),
  },
  errors: ['not_found'],
  async handler({ params, query, caller, deps }) {
    const versions = await versionsOf(deps, keyOf(params, caller, 'read'))
    const { document, cases, ...about } = pick(versions, query.version ?? versions[0]!.version)
    const version = viewVersion({ ...about, document, cases })
    return { status: 200, body: { version, document, cases, versions: versions.map(viewVersion) } }
  },
})

export const getRuleDocumentDiff = route({
  method: 'GET',
  path: '/api/rules/:kind/:name/diff',
  summary: 'What differs between two versions of a document of rules',
  auth: 'key',
  params: Params,
  query: Type.Object({
    from: Type.Optional({ ...VersionNumber, description: 'The one in force without it.' }),
    to: Type.Optional({ ...VersionNumber, description: 'The latest without it.' }),
  }),
  answers: {
    200: Type.Object({
      from: Type.Integer(),
      to: Type.Integer(),
      differences: Type.Array(
        Type.Object({ path: Type.String(), from: Type.Unknown(), to: Type.Unknown() }),
        {
          description:
            'Rules stand under their names; null where one version has nothing there. 500 at most.',
        },
      ),
    }),
  },
  errors: ['not_found'],
  async handler({ params, query, caller, deps }) {
    const versions = await versionsOf(deps, keyOf(params, caller, 'read'))
    const active = versions.find(({ state }) => state === 'active') ?? versions.at(-1)!
    const from = query.from === undefined ? active : pick(versions, query.from)
    const to = pick(versions, query.to ?? versions[0]!.version)
    const differences = differencesOf(from.document, to.document)
    return { status: 200, body: { from: from.version, to: to.version, differences } }
  },
})

/** What a document may speak of that stands elsewhere. */
async function besideOf({ ledger, rules }: WebDeps, tenant: string): Promise<CheckedBeside> {
  const shelf = rules.latest()
  await shelf.ready([tenant])
  const scoring = scoringIn(shelf.documentsOf(tenant))?.written ?? null
  return { actionTypes: await activeTypeNames(ledger.pool, tenant), scoring }
}

const viewVersion = (each: DocumentVersion): Static<typeof Version> => ({
  kind: each.kind,
  name: each.name,
  version: each.version,
  state: each.waitingShare !== null && each.state !== 'partial' ? 'waiting' : each.state,
  share: each.state === 'partial' ? each.share : null,
  waiting: each.waitingShare === null ? null : { share: each.waitingShare, asked_by: each.askedBy! },
  approved_by: each.approvedBy,
  figures: each.figures,
  made_at: new Date(each.madeAt).toISOString(),
  changed_at: new Date(each.changedAt).toISOString(),
})

const viewCheck = ({ mistakes, failedCases, warnings }: OwnCheck): Static<typeof Check> => ({
  mistakes,
  failed_cases: failedCases,
  warnings,
})
