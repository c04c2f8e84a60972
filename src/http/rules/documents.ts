import Type, { type Static } from 'typebox'
import { checkOwn, differencesOf, type OwnCheck } from '../../decisions/check-own.ts'
import { didYouMean } from '../../documents/nearest.ts'
import { isOwnKind, OWN_KINDS } from '../../documents/shelf.ts'
import { VolleyError } from '../../errors.ts'
import {
  addVersion,
  type DocumentKey,
  type DocumentVersion,
  listDocuments,
  listVersions,
  putInForce,
} from '../../ledger/rule-documents.ts'
import type { Caller, WebDeps } from '../deps.ts'
import { MistakesAnswer } from '../mistakes.ts'
import { route } from '../route.ts'

const BYTES_MAX = 512 * 1024

const Params = Type.Object({ kind: Type.String(), name: Type.String() })
const VersionNumber = Type.Integer({ minimum: 1, maximum: 2_147_483_647 })
const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const Version = Type.Object({
  kind: Type.String(),
  name: Type.String(),
  version: Type.Integer(),
  state: Type.String({ description: 'draft: it has mistakes; checked; active: in force; retired: it was.' }),
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
    const check = checkOwn(key, document, cases)
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
        }),
      ),
      own: Type.Array(
        Type.Object({
          kind: Type.String(),
          name: Type.String(),
          latest: Type.Integer(),
          active: Nullable(Type.Integer()),
        }),
      ),
    }),
  },
  async handler({ caller, deps }) {
    await deps.rules.ready([caller.tenant])
    const { rules, mappings, scoring } = deps.rules.documentsOf(caller.tenant)
    const in_force = [
      ...rules.documents.map(({ domain, file, rules }) => ({
        kind: 'recommendations',
        name: domain,
        source: file,
        rules: rules.map(({ name }) => name),
      })),
      ...mappings.map(({ name, file, action }) => ({ kind: 'mappings', name, source: file, action })),
      ...scoring.map(({ name, file }) => ({ kind: 'scoring', name, source: file })),
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

/** Rolling back is activating an earlier version. */
export const postActivate = route({
  method: 'POST',
  path: '/api/rules/:kind/:name/activate',
  summary: 'Put a version of a document of rules in force',
  description:
    'Every process goes by it within two seconds. An earlier version rolls back; null: the file again.',
  auth: 'key',
  params: Params,
  body: Type.Object({ version: Nullable(VersionNumber) }),
  answers: { 200: Type.Object({ active: Nullable(Type.Integer()) }) },
  errors: ['not_found', 'live_key_needed', 'document_not_checked', 'document_conflict'],
  async handler({ params, body: { version }, caller, deps }) {
    const key = keyOf(params, caller, 'write')
    const before = await putInForce(deps.ledger.pool, key, version)
    if (before === null) throw notFound(key, version)
    if (before === 'draft')
      throw new VolleyError(
        'document_not_checked',
        `Version ${version} of ${key.name} has mistakes; keep a new one.`,
      )
    await deps.rules.hearTenants()
    return { status: 200, body: { active: version } }
  },
})

/** Whose document it is. Throws `not_found` for a kind that tenants do not keep, `live_key_needed` for a test key. */
function keyOf(
  { kind, name }: Static<typeof Params>,
  { tenant, mode }: Caller,
  purpose: 'read' | 'write',
): DocumentKey {
  if (!isOwnKind(kind))
    throw new VolleyError(
      'not_found',
      `Tenants keep no documents of the kind ${kind}; expected one of ${OWN_KINDS.join(', ')}${didYouMean(kind, OWN_KINDS)}`,
    )
  if (!/^[a-z][a-z0-9_-]{0,63}$/.test(name))
    throw new VolleyError(
      'not_found',
      `No document can be called ${name}; expected a small letter and at most 63 small letters, digits, _ or -.`,
    )
  if (purpose === 'write' && mode === 'test') throw new VolleyError('live_key_needed')
  return { tenant, kind, name }
}

async function versionsOf(deps: WebDeps, key: DocumentKey): Promise<DocumentVersion[]> {
  const versions = await listVersions(deps.ledger.pool, key)
  if (versions.length === 0) throw notFound(key, null)
  return versions
}

function pick(versions: readonly DocumentVersion[], version: number): DocumentVersion {
  const found = versions.find((each) => each.version === version)
  if (found === undefined) throw notFound(versions[0]!, version)
  return found
}

const notFound = ({ kind, name }: DocumentKey, version: number | null) =>
  new VolleyError(
    'not_found',
    version === null
      ? `No document is kept at ${kind}/${name}.`
      : `${kind}/${name} has no version ${version}.`,
  )

const viewVersion = (each: DocumentVersion): Static<typeof Version> => ({
  kind: each.kind,
  name: each.name,
  version: each.version,
  state: each.state,
  made_at: new Date(each.madeAt).toISOString(),
  changed_at: new Date(each.changedAt).toISOString(),
})

const viewCheck = ({ mistakes, failedCases, warnings }: OwnCheck): Static<typeof Check> => ({
  mistakes,
  failed_cases: failedCases,
  warnings,
})
