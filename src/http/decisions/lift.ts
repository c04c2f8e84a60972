import Type, { type Static } from 'typebox'
import { type Estimate, type Group, type Lift, liftOf } from '../../decisions/lift.ts'
import { durationMs } from '../../duration.ts'
import { type LiftGroup, readLift, wasSeen } from '../../ledger/decisions/lift.ts'
import { TimeInput } from '../external/new-action.ts'
import { route } from '../route.ts'
import { Duration, Nullable } from '../sending-terms.ts'
import { documentOf } from './document-of.ts'
import { sinceOf, wrong } from './read.ts'

const DAY_MS = 86_400_000
const PERIOD_MS = 90 * DAY_MS
const PERIOD_MS_MAX = 366 * DAY_MS
const WITHIN_MS_MAX = 180 * DAY_MS
const NOBODY: Group = { users: 0, conversions: 0, revenueMean: 0, revenueVariance: 0 }

const EstimateSchema = Nullable(
  Type.Object(
    { value: Type.Number(), low: Type.Number(), high: Type.Number() },
    { description: '`low` and `high` bound it with 95 % confidence.' },
  ),
)
const GroupSchema = Type.Object({
  users: Type.Integer(),
  conversions: Type.Integer(),
  conversion: Nullable(Type.Number()),
  revenue_per_user: Nullable(Type.Number()),
})
const LiftSchema = Type.Object({
  says: Type.Enum(['estimated', 'no_holdout', 'too_few_users'] as const),
  treated: GroupSchema,
  held_out: GroupSchema,
  conversion: EstimateSchema,
  relative_lift: EstimateSchema,
  revenue_per_user: EstimateSchema,
})

export const getLift = route({
  method: 'GET',
  path: '/api/decisions/lift',
  summary: 'What a domain adds over its holdout, on a later event',
  description:
    'Users of the period with a decision that was sent, or would have been, against each other as chance has dealt them: those treated and those held out, from the first such decision of each. Revenue is added up as it was sent: currencies are not converted.',
  auth: 'key',
  query: Type.Object({
    domain: Type.Optional(Type.String({ maxLength: 64 })),
    event: Type.String({ minLength: 1, maxLength: 200, examples: ['custom.purchase.completed'] }),
    value: Type.Optional(
      Type.String({
        maxLength: 200,
        pattern: '^data(\\.[^.]+){1,8}$',
        description: 'where a number stands in the event, such as data.total',
      }),
    ),
    within: Type.Optional({ ...Duration, default: '30d' }),
    since: Type.Optional({
      ...TimeInput,
      description: 'Decisions from then on; 90 days where it is left out.',
    }),
  }),
  answers: {
    200: Type.Object({
      domain: Type.String(),
      event: Type.String(),
      since: Type.String(),
      within: Type.String(),
      open: Type.Integer({ description: 'Users whose time to do it is not over yet.' }),
      note: Type.Optional(
        Type.String({ description: 'Only where no such event was seen: the figures say nothing then.' }),
      ),
      overall: LiftSchema,
      by_rule: Type.Array(Type.Object({ rule: Type.String(), ...LiftSchema.properties }), {
        description: 'By the rule of the first pick.',
      }),
    }),
  },
  async handler({ query, caller: { tenant }, deps }) {
    await deps.rules.ready([tenant])
    const { domain } = documentOf(query.domain, deps.rules.forTenant(tenant), 'invalid_query')
    const { event, within = '30d' } = query
    const since = periodOf(query.since, Date.now())
    const value = query.value === undefined ? null : query.value.split('.').slice(1)
    const asked = { tenant, domain, event, value, withinMs: windowOf(within), since }
    const groups = await readLift(deps.ledger.pool, asked)
    // Most ask about what happens: only where nobody decided for did it, it may be misspelt.
    const isUnseen =
      groups.every(({ conversions }) => conversions === 0) && !(await wasSeen(deps.ledger.pool, asked))
    const rules = [...new Set(groups.flatMap(({ rule }) => (rule === null ? [] : [rule])))]
    return {
      status: 200,
      body: {
        domain,
        event,
        since: new Date(since).toISOString(),
        within,
        open: groups.filter(({ rule }) => rule === null).reduce((sum, { open }) => sum + open, 0),
        ...(isUnseen ? { note: unseen(event) } : {}),
        overall: view(liftIn(groups, null)),
        by_rule: rules.map((rule) => ({ rule, ...view(liftIn(groups, rule)) })),
      },
    }
  },
})

const unseen = (event: string): string =>
  `No event of the type ${JSON.stringify(event)} was seen in this period; look at how it is written.`

function periodOf(text: string | undefined, now: number): number {
  const since = text === undefined ? now - PERIOD_MS : sinceOf(text)
  return since >= now - PERIOD_MS_MAX ? since : wrong('/since', 'must be at most 366 days ago')
}

function windowOf(within: string): number {
  const ms = durationMs(within) ?? 0
  return ms > 0 && ms <= WITHIN_MS_MAX ? ms : wrong('/within', 'must be a duration of at most "180d"')
}

function liftIn(groups: readonly LiftGroup[], rule: string | null): Lift {
  const found = (heldOut: boolean): Group =>
    groups.find((group) => group.rule === rule && group.heldOut === heldOut) ?? NOBODY
  return liftOf(found(false), found(true))
}

const view = ({
  says,
  treated,
  heldOut,
  conversion,
  relative,
  revenuePerUser,
}: Lift): Static<typeof LiftSchema> => ({
  says,
  treated: viewGroup(treated),
  held_out: viewGroup(heldOut),
  conversion: viewEstimate(conversion),
  relative_lift: viewEstimate(relative),
  revenue_per_user: viewEstimate(revenuePerUser),
})

const rounded = (value: number): number => Math.round(value * 1e6) / 1e6

const viewGroup = ({ users, conversions, revenueMean }: Group): Static<typeof GroupSchema> => ({
  users,
  conversions,
  conversion: users === 0 ? null : rounded(conversions / users),
  revenue_per_user: users === 0 ? null : rounded(revenueMean),
})

const viewEstimate = (estimate: Estimate | null): Static<typeof EstimateSchema> =>
  estimate === null
    ? null
    : { value: rounded(estimate.value), low: rounded(estimate.low), high: rounded(estimate.high) }
