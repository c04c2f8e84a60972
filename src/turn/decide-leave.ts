import { type Allowance, askLeave } from '../../actors/leave.ts'
import type { LeaveWrites } from '../ledger/actions/leaves.ts'
import type { Transition } from '../ledger/actions/transitions.ts'
import type { RegisteredType } from '../ledger/tenants/type-registry.ts'
import type { HeldAction } from './held.ts'
import type { Loaded, Subject } from './load.ts'

/** A POST that was given leave must begin within this by the monotonic clock; its permit runs longer than the POST. */
export const BEGIN_WITHIN_MS = 5_000
const MARGIN_MS = 1_000

/** An action that asks for leave, with its type. */
export interface Asking {
  held: HeldAction
  type: RegisteredType
}

export interface LeavesDecided extends LeaveWrites {
  /** What may be sent: not before `inMs` from the turn's clock, and with what the ledger now says of the action. */
  granted: { held: HeldAction; inMs: number; claimed: number | null; nextAt: number | null }[]
  denied: { held: HeldAction; retryInMs: number }[]
  /** What is not to be sent any more. */
  dropped: HeldAction[]
}

/** Decides who may send, first come, first served within each type; `now` is the turn's clock in ms. */
export function decideLeaves(
  { asking, subjects, allowances }: Pick<Loaded, 'asking' | 'subjects' | 'allowances'>,
  transitions: readonly Transition[],
  now: number,
): LeavesDecided {
  const decided: LeavesDecided = {
    granted: [],
    denied: [],
    dropped: [],
    allowances: [],
    permits: [],
    claims: [],
    freed: subjects.flatMap(freedBy),
  }
  const moved = new Set(transitions.map((transition) => transition.id))
  const used = new Map(allowances)
  for (const { held, type } of asking) {
    const { status } = held.row.state
    if (moved.has(held.id) || (status !== 'pending' && status !== 'retrying')) decided.dropped.push(held)
    else decideOne(held, type, used, now, decided)
  }
  for (const [type, { nextAt }] of used) decided.allowances.push({ type, nextAt })
  return decided
}

/** The result of a POST ends its permit, whoever had sent it. */
function freedBy({ row, type, results, facts }: Subject): LeaveWrites['freed'] {
  const isOver = results.length > 0 || facts.some((fact) => fact.kind === 'result')
  return isOver && type?.needsLeave === true ? [{ type: type.id, actionId: row.id }] : []
}

function decideOne(
  held: HeldAction,
  type: RegisteredType,
  used: Map<string, Allowance>,
  now: number,
  decided: LeavesDecided,
): void {
  const before = used.get(type.id) ?? { inFlight: 0, nextAt: Number.NEGATIVE_INFINITY }
  const { leave, used: after } = askLeave(type.limits, before, now)
  if (leave.kind === 'denied') {
    decided.denied.push({ held, retryInMs: leave.retryInMs })
    return
  }
  const until = Math.ceil(leave.at + type.timeoutMs + BEGIN_WITHIN_MS + MARGIN_MS)
  if (used.has(type.id)) {
    used.set(type.id, after)
    decided.permits.push({ type: type.id, actionId: held.id, until })
  }
  const { row } = held
  const isClaim = !type.terms.mayRepeat
  const attempt = row.state.attempt + 1
  if (isClaim) {
    const { id, p, state } = row
    decided.claims.push({ id, p, version: state.version, attempt, nextBefore: state.nextAt!, nextAt: until })
  }
  decided.granted.push({
    held,
    inMs: Math.max(0, leave.at - now),
    claimed: isClaim ? attempt : null,
    nextAt: isClaim ? until : null,
  })
}
