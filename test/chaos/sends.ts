import type { Accepted, Fault, Finding, LedgerEnd, OwnerChange, Receipt, Row, Step } from './observed.ts'
import type { FaultKind } from './schedule.ts'

/** The types of a run give a receiver this long. */
export const TIMEOUT_MS = 1_000
/** Receivers that answer do so within this. */
export const SLOWEST_MS = 400
/** How long a turn may take on a machine that is busy, and an answer to be taken in. */
const TURN_MS = 500
/** A result may wait this long for its commit on a healthy machine that is busy. */
const COMMIT_MS = 3_000
/** What follows from a fault once it is over: a burial, a stopped process that goes on, connections that come back. */
const AFTERMATH_MS = 6_000
/** A killed process sends nothing more, but its last POST may still be on its way into the receiver. */
const LAST_POST_MS = 500
/** Times are kept in whole ms. */
const CLOCK_MS = 2
/** An owner is seen by the sampling a little later than it is one, and later still on a machine that is busy. */
const SEEN_MS = 1_500

/** Faults that may cost the result of a POST: of the worker itself, or of its way to the ledger. */
const COSTLY: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'worker-kill',
  'worker-stop',
  'postgres-fast',
  'postgres-immediate',
  'worker-postgres-cut',
  'worker-postgres-half-open',
])

export interface Sends {
  accepted: readonly Accepted[]
  receipts: readonly Receipt[]
  faults: readonly Fault[]
  owners: readonly OwnerChange[]
}

/** What became of the POSTs that no attempt records. */
export interface Tally {
  /** An outcome had ended the action before the result of this POST was heard. */
  overtaken: number
  explained: number
  unexplained: number
  findings: Finding[]
}

/** Holds the POSTs that were received against the attempts that are recorded; each one too many needs its fault. */
export function tallySends({ rows, steps }: LedgerEnd, sends: Sends): Tally {
  const tally: Tally = { overtaken: 0, explained: 0, unexplained: 0, findings: [] }
  const received = Map.groupBy(sends.receipts, ({ id }) => id)
  const windows = costlyWindows(sends.faults)
  const once = new Set(sends.accepted.filter(({ isSentOnce }) => isSentOnce).map(({ id }) => id))
  const ownerOf = ownersByPartition(sends.owners)
  for (const row of rows.values()) {
    const receipts = received.get(row.id) ?? []
    const own = steps.get(row.id) ?? []
    const { surplus, unseen } = match(receipts, own)
    const left = surplus.filter((receipt) => !isOvertaken(receipt, own))
    tally.overtaken += surplus.length - left.length
    const causes = windows.filter((window) =>
      receipts.some((receipt) => isHit(receipt, window, row, ownerOf)),
    )
    // Where the type allows no second POST no fault excuses one: only the last may have lost its result.
    const last = Math.max(...receipts.map(({ at }) => at))
    const excusable = once.has(row.id) ? left.filter(({ at }) => at === last) : left
    // One fault costs one result of an action at most.
    const explained = Math.min(excusable.length, causes.length)
    tally.explained += explained
    tally.unexplained += left.length - explained
    if (explained < left.length) tally.findings.push(unexplained(row, receipts, left, causes))
    for (const step of unseen) tally.findings.push(notReceived(row, step))
  }
  for (const id of received.keys())
    if (!rows.has(id))
      tally.findings.push({
        kind: 'sent without a row',
        about: id,
        text: 'was received, but is not in the ledger',
      })
  return tally
}

/** No receiver ever had more POSTs of a type at a time than the type allows, whoever sent them. */
export function limitFindings(accepted: readonly Accepted[], receipts: readonly Receipt[]): Finding[] {
  const most = new Map(accepted.map(({ id, inFlightMax }) => [id, inFlightMax ?? Number.POSITIVE_INFINITY]))
  return receipts
    .filter(({ id, together }) => together > (most.get(id) ?? Number.POSITIVE_INFINITY))
    .map(({ id, at, together }) => ({
      kind: 'limit exceeded',
      about: id,
      text: `${together} POSTs of its type at a time at ${new Date(at).toISOString()}, ${most.get(id)} allowed`,
    }))
}

function unexplained(
  row: Row,
  received: readonly Receipt[],
  left: readonly Receipt[],
  causes: readonly Fault[],
): Finding {
  const times = (receipts: readonly Receipt[]) =>
    receipts.map(({ at, answer }) => `${new Date(at).toISOString()} ${answer}`).join(', ')
  const near =
    causes.map(({ kind, processes }) => `${kind} of ${processes.join(', ')}`).join('; ') || 'no fault'
  const text = `no attempt records ${times(left)}; received were ${times(received)}; near was ${near}`
  return { kind: 'unexplained duplicate', about: row.id, text }
}

function notReceived(row: Row, step: Step): Finding {
  const text = `version ${step.version} records an answer ${step.httpStatus} that no receiver gave`
  return { kind: 'attempt that was not received', about: row.id, text }
}

/** Finds the POST of each recorded attempt; what is left over on either side. */
export function match(
  receipts: readonly Receipt[],
  steps: readonly Step[],
): { surplus: Receipt[]; unseen: Step[] } {
  const surplus = [...receipts].sort((a, b) => a.at - b.at)
  const unseen: Step[] = []
  for (const step of steps) {
    if (step.kind !== 'result' && step.kind !== 'ambiguous') continue
    // Both by the clock of this machine: what is recorded at a time was received before.
    const isBefore = ({ at }: Receipt) => at <= step.at + CLOCK_MS
    const index = surplus.findLastIndex((receipt) => isBefore(receipt) && isAnswer(receipt, step))
    // Without an answer, whatever the receiver did may have been cut off, or nothing has reached it.
    const any = step.httpStatus === null ? surplus.findLastIndex(isBefore) : -1
    const found = index === -1 ? any : index
    if (found !== -1) surplus.splice(found, 1)
    else if (step.httpStatus !== null) unseen.push(step)
  }
  return { surplus, unseen }
}

function isAnswer({ answer }: Receipt, { httpStatus }: Step): boolean {
  switch (answer) {
    case 'ok':
      return httpStatus === 200
    case 'failed':
      return httpStatus === 500
    case 'hung':
      return httpStatus === null
    default:
      return answer satisfies never
  }
}

/**
 * A result that comes after an outcome is only logged, so the POST it belongs to is no duplicate. That is so only where
 * the outcome was heard while the POST was on the wire: of two that wait together, the result is heard first.
 */
function isOvertaken(receipt: Receipt, steps: readonly Step[]): boolean {
  const wireMs = receipt.answer === 'hung' ? TIMEOUT_MS : SLOWEST_MS
  return steps.some(
    ({ kind, at }) => kind === 'outcome' && receipt.at <= at + TURN_MS && at <= receipt.at + wireMs + TURN_MS,
  )
}

/** Faults that may cost results, each from when its first lost result may have been sent. */
function costlyWindows(faults: readonly Fault[]): Fault[] {
  const costly = faults.filter(({ kind }) => COSTLY.has(kind))
  return costly.map((fault) => {
    let from = fault.from - TIMEOUT_MS - COMMIT_MS
    // While the ledger was away no result could be committed, so what was sent before that was lost as well.
    const before = costly.filter(({ kind }) => kind.includes('postgres')).sort((a, b) => b.from - a.from)
    for (const other of before) {
      const isShared = other.processes.some((name) => fault.processes.includes(name))
      if (isShared && other.from < from && other.until + COMMIT_MS >= from)
        from = other.from - TIMEOUT_MS - COMMIT_MS
    }
    return {
      ...fault,
      from,
      until: fault.until + (fault.kind === 'worker-kill' ? LAST_POST_MS : AFTERMATH_MS),
    }
  })
}

type OwnersOf = (p: number, from: number, until: number) => Set<string>

function isHit(receipt: Receipt, window: Fault, row: Row, ownersOf: OwnersOf): boolean {
  if (receipt.at < window.from || receipt.at > window.until) return false
  const owners = ownersOf(row.p, receipt.at - SEEN_MS, receipt.at + SEEN_MS)
  return window.processes.some((name) => owners.has(name))
}

/** Who owned a partition at any moment of a span. */
export function ownersByPartition(changes: readonly OwnerChange[]): OwnersOf {
  const byPartition = Map.groupBy(
    changes.toSorted((a, b) => a.at - b.at),
    ({ p }) => p,
  )
  return (p, from, until) => {
    const own = byPartition.get(p) ?? []
    const names = own.flatMap(({ at, owner }, index) => {
      const end = own[index + 1]?.at ?? Number.POSITIVE_INFINITY
      return owner !== null && at <= until && end >= from ? [owner] : []
    })
    return new Set(names)
  }
}
