/**
 * What a tenant's actor does when something happens to a user: asks the rules and decides which actions follow. Pure: no
 * I/O, no clock, no chance. Types, rules, lessons and budgets come in as values.
 */
import type { Considered } from '../src/decisions/decide.ts'
import { type Inputs, inputsOf } from '../src/decisions/inputs.ts'
import type { DomainLessons } from '../src/decisions/lessons.ts'
import { type OfferedType, type Picked, pick } from '../src/decisions/pick.ts'
import { quietUntil } from '../src/decisions/quiet-hours.ts'
import { shareOf } from '../src/decisions/share.ts'
import type { Random } from '../src/decisions/strategy.ts'
import type { AskedDocument, RuleDocument } from '../src/documents/rule-book.ts'
import type { Scores } from '../src/documents/scoring.ts'
import type { Mistake } from '../src/errors.ts'
import type { Permissions } from './permissions.ts'
import { originOf } from './report.ts'
import { type Standing, withOffer } from './standing.ts'

export type { OfferedType }

export interface TenantEvent {
  id: string
  userId: string
  type: string
  data: Record<string, unknown>
  /** ms since the epoch. */
  time: number
}

/** Why is decided: an event came in, or something else is due. */
export interface Occasion {
  userId: string
  event: TenantEvent | null
  /** What rules see of what else made it due, as `trigger`; null where an event did. */
  trigger: Record<string, unknown> | null
  /** As of when rules see the world, in ms. A decision about an event is taken as of the event, however late it is read. */
  time: number
}

/** What is known of the user of an event, as rules see it; beside it they see what scoring says. */
export type KnownUser = Record<string, unknown>

/** Where the user stands, and where the user is. */
export interface Situation {
  tenant: string
  user: KnownUser
  standing: Standing
  permissions: Permissions
  /** IANA name; null: it is not known. */
  timezone: string | null
  scores: Scores
  /** The turn's clock in ms, by which caps, quiet hours and lessons go. */
  now: number
}

/** What deciding may go by, all of one version. */
export interface Guidance {
  asked: readonly AskedDocument[]
  types: ReadonlyMap<string, OfferedType>
  lessonsOf(domain: string): DomainLessons
  /** What a domain may still spend; null: as much as it likes. */
  leftUsd(domain: string): number | null
  newId(prefix: 'de' | 'ea'): string
  /** Chance that is the same for the same decision. */
  randomOf(decision: string): Random
}

/** A decision as it is kept: what was decided by which document, and why nothing was sent where nothing was. */
export interface KeptDecision extends Picked {
  domain: string
  document: { file: string; digest: string; version: number | null }
  event: { id: string; type: string } | null
  trigger: Record<string, unknown> | null
  user_context: Scores
  /** What the rules saw, and a digest of it. */
  inputs: Inputs
  /** Decided for a user for whom nothing is sent, to see what sending adds. */
  holdout: boolean
  sent: boolean
  reason: 'rule_failed' | 'holdout' | Exclude<Considered['said'], 'offers' | 'error'> | null
  mistakes: Mistake[]
}

export interface AskedAction {
  id: string
  typeName: string
  parameters: Record<string, unknown>
  reasoning: string
  confidence: number
  /** `rule:<domain>/<name>` */
  origin: string
  /** When quiet hours end, in ms; null: at once. */
  scheduledAt: number | null
  costUsd: number
}

/** One decision, and what is to be done about it. */
export interface Made {
  id: string
  decision: KeptDecision
  action: AskedAction | null
}

/**
 * One decision for each domain of which a rule has something to offer; the pick becomes an action, unless the user is
 * held out. Where nothing is offered because a rule failed or might not, the decision says so: what happened must not
 * vanish without a trace. Gives where the user stands by then, too.
 */
export function decideOccasion(
  occasion: Occasion,
  situation: Situation,
  guidance: Guidance,
): { made: Made[]; standing: Standing } {
  const data = seenBy(occasion, situation)
  let { standing } = situation
  const made: Made[] = []
  for (const { document, rules } of guidance.asked) {
    const { domain } = document
    const id = guidance.newId('de')
    const picked = pick(document, rules, data, {
      now: situation.now,
      standing,
      permissions: situation.permissions,
      lessons: guidance.lessonsOf(domain),
      strategy: 'thompson',
      random: guidance.randomOf(id),
      available: null,
      types: guidance.types,
      takesUnknown: false,
      leftUsd: guidance.leftUsd(domain),
    })
    if (!isWorthKeeping(picked)) continue
    const decision = kept(occasion, situation, document, picked, data)
    const action = decision.sent ? actionOf(decision, document, situation, guidance) : null
    made.push({ id, decision, action })
    const { recommendation } = picked
    // Whoever is held out is offered as much as the others: only what is sent differs.
    if (recommendation !== null)
      standing = withOffer(standing, {
        rule: `${domain}/${recommendation.rule}`,
        action: recommendation.action,
        at: situation.now,
        open: action?.id ?? null,
        segment: picked.segment,
      })
  }
  return { made, standing }
}

function seenBy({ userId, event, trigger, time }: Occasion, { user, scores }: Situation) {
  const now = new Date(time).toISOString()
  return {
    event:
      event === null
        ? null
        : { id: event.id, type: event.type, user_id: userId, data: event.data, time: now },
    ...(trigger === null ? {} : { trigger }),
    user: { id: userId, ...scores, ...user },
    context: {},
    now,
  }
}

const isWorthKeeping = ({ recommendation, considered }: Picked): boolean =>
  recommendation !== null || considered.some(({ said }) => said !== 'does_not_apply' && said !== 'offers')

/** What is kept of a pick, and whether anything is sent because of it. */
export function kept(
  { userId, event, trigger }: Pick<Occasion, 'userId' | 'event' | 'trigger'>,
  { tenant, scores }: Pick<Situation, 'tenant' | 'scores'>,
  {
    domain,
    file,
    digest,
    version,
    policy,
  }: Pick<RuleDocument, 'domain' | 'file' | 'digest' | 'version' | 'policy'>,
  picked: Picked,
  data: object,
): KeptDecision {
  const holdout = isHeldOut({ tenant, domain, userId, share: policy.holdout })
  const blamed = picked.considered.find(({ said }) => said !== 'does_not_apply' && said !== 'offers')
  const { said } = blamed ?? {}
  const because = said === undefined || said === 'offers' ? null : said === 'error' ? 'rule_failed' : said
  const isOffered = picked.recommendation !== null
  return {
    ...picked,
    domain,
    document: { file, digest, version },
    event: event === null ? null : { id: event.id, type: event.type },
    trigger,
    user_context: scores,
    inputs: inputsOf(data),
    holdout,
    sent: isOffered && !holdout,
    reason: isOffered ? (holdout ? 'holdout' : null) : because,
    mistakes: isOffered ? [] : (blamed?.mistakes ?? []),
  }
}

/** Whether nothing is sent to a user for the sake of comparison: always the same users of a domain. */
export const isHeldOut = (about: {
  tenant: string
  domain: string
  userId: string
  share: number
}): boolean => about.share > 0 && shareOf('holdout', about.tenant, about.domain, about.userId) < about.share

function actionOf(
  { recommendation, domain }: KeptDecision,
  { policy }: RuleDocument,
  { now, timezone }: Situation,
  { newId, types }: Guidance,
): AskedAction {
  const { action, parameters, reasoning, confidence, rule } = recommendation!
  return {
    id: newId('ea'),
    typeName: action,
    parameters,
    reasoning,
    confidence,
    origin: originOf(`${domain}/${rule}`),
    scheduledAt: policy.quietHours === null ? null : quietUntil(policy.quietHours, timezone, now),
    costUsd: types.get(action)?.estimatedCostUsd ?? 0,
  }
}
