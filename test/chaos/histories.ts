import { isDeepStrictEqual } from 'node:util'
import { ARROWS, type Arrow } from '../../actors/action.ts'
import type { AcknowledgedOutcome, Finding, LedgerEnd, Row, Step } from './observed.ts'

/** Steps that are about an attempt: what came of it, or that it will never be known. */
const COUNTED = new Set(['result', 'ambiguous'])

/** Holds every history against the table of arrows, and every row against the end of its history. */
export function historyFindings({ rows, steps }: LedgerEnd): Finding[] {
  return [...rows.values()].flatMap((row) => [...wrongSteps(row, steps.get(row.id) ?? [])])
}

function* wrongSteps(row: Row, steps: readonly Step[]): Generator<Finding> {
  const finding = (kind: string, text: string): Finding => ({ kind, about: row.id, text })
  let [status, version, attempt, hasOutcome]: [Row['status'], number, number, boolean] = [
    'pending',
    0,
    0,
    false,
  ]
  for (const step of steps) {
    if (step.version !== version + 1)
      yield finding('gap in a history', `version ${step.version} follows ${version}`)
    if (step.from !== status)
      yield finding('illegal step', `version ${step.version} begins as ${step.from}, not as ${status}`)
    if (!isAllowed(step, hasOutcome))
      yield finding(
        'illegal step',
        `version ${step.version}: ${step.kind} leads from ${step.from} to ${step.to}`,
      )
    if (step.attempt !== attempt + (COUNTED.has(step.kind) ? 1 : 0))
      yield finding(
        'illegal step',
        `version ${step.version} counts ${step.attempt} attempts after ${attempt}`,
      )
    ;({ to: status, version, attempt } = step)
    hasOutcome ||= step.kind === 'outcome'
  }
  if (row.status !== status || row.version !== version || row.attempt !== attempt)
    yield finding(
      'row is not its history',
      `the row is ${row.status}, version ${row.version}, ${row.attempt} attempts; its history ends as ${status}, ${version}, ${attempt}`,
    )
}

function isAllowed(step: Step, hasOutcome: boolean): boolean {
  const heard = heardAs(step)
  return ARROWS.some(
    (arrow) =>
      arrow.on === heard &&
      arrow.from.includes(step.from) &&
      arrow.to.includes(step.to) &&
      !(arrow.needsNoOutcome && hasOutcome),
  )
}

/** History keeps one kind for both results of a POST; where it led tells which one it was. */
function heardAs({ kind, to }: Step): Arrow['on'] | string {
  if (kind !== 'result') return kind
  return to === 'dispatched' || to === 'completed' ? 'delivered' : 'failed'
}

/** Each outcome that was acknowledged is the one that its action has. */
export function outcomeFindings(
  acknowledged: readonly AcknowledgedOutcome[],
  { rows }: LedgerEnd,
): Finding[] {
  return acknowledged.flatMap(({ id, status, result }) => {
    const outcome = rows.get(id)?.outcome ?? null
    if (outcome !== null && outcome.status === status && isDeepStrictEqual(outcome.result, result)) return []
    const has = outcome === null ? 'no outcome' : JSON.stringify(outcome)
    const told = JSON.stringify({ status, result })
    return [{ kind: 'acknowledged outcome lost', about: id, text: `${told} was recorded, and it has ${has}` }]
  })
}

/** Who was told that an action is cancelled finds that in its history. */
export function cancelFindings(cancelled: readonly string[], { steps }: LedgerEnd): Finding[] {
  const isCancelled = (id: string) => steps.get(id)?.some(({ kind }) => kind === 'cancel') === true
  return cancelled
    .filter((id) => !isCancelled(id))
    .map((id) => ({ kind: 'cancel lost', about: id, text: 'was answered as cancelled, and never was' }))
}
