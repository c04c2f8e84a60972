import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { believe } from '../../src/decisions/belief.ts'
import { type LearnedShare, lessonsOf } from '../../src/decisions/lessons.ts'
import { added, forgotten } from '../../src/decisions/posterior.ts'
import { rewardOf } from '../../src/decisions/reward.ts'
import { type Arm, choose, type Random } from '../../src/decisions/strategy.ts'
import { LEARNING_DEFAULTS } from '../../src/documents/policy.ts'
import { durationMs } from '../../src/duration.ts'
import type { Outcomes, World } from './world.ts'

/** What came of a decision; segment and action by their place in the world. */
export interface Heard {
  segment: number
  action: number
  status: keyof Outcomes
  /** When it came, in ms. */
  at: number
}

/** Somebody who decides, and hears what came of it. */
export interface Contender {
  /** Begins a moment, in ms: what is decided in it knows only what was heard before. */
  begin(now: number): void
  /** The action for a user of a segment, by its place. */
  pick(segment: number): number
  hear(heard: Heard): void
}

export const CONTENDERS = {
  volley,
  author,
  thompson,
  linucb,
} as const satisfies Record<string, (world: World, seed: number) => Contender>

export type ContenderName = keyof typeof CONTENDERS

export const CONTENDER_NAMES = Object.keys(CONTENDERS) as ContenderName[]

/** What is said of each contender where figures are shown. */
export const TITLES: Record<ContenderName, string> = {
  volley: 'Volley, as it is by default',
  author: "always the author's confidence",
  thompson: 'plain Thompson',
  linucb: 'LinUCB',
}

const HALF_LIFE_MS = durationMs(LEARNING_DEFAULTS.halfLife)!
const DOMAIN = 'world'

function randomOf(seed: number): Random {
  const generator = xoroshiro128plus(seed)
  return () => uniformFloat64(generator)
}

/** The modules that the engine decides by, with what a document goes by that says nothing but its segment. */
function volley({ actions, segments }: World, seed: number): Contender {
  const random = randomOf(seed)
  const names = segments.map(({ name }) => (segments.length === 1 ? '' : name))
  const shares = new Map<number, LearnedShare>()
  let lessons = lessonsOf([])(DOMAIN)
  let now = 0
  let isNews = false
  let arms = new Map<number, Arm[]>()
  const armsFor = (segment: number): Arm[] => {
    const beliefs = believe(
      actions.map(({ name, confidence }) => ({
        confidence,
        pools: lessons.pools(name, names[segment]!, now),
      })),
      LEARNING_DEFAULTS.weight,
      lessons.kinship(now),
    )
    return actions.map(({ name }, action) => ({ key: name, posterior: beliefs[action]! }))
  }
  const place = new Map(actions.map(({ name }, action) => [name, action]))
  return {
    begin(at) {
      now = at
      if (!isNews) return
      lessons = lessonsOf([...shares.values()])(DOMAIN)
      arms = new Map()
      isNews = false
    },
    pick(segment) {
      if (!arms.has(segment)) arms.set(segment, armsFor(segment))
      return place.get(choose(arms.get(segment)!, 'thompson', random).order[0]!)!
    },
    hear({ segment, action, status, at }) {
      const reward = rewardOf({ status })
      const one = {
        successes: reward ?? 0,
        failures: reward === null ? 0 : 1 - reward,
        rejected: reward === null ? 1 : 0,
        unanswered: 0,
        at,
      }
      const key = segment * actions.length + action
      const before = shares.get(key)
      const about = {
        domain: DOMAIN,
        rule: actions[action]!.name,
        segment: names[segment]!,
        halfLifeMs: HALF_LIFE_MS,
      }
      shares.set(key, {
        ...about,
        ...(before === undefined ? one : added(forgotten(before, at, HALF_LIFE_MS), one)),
      })
      isNews = true
    },
  }
}

function author({ actions }: World): Contender {
  const highest = Math.max(...actions.map(({ confidence }) => confidence))
  const pick = actions.findIndex(({ confidence }) => confidence === highest)
  return { begin() {}, pick: () => pick, hear() {} }
}

/** Beta(1, 1) an action, nobody told apart, nothing forgotten. */
function thompson({ actions }: World, seed: number): Contender {
  const random = randomOf(seed)
  const counted = actions.map(() => ({ alpha: 1, beta: 1 }))
  return {
    begin() {},
    pick() {
      const drawn = counted.map(({ alpha, beta }) => {
        const successes = gamma(alpha, random)
        return successes / (successes + gamma(beta, random))
      })
      return drawn.indexOf(Math.max(...drawn))
    },
    hear({ action, status }) {
      const reward = rewardOf({ status })
      if (reward === null) return
      counted[action]!.alpha += reward
      counted[action]!.beta += 1 - reward
    },
  }
}

/** How much LinUCB adds for what it does not know, in standard deviations. */
const LINUCB_ALPHA = 1

/**
 * Disjoint LinUCB with a ridge of 1, its features the segment, one of them 1 and all others 0: the matrix of each action
 * is then diagonal, and its inverse needs no algebra. Equals are picked by chance.
 */
function linucb({ actions, segments }: World, seed: number): Contender {
  const random = randomOf(seed)
  const cells = segments.map(() => actions.map(() => ({ diagonal: 1, rewards: 0 })))
  return {
    begin() {},
    pick(segment) {
      const bounds = cells[segment]!.map(
        ({ diagonal, rewards }) => rewards / diagonal + LINUCB_ALPHA / Math.sqrt(diagonal),
      )
      const highest = Math.max(...bounds)
      const equals = bounds.flatMap((bound, action) => (bound === highest ? [action] : []))
      return equals[Math.floor(random() * equals.length)]!
    },
    hear({ segment, action, status }) {
      const reward = rewardOf({ status })
      if (reward === null) return
      const cell = cells[segment]![action]!
      cell.diagonal += 1
      cell.rewards += reward
    },
  }
}

/** One of a gamma distribution of this shape and scale 1; Marsaglia and Tsang, 2000. */
function gamma(shape: number, random: Random): number {
  if (shape < 1) return gamma(shape + 1, random) * (1 - random()) ** (1 / shape)
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    const v = (1 + c * normal) ** 3
    if (v > 0 && Math.log(1 - random()) < normal ** 2 / 2 + d - d * v + d * Math.log(v)) return d * v
  }
}
