import type { Person } from '../../actors/person.ts'
import { type Standing, withoutOpen } from '../../actors/standing.ts'
import {
  type AskedAction,
  decideOccasion,
  type Guidance,
  type Made,
  type Occasion,
  type Situation,
} from '../../actors/tenant.ts'
import { storedOf } from '../decisions/kept.ts'
import { scoresOf } from '../decisions/scores.ts'
import { randomFrom } from '../decisions/share.ts'
import type { AskedDocument, RuleShelf } from '../documents/rule-book.ts'
import type { NewAction } from '../ledger/actions/insert-actions.ts'
import type { NewDecision } from '../ledger/decisions/decisions.ts'
import type { NewLesson } from '../ledger/decisions/lessons.ts'
import { type Spend, spendingKey } from '../ledger/decisions/spending-key.ts'
import type { Mark } from '../ledger/events/events-unread.ts'
import type { DueRow } from '../ledger/people/due.ts'
import type { NewErasure, PassedRow, PersonWrite } from '../ledger/people/people.ts'
import type { PersonKey } from '../ledger/people/person-key.ts'
import { sliceOf } from '../ledger/placement.ts'
import type { RegisteredType } from '../ledger/tenants/type-registry.ts'
import { type Hearing, keepPerson, type PeopleDraft } from './hear-events.ts'
import type { Loaded } from './load.ts'
import type { LessonsInUse } from './ports.ts'
import type { Listeners } from './tell.ts'

/** What deciding about events needs beside what was loaded. */
export interface Deciding extends Hearing {
  rules: RuleShelf
  lessons: LessonsInUse
  listeners: Listeners
  /** The turn's clock, in ms. */
  now: number
}

/** What a turn decided about events: what to insert, what became of people, and how far each partition was read. */
export interface EventsDecided {
  actions: NewAction[]
  decisions: NewDecision[]
  people: PersonWrite[]
  passed: PassedRow[]
  erasures: NewErasure[]
  spends: Spend[]
  lessons: NewLesson[]
  marks: Mark[]
  /** Who was looked at since it was due. */
  looked: DueRow[]
  /** Partitions in which events wait for another turn. */
  more: number[]
  /** More people are due than this turn looked at. */
  moreDue: boolean
}

export function noEvents(more: number[]): EventsDecided {
  return {
    actions: [],
    decisions: [],
    people: [],
    passed: [],
    erasures: [],
    spends: [],
    lessons: [],
    marks: [],
    looked: [],
    more,
    moreDue: false,
  }
}

/** What the turn knows and has decided until now. */
export interface Running {
  loaded: Loaded
  draft: PeopleDraft
  decided: EventsDecided
  /** Of budgets, by their `spendingKey`. */
  spent: Map<string, number>
}

/** What happened to whom, and who is asked about it. */
interface Happening {
  occasion: Occasion
  /** As rules see it. */
  user: Record<string, unknown>
  person: Person
  asked: readonly AskedDocument[]
}

/** Decides about one person, and takes down what follows. */
export function decideFor(
  whose: PersonKey & { p: number },
  { occasion, user, person, asked }: Happening,
  running: Running,
  deciding: Deciding,
): void {
  const { tenant, test } = whose
  const { loaded, draft } = running
  const situation: Situation = {
    tenant,
    user,
    standing: person.standing,
    permissions: person.permissions,
    timezone: person.timezone,
    scores: scoresOf(deciding.rules.scoringOf(tenant, whose.id), user, occasion.time),
    now: deciding.now,
  }
  const guidance: Guidance = {
    asked,
    types: loaded.types.get(tenant) ?? new Map<string, RegisteredType>(),
    lessonsOf: (domain) => deciding.lessons.of(tenant, domain),
    leftUsd: (domain) => leftOf({ tenant, domain, test }, asked, running.spent),
    newId: deciding.newId,
    randomOf: randomFrom,
  }
  const { made, standing } = decideOccasion(occasion, situation, guidance)
  const isSent = !test && !loaded.inShadow.has(tenant)
  for (const one of made) takeDown(one, { ...whose, occasion, isSent }, running)
  // What is never sent is never open.
  const after = isSent ? standing : closed(standing, made)
  if (after !== person.standing) keepPerson(draft, whose, { ...person, standing: after })
}

/** What is left of a domain's budget; null where it has none, and for what is never sent. */
function leftOf(
  { tenant, domain, test }: { tenant: string; domain: string; test: boolean },
  asked: readonly AskedDocument[],
  spent: ReadonlyMap<string, number>,
): number | null {
  const budget = asked.find(({ document }) => document.domain === domain)?.document.policy.budget ?? null
  if (budget === null || test) return null
  return budget.maxUsd - (spent.get(spendingKey({ tenant, domain })) ?? 0)
}

/** Adds what was spent to what was spent before. */
export function spendOf(spent: Map<string, number>, spend: Spend): void {
  const key = spendingKey(spend)
  // Nobody counts where there is no budget.
  if (spent.has(key)) spent.set(key, spent.get(key)! + spend.usd)
}

function closed(standing: Standing, made: readonly Made[]): Standing {
  return made.reduce(
    (each, { action }) => (action === null ? each : withoutOpen(each, action.id).standing),
    standing,
  )
}

interface About extends PersonKey {
  occasion: Occasion
  /** False: it is recorded what would have been sent. */
  isSent: boolean
}

function takeDown({ id, decision, action }: Made, about: About, { loaded, decided, spent }: Running): void {
  const { tenant, test, isSent } = about
  const type = action === null ? undefined : loaded.types.get(tenant)?.get(action.typeName)
  const shadow = loaded.inShadow.has(tenant)
  if (action !== null && type !== undefined) {
    decided.actions.push(newAction(action, type, { ...about, shadow }))
    const spend = { tenant, domain: decision.domain, usd: action.costUsd }
    if (isSent && spend.usd > 0 && spent.has(spendingKey(spend))) {
      spendOf(spent, spend)
      decided.spends.push(spend)
    }
  }
  decided.decisions.push({
    id,
    tenant,
    userId: about.id,
    domain: decision.domain,
    eventId: decision.event?.id ?? null,
    rule: decision.recommendation?.rule ?? null,
    sent: decision.sent && isSent,
    holdout: decision.holdout,
    // What is never sent says what would have been.
    body: storedOf(decision, { test, isMute: !isSent }),
    actionId: action?.id ?? null,
    test,
  })
}

function newAction(
  action: AskedAction,
  type: RegisteredType,
  { tenant, test, id: userId, shadow }: PersonKey & { shadow: boolean },
): NewAction {
  const { id, parameters, reasoning, confidence, origin, scheduledAt } = action
  return {
    id,
    tenant,
    type: type.id,
    userId,
    parameters: JSON.stringify(parameters),
    reasoning,
    confidence,
    origin,
    test,
    shadow,
    lane: type.lane,
    p: type.slices[sliceOf(id, type.slices.length)]!,
    scheduledAt,
    expiresAt: null,
    expiresAfterMs: type.terms.expiresAfterMs,
  }
}
