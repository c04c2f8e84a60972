import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { figuresOf, ratioOf } from '../../bench/decisions/figures.ts'
import { readWorlds, worldOf } from '../../bench/decisions/read-world.ts'
import { simulate } from '../../bench/decisions/simulate.ts'
import { rewardOfOutcomes, type World } from '../../bench/decisions/world.ts'

const WORLDS = join(import.meta.dirname, '..', '..', 'bench', 'decisions', 'worlds')
const read = (value: unknown): World => worldOf(value, { file: 'w.json', name: 'w' })
const actions = { good: { confidence: 0.2, rate: 0.5 }, bad: { confidence: 0.9, rate: 0.1 } }

describe('worlds of the simulation', () => {
  it('come one in a file, or many, and a mistake says in which it is', () => {
    const one = { actions: { a: { rate: 0.2 } } }
    const file = join(mkdtempSync(join(tmpdir(), 'worlds-')), 'mine.json')
    const written = (value: unknown) => {
      writeFileSync(file, JSON.stringify(value))
      return readWorlds(file).map(({ name }) => name)
    }
    expect(written(one)).to.deep.equal(['mine'])
    expect(written([one, { ...one, name: 'second' }])).to.deep.equal(['mine-1', 'second'])
    expect(written({ worlds: [one] })).to.deep.equal(['mine-1'])
    expect(() => written({ worlds: [one, { actions: { a: { rate: 2 } } }] })).to.throw(
      /worlds\/1\/actions\/a\/rate/,
    )
  })

  for (const file of readdirSync(WORLDS))
    it(`are shipped valid: ${file}`, () => {
      for (const world of readWorlds(join(WORLDS, file))) expect(world.actions).to.not.be.empty
    })

  it('may leave out nearly everything', () => {
    const world = read({ actions: [{ rate: 0.2 }, { rate: 0.1 }] })
    expect(world.actions.map(({ name }) => name)).to.deep.equal(['action_1', 'action_2'])
    expect(world).to.deep.include({ name: 'w', decisions: 10_000, segments: [{ name: 'all', share: 1 }] })
    expect(world.outcomes.map((row) => row.map(rewardOfOutcomes))).to.deep.equal([[0.2, 0.1]])
  })

  it('take the rate of an action where a segment does not say, and shares as they are in proportion', () => {
    const world = read({
      actions,
      segments: { a: { share: 30, rates: { good: 0.1 } }, b: { share: 70, rates: [0.3, 0.4] } },
    })
    expect(world.outcomes.map((row) => row.map(rewardOfOutcomes))).to.deep.equal([
      [0.1, 0.1],
      [0.3, 0.4],
    ])
    expect(world.segments.map(({ share }) => share)).to.deep.equal([0.3, 0.7])
  })

  it('give segments that say no share what the others leave', () => {
    const world = read({ actions, segments: [{ share: 0.5 }, {}, {}] })
    expect(world.segments.map(({ share }) => share)).to.deep.equal([0.5, 0.25, 0.25])
  })

  it('count partial successes half and rejections not at all', () => {
    const shares = read({ actions: { one: { rate: 0.4, partial: 0.5, rejected: 0.2 } } })
    expect(rewardOfOutcomes(shares.outcomes[0]![0]!)).to.be.closeTo(0.3, 1e-12)
    const whole = read({ actions: { one: { rate: { completed: 0.2, partial: 0.2, rejected: 0.2 } } } })
    expect(rewardOfOutcomes(whole.outcomes[0]![0]!)).to.be.closeTo(0.3 / 0.8, 1e-12)
  })

  const mistakes: [string, unknown, string][] = [
    [
      'a word misspelt',
      { actoins: {}, actions },
      'w.json: /actoins: is not a known property; did you mean "actions"?',
    ],
    [
      'a rate above 1',
      { actions: { one: { rate: 20 } } },
      'w.json: /actions/one/rate: must be at most 1, is 20',
    ],
    [
      'shares that leave nothing for a segment without one',
      { actions, segments: { a: { share: 0.8 }, b: { share: 0.4 }, c: {} } },
      'w.json: /segments/c/share: is required where the shares of the others leave nothing of 1; they sum to 1.2',
    ],
    [
      'an action that is none',
      { actions, segments: { a: { rates: { godo: 0.1 } } } },
      'w.json: /segments/a/rates/godo: is no action; did you mean "good"?',
    ],
    [
      'no rate at all',
      { actions: { one: {} } },
      'w.json: /actions/one/rate: is required where there are no segments',
    ],
    [
      'no rate in a segment',
      { actions: { one: {} }, segments: [{}] },
      'w.json: /segments/0/rates/one: is required: /actions/one/rate is not given either',
    ],
    [
      'too few rates',
      { actions, segments: [{ rates: [0.1] }] },
      'w.json: /segments/0/rates: must have 2 entries, one for each action, has 1',
    ],
    [
      'outcomes above 1',
      { actions: { one: { rate: { completed: 0.8, ignored: 0.4 } } } },
      'w.json: /actions/one/rate: must sum to 1 at most, sums to 1.2',
    ],
    [
      'a change of a segment that is none',
      { actions, segments: { old: {} }, drift: [{ at: 0.5, segments: { odl: { good: 0.1 } } }] },
      'w.json: /drift/0/segments/odl: is no segment; did you mean "old"?',
    ],
    [
      'two of one name',
      {
        actions: [
          { name: 'a', rate: 0.1 },
          { name: 'a', rate: 0.2 },
        ],
      },
      'w.json: /actions/1/name: is the name of another one too: "a"',
    ],
  ]
  for (const [what, value, message] of mistakes)
    it(`say where there is ${what}`, () => {
      expect(() => read(value)).to.throw(message)
    })
})

describe('simulation of decisions', () => {
  const short = { actions, decisions: 1_000 }

  it('is the same with the same seed, and another with another', () => {
    const world = read(short)
    expect(simulate(world, 'volley', 1)).to.deep.equal(simulate(world, 'volley', 1))
    expect(simulate(world, 'volley', 1).regret).to.not.equal(simulate(world, 'volley', 2).regret)
  })

  it('counts what the author loses against the oracle', () => {
    expect(simulate(read(short), 'author', 1).regret).to.be.closeTo(1_000 * 0.4, 1e-6)
  })

  it('lets every contender learn, and nobody where no outcome comes', () => {
    for (const name of ['volley', 'thompson', 'linucb'] as const) {
      expect(simulate(read(short), name, 1).regret, name).to.be.below(60)
      // Half of all picks are wrong, or as many as the author's word makes.
      expect(simulate(read({ ...short, missing: 1 }), name, 1).regret, name).to.be.above(150)
    }
  })

  it('tells what is learnt no sooner than it is known', () => {
    const late = read({ ...short, delay: { mean: 1_000, fixed: true } })
    expect(simulate(late, 'thompson', 1).regret).to.equal(
      simulate(read({ ...short, missing: 1 }), 'thompson', 1).regret,
    )
  })

  it('lets what is best change', () => {
    const changing = read({ ...short, drift: [{ at: 0.5, rates: { good: 0.1, bad: 0.5 } }] })
    const { path } = simulate(changing, 'author', 1)
    expect(path[24]).to.be.closeTo(200, 1e-6)
    expect(path[49]).to.be.closeTo(200, 1e-6)
  })

  it('gives ratios with their intervals, and none of a regret of nothing', () => {
    const ratio = ratioOf([1, 2, 3], [2, 4, 6])
    expect(ratio).to.deep.equal({ mean: 0.5, margin: 0 })
    expect(ratioOf([1, 2], [0, 0])).to.equal(null)
  })

  it('meets the aims of the world that the guide shows', () => {
    const guide = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'learning.md'), 'utf8')
    const [, shown] = /```json\n(\{[^`]*"aims"[^`]*)```/.exec(guide)!
    const world = read(JSON.parse(shown!))
    const of = (name: Parameters<typeof simulate>[1]) => [1, 2].map((seed) => simulate(world, name, seed))
    const runs = {
      volley: of('volley'),
      author: of('author'),
      thompson: of('thompson'),
      linucb: of('linucb'),
    }
    const aimed = figuresOf(world, runs).ratios.filter(({ aim }) => aim !== null)
    expect(aimed.map(({ contender, isMet }) => [contender, isMet])).to.deep.equal([
      ['author', true],
      ['thompson', true],
    ])
  })

  it('says whether the aims of a world are met', () => {
    const world = read({ ...short, aims: { author: 0.5, thompson: 0.01 } })
    const of = (regret: number) => [{ regret, path: [], reward: 0 }]
    const runs = { volley: of(10), author: of(100), thompson: of(20), linucb: of(5) }
    const met = figuresOf(world, runs).ratios.map(({ contender, isMet }) => [contender, isMet])
    expect(met).to.deep.equal([
      ['author', true],
      ['thompson', false],
      ['linucb', null],
    ])
  })
})
