import { pathsIn } from './never-applies.ts'

/** A number of days since something, which logic compares with. */
export interface Threshold {
  /** What the days are counted from; else the type of an activity, its dots as underscores. */
  since: 'last_seen' | 'first_seen' | { activity: string }
  days: number
}

/** How what logic says changes by time alone. */
export interface ByTime {
  /** It may change where one of these is reached. */
  thresholds: readonly Threshold[]
  /** It may change at any time: days are counted with, and not only compared. */
  isSmooth: boolean
}

const COMPARED = new Set(['<', '<=', '>', '>='])

/** Finds at which times logic over a user may come to something else though nothing happens. */
export function changesByTime(nodes: readonly unknown[]): ByTime {
  const found = nodes.map(ofNode)
  return {
    thresholds: found.flatMap(({ thresholds }) => thresholds),
    isSmooth: found.some(({ isSmooth }) => isSmooth),
  }
}

const NEVER: ByTime = { thresholds: [], isSmooth: false }

function ofNode(node: unknown): ByTime {
  if (Array.isArray(node)) return changesByTime(node)
  if (typeof node !== 'object' || node === null) return NEVER
  const [entry] = Object.entries(node)
  if (entry === undefined) return NEVER
  const [operator, value] = entry
  const args = Array.isArray(value) ? value : [value]
  if (COMPARED.has(operator)) {
    const thresholds = comparisonOf(args)
    if (thresholds !== null) return { thresholds, isSmooth: false }
  }
  if (operator === 'var' || operator === 'missing' || operator === 'missing_some')
    return { thresholds: [], isSmooth: pathsIn(node).some(passesWithTime) }
  return changesByTime(args)
}

/** One time compared with numbers; null for anything else. */
function comparisonOf(args: readonly unknown[]): Threshold[] | null {
  const times = args.flatMap((arg) => sinceOf(arg) ?? [])
  const numbers = args.filter((arg) => typeof arg === 'number')
  const [since] = times
  if (since === undefined || times.length > 1 || numbers.length !== args.length - 1) return null
  return numbers.map((days) => ({ since, days }))
}

function sinceOf(node: unknown): Threshold['since'] | null {
  const named = (node as { var?: unknown } | null)?.var
  const path = Array.isArray(named) ? named[0] : named
  if (path === 'user.days_since_last_seen') return 'last_seen'
  if (path === 'user.days_since_first_seen') return 'first_seen'
  const activity =
    typeof path === 'string' ? /^user\.activity\.([^.]+)\.days_since$/.exec(path)?.[1] : undefined
  return activity === undefined ? null : { activity }
}

const PASSING =
  /^(\?|now(\..*)?|user|user\.activity(\.[^.]+)?|user\.activity\..+\.(days_since|per_day)|user\.days_(since|away).*)?$/

const passesWithTime = (path: string): boolean => PASSING.test(path)
