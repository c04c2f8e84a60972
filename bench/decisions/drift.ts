import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { type Change, type Outcomes, rewardOfOutcomes, STATUSES, type World } from './world.ts'

/** How a world is for some time: by segment, then by action. */
export interface Truth {
  outcomes: Outcomes[][]
  /** Mean reward of an outcome that counts. */
  rewards: number[][]
  /** By segment: the reward of whatever is best. */
  best: number[]
}

/** So often what drifts is looked at, in decisions. */
const STEP = 100

/** The truth at each decision: the same for each contender of a seed, and asked for in rising order. */
export function truthOf(world: World, seed: number): (decision: number) => Truth {
  const still = truth(world.outcomes)
  if (world.walk === 0 && world.changes.length === 0) return () => still
  const random = xoroshiro128plus(seed ^ 0x5bd1e995)
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - uniformFloat64(random))) * Math.cos(2 * Math.PI * uniformFloat64(random))
  const size = world.walk * Math.sqrt(STEP / world.decisions)
  const walked = world.outcomes.map((row) => row.map(() => 0))
  let step = 0
  let now = still
  return (decision) => {
    const wanted = Math.floor(decision / STEP)
    if (wanted === step && decision > 0) return now
    for (; step < wanted; step++)
      for (const row of walked)
        for (let action = 0; action < row.length; action++) row[action]! += size * normal()
    now = truth(
      world.outcomes.map((row, segment) =>
        row.map((outcomes, action) =>
          shifted(changed(outcomes, world.changes, { segment, action, decision }), walked[segment]![action]!),
        ),
      ),
    )
    return now
  }
}

function truth(outcomes: Outcomes[][]): Truth {
  const rewards = outcomes.map((row) => row.map(rewardOfOutcomes))
  return { outcomes, rewards, best: rewards.map((row) => Math.max(...row)) }
}

/** The later change begins with what the earlier one has come to. */
function changed(
  outcomes: Outcomes,
  changes: readonly Change[],
  { segment, action, decision }: { segment: number; action: number; decision: number },
): Outcomes {
  let now = outcomes
  for (const change of changes) {
    const next = change.outcomes[segment]![action]
    if (next === null || next === undefined || decision < change.at) continue
    const share = change.over === 0 ? 1 : Math.min(1, (decision - change.at) / change.over)
    const before = now
    const between = (status: keyof Outcomes): number =>
      before[status] + share * (next[status] - before[status])
    now = Object.fromEntries(STATUSES.map((status) => [status, between(status)])) as unknown as Outcomes
  }
  return now
}

/** The logarithm of the odds of a success, shifted; partial ones keep their share of them. */
function shifted(outcomes: Outcomes, by: number): Outcomes {
  const { completed, partial, ignored, rejected } = outcomes
  const successes = completed + partial
  if (by === 0 || successes === 0 || ignored === 0) return outcomes
  const odds = (successes / ignored) * Math.exp(by)
  const now = ((successes + ignored) * odds) / (1 + odds)
  return {
    completed: (now * completed) / successes,
    partial: (now * partial) / successes,
    ignored: successes + ignored - now,
    rejected,
  }
}
