import type { LaneSlice, MetSlice, SliceAsk } from '../../src/ledger/actions/lanes-due.ts'
import type { ActionRow } from '../../src/ledger/actions/rows.ts'
import { DEADLINE_LANE, SLEEP_LANE } from '../../src/ledger/actions/timers.ts'
import { type Tables, type Timer, timerKey } from './tables.ts'

/** How long before it is due a send is moved into its lane, as src/ledger/actions/timers.ts has it. */
const AWAKE_MS = 10_000

const laneNumbers = new Map<string, bigint>()

/** Lanes are ordered as the numbers that they are. */
function laneNumber(lane: string): bigint {
  let number = laneNumbers.get(lane)
  if (number === undefined) {
    number = BigInt(lane)
    laneNumbers.set(lane, number)
  }
  return number
}

const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
export const byTime = (a: Timer, b: Timer): number => a.at - b.at || compareText(a.id, b.id)

/** The timers of an action as its row says them; `now` is the time of the statement that wrote it. */
export function timersOf(
  row: Pick<ActionRow, 'id' | 'p' | 'lane' | 'state'>,
  now: number,
  isMute: boolean,
): Timer[] {
  const { id, p, lane, state } = row
  const timers: Timer[] = []
  if (state.nextAt !== null && !isMute)
    timers.push({ p, lane: state.nextAt > now + AWAKE_MS ? SLEEP_LANE : lane, at: state.nextAt, id })
  if (state.deadline !== null) timers.push({ p, lane: DEADLINE_LANE, at: state.deadline, id })
  return timers
}

/** Deletes a send's timer by its whole key, wherever it stands, as the statements do. */
export function stopSend(
  tables: Tables,
  { id, p, lane }: Pick<ActionRow, 'id' | 'p' | 'lane'>,
  at: number,
): void {
  tables.timers.delete(timerKey({ p, lane, at, id }))
  tables.timers.delete(timerKey({ p, lane: SLEEP_LANE, at, id }))
}

export function wakeSleeping(
  tables: Tables,
  now: number,
  partitions: readonly number[],
  limit: number,
): number {
  const owned = new Set(partitions)
  const counts = new Map<number, number>()
  let moved = 0
  for (const timer of [...tables.timers.values()].sort(byTime)) {
    if (timer.lane !== SLEEP_LANE || !owned.has(timer.p) || timer.at > now + AWAKE_MS) continue
    const count = (counts.get(timer.p) ?? 0) + 1
    counts.set(timer.p, count)
    const action = tables.actions.get(timer.id)
    if (count > limit || action === undefined) continue
    tables.timers.delete(timerKey(timer))
    const awake = { ...timer, lane: action.row.lane }
    tables.timers.set(timerKey(awake), awake)
    moved++
  }
  return moved
}

/** From lane to lane, through all partitions in step, at most `limit`. */
export function walkLanes(
  tables: Tables,
  now: number,
  after: readonly LaneSlice[],
  limit: number,
): MetSlice[] {
  const firsts = new Map<number, Map<string, Timer>>()
  for (const timer of tables.timers.values()) {
    const lanes = firsts.get(timer.p) ?? new Map<string, Timer>()
    firsts.set(timer.p, lanes)
    const known = lanes.get(timer.lane)
    if (known === undefined || timer.at < known.at) lanes.set(timer.lane, timer)
  }
  const walks = after.map(({ p, lane }) =>
    [...(firsts.get(p)?.values() ?? [])]
      .filter((timer) => laneNumber(timer.lane) > laneNumber(lane))
      .sort((a, b) => (laneNumber(a.lane) < laneNumber(b.lane) ? -1 : 1)),
  )
  const met: MetSlice[] = []
  for (let step = 0; walks.some((walk) => walk.length > step); step++)
    for (const walk of walks) {
      const timer = walk[step]
      if (timer !== undefined) met.push({ p: timer.p, lane: timer.lane, inMs: timer.at - now })
    }
  return met.slice(0, limit)
}

export function dueInLanes(tables: Tables, now: number, asks: readonly SliceAsk[]): ActionRow[] {
  const found: { timer: Timer; row: ActionRow }[] = []
  const spokenOf = new Set(
    [...tables.facts.values()].flatMap((fact) => (fact.applied ? [] : [fact.actionId])),
  )
  for (const ask of asks) {
    const due = [...tables.timers.values()]
      .filter((timer) => timer.p === ask.p && timer.lane === ask.lane && timer.at <= now)
      .filter((timer) => ask.after === null || byTime(timer, { ...timer, ...ask.after }) > 0)
      .sort(byTime)
      .slice(0, ask.room)
    for (const timer of due) {
      const row = tables.actions.get(timer.id)?.row
      if (row === undefined || spokenOf.has(row.id)) continue
      if (row.state.status === 'pending' || row.state.status === 'retrying') found.push({ timer, row })
    }
  }
  return found
    .sort(
      (a, b) =>
        a.row.p - b.row.p ||
        Number(laneNumber(a.row.lane) - laneNumber(b.row.lane)) ||
        byTime(a.timer, b.timer),
    )
    .map(({ row }) => row)
}

export function overdue(
  tables: Tables,
  now: number,
  partitions: readonly number[],
  limit: number,
): ActionRow[] {
  return partitions.flatMap((p) =>
    [...tables.timers.values()]
      .filter((timer) => timer.p === p && timer.lane === DEADLINE_LANE && timer.at <= now)
      .sort(byTime)
      .slice(0, limit)
      .flatMap(({ id }) => tables.actions.get(id)?.row ?? []),
  )
}
