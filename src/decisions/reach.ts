import type { Decided } from './decide.ts'

/** What rules of one domain would do with a number of occasions. */
export interface Reach {
  decisions: number
  users: ReadonlySet<string>
  /** Decisions of each rule that won one. */
  byRule: Record<string, number>
  /** Decisions of each action. */
  byAction: Record<string, number>
  /** Rules that failed at least once, each with its first error. */
  failed: Record<string, string>
}

/** Counts what was decided, each so many times. */
export function tally(): {
  count(userId: string, decided: Pick<Decided, 'recommendation' | 'considered'>, times?: number): void
  reach(): Reach
} {
  const users = new Set<string>()
  const byRule = new Map<string, number>()
  const byAction = new Map<string, number>()
  const failed = new Map<string, string>()
  let decisions = 0
  return {
    count(userId, { recommendation, considered }, times = 1) {
      for (const { rule, error } of considered)
        if (error !== undefined && !failed.has(rule)) failed.set(rule, error)
      if (recommendation === null) return
      decisions += times
      users.add(userId)
      add(byRule, recommendation.rule, times)
      add(byAction, recommendation.action, times)
    },
    reach: () => ({
      decisions,
      users,
      byRule: Object.fromEntries(byRule),
      byAction: Object.fromEntries(byAction),
      failed: Object.fromEntries(failed),
    }),
  }
}

/** Both together, where `part` stands for `scale` times as many people; who is in both counts once. */
export function withScaled(
  whole: Reach,
  part: Reach,
  scale: number,
): Omit<Reach, 'users'> & { users: number } {
  const fresh = [...part.users].filter((user) => !whole.users.has(user))
  return {
    decisions: whole.decisions + Math.round(part.decisions * scale),
    users: whole.users.size + Math.round(fresh.length * scale),
    byRule: summed(whole.byRule, scaled(part.byRule, scale)),
    byAction: summed(whole.byAction, scaled(part.byAction, scale)),
    failed: { ...part.failed, ...whole.failed },
  }
}

/** Each count so many times, rounded. */
export const scaled = (counts: Record<string, number>, scale: number): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).map(([name, n]) => [name, Math.round(n * scale)]))

function summed(a: Record<string, number>, b: Record<string, number>): Record<string, number> {
  const sums = new Map(Object.entries(a))
  for (const [name, n] of Object.entries(b)) add(sums, name, n)
  return Object.fromEntries(sums)
}

const add = (counts: Map<string, number>, name: string, n: number) =>
  counts.set(name, (counts.get(name) ?? 0) + n)
