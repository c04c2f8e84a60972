import {
  type ActionState,
  type AttemptResult,
  decide,
  type Message,
  type OutcomeStatus,
} from '../../actors/action.ts'
import type { DeadLetter } from '../ledger/actions/dead-letters.ts'
import type { DueFact } from '../ledger/actions/facts-waiting.ts'
import type { TakenStep, Transition } from '../ledger/actions/transitions.ts'
import type { PassedRow } from '../ledger/people/people.ts'
import type { Loaded, Subject } from './load.ts'
import { reportOf } from './report.ts'
import { type Listeners, type Telling, tellTransition } from './tell.ts'

/** What a turn decided about actions; pure values, nothing of it has happened yet. */
export interface Decided extends Telling {
  transitions: Transition[]
  /** Facts that have been heard, whether they changed something or not. */
  applied: DueFact[]
  /** Actions on the wire with a cancel or a retry that waits for the result. */
  waiting: string[]
  /** Actions about which deciding threw, and why. */
  broken: DeadLetter[]
  /** What came of actions that rules made, for the actors of their users. */
  reports: PassedRow[]
}

/** The turn's clock in ms, chance from 0 up to 1, another one for each message, and who is told of what happens. */
export interface TurnMoment extends Listeners {
  now: number
  partitions: number
  chance(): number
}

/** Nothing decided yet. */
export const nothingDecided = (): Decided => ({
  transitions: [],
  applied: [],
  waiting: [],
  broken: [],
  reports: [],
  notifications: [],
  notices: [],
})

/** A message with what history is to keep of it. */
interface Told {
  message: Message
  detail: unknown
}

const ORDER: DueFact['kind'][] = ['result', 'outcome', 'pulled', 'cancel', 'retry']

/** Decides about every action of a turn, each by itself: one that breaks does not stop the others. */
export function decideActions(loaded: Pick<Loaded, 'subjects' | 'strayFacts'>, moment: TurnMoment): Decided {
  const decided: Decided = { ...nothingDecided(), applied: [...loaded.strayFacts] }
  for (const subject of loaded.subjects) {
    const { now: heard, later } = partition(subject)
    decided.applied.push(...heard)
    if (later.length > 0) decided.waiting.push(subject.row.id)
    const transition = fold(subject, messages(subject, heard), moment, decided)
    keep(decided, subject, transition, moment)
  }
  return decided
}

function keep(decided: Decided, subject: Subject, transition: Transition | null, moment: TurnMoment): void {
  if (transition === null) return
  decided.transitions.push(transition)
  const report = reportOf(subject, transition, moment)
  if (report !== null) decided.reports.push(report)
  tellTransition(decided, subject, transition, moment, moment.now)
}

/** An action fails for what could not be written about it; everything that it was told is heard by that. */
export function decideBroken(subject: Subject, letter: DeadLetter, moment: TurnMoment): Decided {
  const decided: Decided = { ...nothingDecided(), applied: subject.facts, broken: [letter] }
  const transition = fold(subject, [{ message: { kind: 'internal' }, detail: null }], moment, decided)
  keep(decided, subject, transition, moment)
  return decided
}

const WAITS_FOR_WIRE: readonly DueFact['kind'][] = ['pulled', 'cancel', 'retry']

/** While an action is on the wire, its pull, cancel and retry wait for the result: success wins. */
function partition(subject: Subject): { now: DueFact[]; later: DueFact[] } {
  const mustWait = (fact: DueFact) => subject.isOnWire && WAITS_FOR_WIRE.includes(fact.kind)
  return { now: subject.facts.filter((fact) => !mustWait(fact)), later: subject.facts.filter(mustWait) }
}

function messages(subject: Subject, facts: readonly DueFact[]): Told[] {
  const results = subject.results.map(
    ({ attempt, result, detail }): Told => ({
      message: result.kind === 'withheld' ? result : { kind: 'result', attempt, result },
      detail,
    }),
  )
  const told = [...facts]
    .sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind))
    .flatMap((fact) => factMessage(fact))
  const deadline: Told[] =
    subject.isOverdue && !subject.isOnWire ? [{ message: { kind: 'deadline' }, detail: null }] : []
  const doubt: Told[] = subject.isInDoubt ? [{ message: { kind: 'ambiguous' }, detail: null }] : []
  return [...results, ...told, ...doubt, ...deadline]
}

/** What a fact says to the state machine. Its body was checked when it was accepted. */
function factMessage(fact: DueFact): Told[] {
  switch (fact.kind) {
    case 'result': {
      const { result, detail } = fact.body as { result: AttemptResult; detail: unknown }
      return [{ message: { kind: 'result', attempt: fact.n, result }, detail }]
    }
    case 'outcome': {
      const { status, result } = fact.body as { status: OutcomeStatus; result?: unknown }
      return [
        {
          message: { kind: 'outcome', status, result: result ?? null },
          detail: { status, result: result ?? null },
        },
      ]
    }
    case 'pulled':
    case 'cancel':
    case 'retry':
      return [{ message: { kind: fact.kind }, detail: null }]
    default:
      return fact.kind satisfies never
  }
}

function fold(
  subject: Subject,
  told: readonly Told[],
  moment: TurnMoment,
  decided: Decided,
): Transition | null {
  const { row } = subject
  const steps: TakenStep[] = []
  let state = row.state
  for (const { message, detail } of told) {
    const next = hear(subject, state, message, moment, decided)
    if (next === null) continue
    const kind = next.failureReason === 'internal' ? 'internal' : message.kind
    steps.push({
      version: next.version,
      kind,
      from: state.status,
      to: next.status,
      attempt: next.attempt,
      detail,
      after: next,
    })
    state = next
  }
  if (steps.length === 0) return null
  return { id: row.id, p: row.p, lane: row.lane, before: row.state, next: state, steps }
}

/** The state after a message, null where nothing changes. A throw fails this action and is kept as a dead letter. */
function hear(
  subject: Subject,
  state: ActionState,
  message: Message,
  { now, chance }: TurnMoment,
  decided: Decided,
): ActionState | null {
  const moment = { now, chance: chance() }
  try {
    if (subject.type === undefined) throw new Error(`the action type ${subject.row.type} does not exist`)
    const decision = decide(state, message, subject.type.terms, moment)
    return decision.kind === 'changed' ? decision.next : null
  } catch (error) {
    decided.broken.push({
      p: subject.row.p,
      actionId: subject.row.id,
      reason: 'internal',
      error: String(error),
      body: null,
    })
    const terms = { delaysMs: [], jitter: 0, awaitsOutcome: true, expiresAfterMs: 0, mayRepeat: true }
    const decision = decide(state, { kind: 'internal' }, terms, moment)
    return decision.kind === 'changed' ? decision.next : null
  }
}
