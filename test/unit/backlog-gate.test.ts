import { expect } from 'chai'
import type { VolleyError } from '../../src/errors.ts'
import { BacklogGate } from '../../src/http/backlog-gate.ts'

/** A ledger that counts what was accepted, and a clock that stands still until it is told. */
function bench(limit: number) {
  const state = { waiting: 0, counts: 0, now: 0 }
  const gate = new BacklogGate({
    async count(_tenant, max) {
      state.counts++
      return Math.min(state.waiting, max)
    },
    limitOf: () => limit,
    now: () => state.now,
  })
  const add = (n: number) =>
    gate.pass('t', n, async () => {
      state.waiting += n
      return 'accepted'
    })
  const refusal = async (n: number): Promise<VolleyError> => {
    const error = await add(n).then(
      () => undefined,
      (thrown) => thrown,
    )
    expect(error?.code).to.equal('backlog_full')
    return error
  }
  return { state, add, refusal }
}

describe('the gate of backlogs', () => {
  it('counts once and not again before an eighth of what was free is used up', async () => {
    const { state, add } = bench(800)
    for (let i = 0; i < 100; i++) {
      state.now += 1_000 / 60
      await add(1)
    }
    expect(state.counts).to.equal(1)
    state.now += 1_000
    await add(1)
    expect(state.counts).to.equal(2)
  })

  it('refuses what comes when the limit is reached, and writes nothing of it', async () => {
    const { state, add, refusal } = bench(10)
    for (let i = 0; i < 9; i++) await add(1)
    // One request may go past the limit by its own size.
    await add(5)
    const error = await refusal(1)
    expect(error.details).to.deep.equal({ backlog: 14, limit: 10 })
    expect(error.status).to.equal(429)
    expect(state.waiting).to.equal(14)
  })

  it('takes what is still being written for a part of the backlog', async () => {
    const { add, refusal } = bench(4)
    const done = Promise.all([add(1), add(1), add(1), add(1)])
    await refusal(1)
    await done
  })

  it('counts again soon after it was full, and lets in what has room by then', async () => {
    const { state, add, refusal } = bench(10)
    await add(10)
    await refusal(1)
    state.waiting = 3
    await refusal(1)
    state.now += 50
    expect(await add(1)).to.equal('accepted')
  })

  it('asks to wait for as long as the backlog takes to shrink, a second at least and a minute at most', async () => {
    const { state, add, refusal } = bench(1_000)
    await add(1_000)
    expect((await refusal(1)).retryAfterS).to.equal(5)
    await add(0)
    state.now += 1_000
    state.waiting = 1_200
    expect((await refusal(1)).retryAfterS).to.equal(60)
    state.now += 1_000
    state.waiting = 1_100
    // A hundred a second now, none before: fifty; there are 100 too many, and 50 are to be free.
    expect((await refusal(1)).retryAfterS).to.equal(3)
  })

  it('accepts what is never sent whatever waits', async () => {
    const { state, add, refusal } = bench(1)
    await add(1)
    await refusal(1)
    expect(await add(0)).to.equal('accepted')
    expect(state.waiting).to.equal(1)
  })
})
