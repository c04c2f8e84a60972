/** How often and how lately something was done. Times are ms since the epoch. */
export interface Activity {
  count: number
  firstAt: number
  lastAt: number
  /** What all of it weighs at `lastAt`: each weighs 1 when it happens, and half of that after each half-life. */
  weight: number
}

/** By type of event. */
export type Activities = { readonly [type: string]: Activity }

const DAY_MS = 86_400_000
/** After so many ms, what happened weighs half. */
export const HALF_LIFE_MS = 7 * DAY_MS
/** Most types of which is counted for one person. */
export const ACTIVITIES_MAX = 200

/** The activity with one more event, whose time may be before the last one. */
export function active(before: Activity | undefined, at: number): Activity {
  const once = { count: 1, firstAt: at, lastAt: at, weight: 1 }
  return before === undefined ? once : both(before, once)
}

/** What two activities are together; the order of them makes no difference. */
export function both(a: Activity, b: Activity): Activity {
  const lastAt = Math.max(a.lastAt, b.lastAt)
  return {
    count: a.count + b.count,
    firstAt: Math.min(a.firstAt, b.firstAt),
    lastAt,
    weight: weightAt(a, lastAt) + weightAt(b, lastAt),
  }
}

/** What an activity weighs at a time that is not before its last event. */
const weightAt = ({ weight, lastAt }: Activity, at: number): number =>
  weight * 2 ** (-Math.max(0, at - lastAt) / HALF_LIFE_MS)

/** How often a day it is done of late: what goes on at an even pace comes to that pace within some half-lives. */
export const ratePerDay = (activity: Activity, now: number): number =>
  (weightAt(activity, now) * Math.LN2 * DAY_MS) / HALF_LIFE_MS

/** Days since it was last done, with fractions; zero where that lies ahead. */
export const daysSince = (at: number, now: number): number => Math.max(0, now - at) / DAY_MS

/** With the activities of a type replaced. Where there are too many types, the one not seen for the longest is forgotten. */
export function withActivity(all: Activities, type: string, activity: Activity): Activities {
  const next = new Map(Object.entries(all)).set(type, activity)
  if (next.size > ACTIVITIES_MAX) next.delete(oldest(next))
  return Object.fromEntries(next)
}

/** Everything of two people, or of one person under two names. */
export function mergedActivities(a: Activities, b: Activities): Activities {
  const all = new Map(Object.entries(a))
  for (const [type, activity] of Object.entries(b)) {
    const mine = all.get(type)
    all.set(type, mine === undefined ? activity : both(mine, activity))
  }
  while (all.size > ACTIVITIES_MAX) all.delete(oldest(all))
  return Object.fromEntries(all)
}

/** Of equals the first by name, so that the order in which they came makes no difference. */
function oldest(all: ReadonlyMap<string, Activity>): string {
  let [found] = all.keys()
  for (const [type, { lastAt }] of all) {
    const than = all.get(found!)!.lastAt
    if (lastAt < than || (lastAt === than && type < found!)) found = type
  }
  return found!
}
