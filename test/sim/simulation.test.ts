import { expect } from 'chai'
import { ARROWS, type Arrow } from '../../actors/action.ts'
import { check, describeFailure } from './check.ts'
import type { Plan } from './plan.ts'
import { Simulation } from './simulation.ts'

const PLAN: Plan = {
  seed: 7,
  workers: 2,
  nudges: { lost: 0.3, repeated: 0.3, late: 0.3 },
  actions: [
    {
      atMs: 1_000,
      type: 'plain',
      scheduledInMs: null,
      expiresInMs: null,
      reactions: [{ kind: 'busy', afterMs: 20 }],
      outcome: { afterMs: 500, status: 'completed', again: true },
      cancelInMs: null,
      pulledInMs: null,
      isRetried: false,
    },
  ],
  events: [{ atMs: 2_000, user: 0, joins: null, openMs: 100 }],
  faults: [{ kind: 'killed', atMs: 1_500, worker: 0, downMs: 2_000 }],
}

/** An arrow of the machine as history has it; simulated lives have no defects and no permissions. */
function drawn({ on, from, to }: Arrow): string[] {
  if (on === 'internal' || on === 'withheld') return []
  const kind = on === 'delivered' || on === 'failed' ? 'result' : on
  return from.flatMap((start) => to.map((end) => `${kind}: ${start} -> ${end}`))
}

describe('the engine in a simulated world', function () {
  this.timeout(300_000)

  it('holds what docs/simulation.md promises in 2,000 lives with every fault, and goes along every arrow', async () => {
    const walked = new Set<string>()
    const failure = await check({
      schedules: 2_000,
      seed: 20_261_121,
      path: null,
      onRun(_plan, { arrows }) {
        for (const arrow of arrows) walked.add(arrow)
      },
    })
    expect(failure === null ? '' : describeFailure(failure)).to.equal('')
    // What no life ever meets is not checked by any of them.
    expect(ARROWS.flatMap(drawn).filter((arrow) => !walked.has(arrow))).to.deep.equal([])
  })

  it('lives the same life again from the same plan', async () => {
    const [first, second] = [
      await new Simulation(PLAN, { isTraced: true }).run(),
      await new Simulation(PLAN, { isTraced: true }).run(),
    ]
    expect(first.breaches).to.deep.equal([])
    expect(first.posts).to.be.above(1)
    expect(second.trace).to.deep.equal(first.trace)
  })

  it('lives another life from another seed', async () => {
    const traces = await Promise.all(
      [1, 2].map(async (seed) => (await new Simulation({ ...PLAN, seed }, { isTraced: true }).run()).trace),
    )
    expect(traces[0]).to.not.deep.equal(traces[1])
  })
})
