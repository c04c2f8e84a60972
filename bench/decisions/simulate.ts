import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { CONTENDERS, type ContenderName, type Heard } from './contenders.ts'
import { truthOf } from './drift.ts'
import { type Outcomes, STATUSES, type World } from './world.ts'

/** What one contender lost in one run against an oracle that always picks what is best. */
export interface Run {
  /** In rewards, all decisions together; by what is to be expected, not by what chance made of it. */
  regret: number
  /** The same after each of `POINTS` equal parts. */
  path: number[]
  /** All rewards that were to be expected. */
  reward: number
}

export const POINTS = 50

/** One run. A seed gives every contender the same users and the same luck. */
export function simulate(world: World, name: ContenderName, seed: number): Run {
  const { decisions, atOnce, spanMs, actions } = world
  const luck = xoroshiro128plus(seed)
  const contender = CONTENDERS[name](world, seed + 0x9e3779b9)
  const truthAt = truthOf(world, seed)
  const due = new Map<number, Heard[]>()
  const run: Run = { regret: 0, path: [], reward: 0 }
  for (let decision = 0; decision < decisions; decision++) {
    const { outcomes, rewards, best } = truthAt(decision)
    const now = (decision / decisions) * spanMs
    for (const heard of due.get(decision) ?? []) contender.hear({ ...heard, at: now })
    due.delete(decision)
    if (decision % atOnce === 0) contender.begin(now)
    const segment = segmentOf(world, uniformFloat64(luck))
    const [which, when, whether] = [uniformFloat64(luck), uniformFloat64(luck), uniformFloat64(luck)]
    const action = contender.pick(segment)
    const status = statusOf(outcomes[segment]![action]!, which)
    run.regret += best[segment]! - rewards[segment]![action]!
    run.reward += rewards[segment]![action]!
    const { delay, missing } = actions[action]!
    const known = decision + 1 + Math.floor(delay.isFixed ? delay.mean : -delay.mean * Math.log(1 - when))
    if (whether >= missing[status] && known < decisions) {
      const others = due.get(known)
      if (others === undefined) due.set(known, [{ segment, action, status, at: 0 }])
      else others.push({ segment, action, status, at: 0 })
    }
    if (((decision + 1) * POINTS) % decisions < POINTS) run.path.push(run.regret)
  }
  return run
}

function segmentOf({ segments }: World, luck: number): number {
  let left = luck
  for (const [index, { share }] of segments.entries()) {
    left -= share
    if (left < 0) return index
  }
  return segments.findLastIndex(({ share }) => share > 0)
}

/** The same luck makes a success of a better action where it makes one of a worse. */
function statusOf(outcomes: Outcomes, luck: number): keyof Outcomes {
  let left = luck
  for (const status of STATUSES) {
    left -= outcomes[status]
    if (left < 0) return status
  }
  return 'ignored'
}
