import Type from 'typebox'
import { compiledRules } from '../../decisions/check-own.ts'
import { isInShare } from '../../documents/rollout.ts'
import type { WrittenRules } from '../../documents/rule-book.ts'
import { VolleyError } from '../../errors.ts'
import { planOf } from '../../ledger/endpoints/endpoints.ts'
import { approve, putInForce, takeOutOfForce } from '../../ledger/rules/put-in-force.ts'
import type { DocumentKey, DocumentVersion } from '../../ledger/rules/rule-documents.ts'
import type { WebDeps } from '../deps.ts'
import { route } from '../route.ts'
import { Nullable, refuse } from '../sending-terms.ts'
import { keyOf, notFound, Params, pick, VersionNumber, versionsOf } from './document-key.ts'
import { compareReach, costOfAll, ReachComparison } from './reach.ts'
import { asInForce, forThose, inForce } from './versions-compared.ts'

/** Over which what a version costs is estimated, for whoever has to approve it. */
const DAYS = 7
const EVENTS_MAX = 1_000

const Share = Type.Number({ exclusiveMinimum: 0, maximum: 1 })

/** Whom a kept version would reach. */
export const getReach = route({
  method: 'GET',
  path: '/api/rules/:kind/:name/reach',
  summary: 'Whom a version of a document of rules would reach, and at what estimated cost',
  description: 'As `POST /api/rules/preview`, of a version that is kept; of recommendations alone.',
  auth: 'key',
  params: Params,
  query: Type.Object({
    version: Type.Optional({ ...VersionNumber, description: 'The latest without it.' }),
    days: Type.Optional(Type.Integer({ minimum: 1, maximum: 90, default: DAYS })),
    share: Type.Optional({ ...Share, description: 'Of users for whom it would be in force; 1 without it.' }),
  }),
  answers: { 200: ReachComparison },
  errors: ['not_found', 'document_not_checked'],
  async handler({ params, query, caller, deps }) {
    const key = keyOf(params, caller, 'read')
    const versions = await versionsOf(deps, key)
    const version = pick(versions, query.version ?? versions[0]!.version)
    const { days = DAYS, share = 1 } = query
    const reach = await reachOf(deps, key, version, { days, share })
    if (reach === null)
      throw new VolleyError(
        'not_found',
        `Only recommendations reach anybody; ${key.kind} are looked at by what they make.`,
      )
    return { status: 200, body: reach }
  },
})

/** Rolling back is activating an earlier version. */
export const postActivate = route({
  method: 'POST',
  path: '/api/rules/:kind/:name/activate',
  summary: 'Put a version of a document of rules in force, for everybody or for a share of users',
  description:
    'Every process goes by it within two seconds. With `share`, the same users stay in it while it grows, and the others keep what was in force before. An earlier version rolls back; null: the file again.',
  auth: 'key',
  params: Params,
  body: Type.Object({
    version: Nullable(VersionNumber),
    share: Type.Optional({ ...Share, description: 'Of users; 1 without it: everybody.' }),
  }),
  answers: {
    200: Type.Object({
      active: Nullable(Type.Integer()),
      share: Type.Number(),
      reach: Nullable(ReachComparison),
    }),
  },
  errors: ['not_found', 'live_key_needed', 'document_not_checked', 'document_conflict', 'approval_needed'],
  async handler({ params, body: { version, share = 1 }, caller, deps }) {
    const key = keyOf(params, caller, 'write')
    const { pool } = deps.ledger
    if (version === null) {
      if (!(await takeOutOfForce(pool, key))) throw notFound(key, null)
      await deps.rules.hearTenants()
      return { status: 200, body: { active: null, share: 1, reach: null } }
    }
    const versions = await versionsOf(deps, key)
    const wanted = pick(versions, version)
    const reach = await reachOf(deps, key, wanted, { days: DAYS, share })
    const estimate = reach === null ? 0 : costOfAll(reach)
    const most = await mostWithoutApproval(deps, key, [wanted, ...versions.filter(isInForce)])
    const ask = { version, share, by: caller.keyId, needsApproval: most !== null && estimate > most }
    switch (await putInForce(pool, key, ask)) {
      case 'unknown':
        throw notFound(key, version)
      case 'draft':
        throw notChecked(key, version)
      case 'narrower':
        refuse(
          'invalid_body',
          '/share',
          `must be 1: version ${version} is in force for everybody; activate another one`,
        )
        break
      case 'waiting':
        throw new VolleyError(
          'approval_needed',
          `Version ${version} would cost about ${usd(estimate)} in ${DAYS} days, and more than ${usd(most!)} needs a second person. It waits for POST /api/rules/${key.kind}/${key.name}/approve with another key.`,
          {
            details: {
              version,
              share,
              estimated_cost_usd: round(estimate),
              approval_above_usd: most,
              days: DAYS,
              reach,
            },
          },
        )
      case 'in_force':
        break
    }
    await deps.rules.hearTenants()
    return { status: 200, body: { active: version, share, reach } }
  },
})

export const postApprove = route({
  method: 'POST',
  path: '/api/rules/:kind/:name/approve',
  summary: 'Put in force what waits for a second person',
  description: 'With another key than the one that asked for it.',
  auth: 'key',
  params: Params,
  body: Type.Object({ version: VersionNumber }),
  answers: { 200: Type.Object({ active: Type.Integer(), share: Type.Number() }) },
  errors: ['not_found', 'live_key_needed', 'second_person_needed', 'invalid_transition', 'document_conflict'],
  async handler({ params, body: { version }, caller, deps }) {
    const key = keyOf(params, caller, 'write')
    const answer = await approve(deps.ledger.pool, key, { version, by: caller.keyId })
    switch (answer.kind) {
      case 'unknown':
        throw notFound(key, version)
      case 'not_waiting':
        throw new VolleyError(
          'invalid_transition',
          `Version ${version} of ${key.name} does not wait for anybody.`,
        )
      case 'same_person':
        throw new VolleyError('second_person_needed')
      case 'in_force':
        await deps.rules.hearTenants()
        return { status: 200, body: { active: version, share: answer.share } }
      default:
        return answer satisfies never
    }
  },
})

const isInForce = ({ state }: DocumentVersion): boolean => state === 'active' || state === 'partial'

const notChecked = ({ name }: DocumentKey, version: number) =>
  new VolleyError('document_not_checked', `Version ${version} of ${name} has mistakes; keep a new one.`)

/** Null for kinds that reach nobody by themselves. Throws `document_not_checked` for a version with mistakes. */
async function reachOf(
  deps: WebDeps,
  key: DocumentKey,
  { version, document }: DocumentVersion,
  { days, share }: { days: number; share: number },
): Promise<ReachComparison | null> {
  const { tenant, kind, name } = key
  if (kind !== 'recommendations') return null
  const { compiled } = compiledRules(document)
  if (compiled === null) throw notChecked(key, version)
  const rules = deps.rules.latest()
  await rules.ready([tenant])
  // Nothing is different for those who are not in the share.
  const isReached = (user: string) => share === 1 || isInShare({ tenant, kind, name, user }, share)
  const now = forThose(inForce(rules, tenant, name), isReached)
  const next = forThose(asInForce(compiled), isReached)
  return compareReach(deps, tenant, { days, limit: EVENTS_MAX, now, next })
}

/** What may be put in force without a second person, by the plan and by what these versions say; null: anything. */
async function mostWithoutApproval(
  deps: WebDeps,
  { tenant, kind }: DocumentKey,
  versions: readonly DocumentVersion[],
): Promise<number | null> {
  if (kind !== 'recommendations') return null
  const plan = await planOf(deps.ledger.pool, tenant)
  const limits = [
    deps.plans.find(({ name }) => name === plan)?.approval_above_usd,
    ...versions.map(
      ({ document }) => (document as Partial<WrittenRules> | null)?.rollout?.approval_above_usd,
    ),
  ].filter((limit) => typeof limit === 'number')
  return limits.length === 0 ? null : Math.min(...limits)
}

const round = (amount: number): number => Math.round(amount * 100) / 100
const usd = (amount: number): string => `$${round(amount)}`
