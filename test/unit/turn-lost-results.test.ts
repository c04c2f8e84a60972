import { expect } from 'chai'
import { systemClock } from '../../src/clock.ts'
import { createLog } from '../../src/log.ts'
import type { Result } from '../../src/turn/agenda.ts'
import { LostResults } from '../../src/turn/lost-results.ts'
import { eventually } from '../support/eventually.ts'

const result = (id: string): Result => ({
  held: { id, p: 3 } as Result['held'],
  attempt: 1,
  result: { kind: 'delivered' },
  detail: {},
  at: 0,
})

/** A ledger that is away until it is told otherwise, and that says how often it was asked. */
function ledgerThatIsAway() {
  const taken: string[] = []
  const state = { isAway: true, asked: 0, taken, free: [] as string[] }
  const lost = new LostResults({
    ledger: {
      insertResultFacts: async (facts: readonly { actionId: string }[]) => {
        state.asked++
        if (state.isAway) throw new Error('away')
        taken.push(...facts.map(({ actionId }) => actionId))
      },
    } as unknown as ConstructorParameters<typeof LostResults>[0]['ledger'],
    // Waits are short, and end all the same in the order of their lengths.
    clock: { ...systemClock, sleep: (ms) => systemClock.sleep(ms / 100) },
    nudger: { nudge: () => undefined },
    log: createLog({ level: 'silent', name: 'test' }),
    onTold: (id) => void state.free.push(id),
  })
  return { lost, state }
}

describe('results of lost partitions', () => {
  it('wait for a ledger that is away, and are told once it is back', async () => {
    const { lost, state } = ledgerThatIsAway()
    lost.add([result('a')])
    await eventually(() => expect(state.asked).to.be.above(2))
    lost.add([result('b')])
    state.isAway = false
    await lost.end(2_000)
    expect(state.taken).to.deep.equal(['a', 'b'])
  })

  it('are not told where nothing was sent, and the action is free at once for whoever is next', () => {
    const { lost, state } = ledgerThatIsAway()
    lost.add([{ ...result('a'), result: { kind: 'withheld', reason: 'suppressed' } }])
    expect(state).to.deep.include({ asked: 0, free: ['a'] })
  })

  it('hold up the end of a worker no longer than they may, and are not tried again after it', async () => {
    const { lost, state } = ledgerThatIsAway()
    lost.add([result('a')])
    const begun = performance.now()
    await lost.end(60)
    expect(performance.now() - begun).to.be.within(50, 500)
    // The try that was under way or waited is the last one.
    await systemClock.sleep(50)
    const asked = state.asked
    lost.add([result('late')])
    await systemClock.sleep(50)
    expect(state.asked).to.equal(asked)
    state.isAway = false
    lost.add([result('later')])
    expect(state.taken).to.deep.equal([])
  })

  it('end at once where there are none', async () => {
    const begun = performance.now()
    await ledgerThatIsAway().lost.end(5_000)
    expect(performance.now() - begun).to.be.below(100)
  })
})
