import { expect } from 'chai'
import { systemClock } from '../../src/clock.ts'
import type { OwnedPartition } from '../../src/ledger/ownership/workers.ts'
import { createLog } from '../../src/log.ts'
import { Ownership } from '../../src/turn/ownership.ts'
import type { OwnershipSession } from '../../src/turn/ports.ts'
import { eventually } from '../support/eventually.ts'

/** A worker alone with a ledger that says what it owns only when it is told to. */
function alone() {
  const answers: ((owned: OwnedPartition[]) => void)[] = []
  const claimed: number[][] = []
  let tick = () => {}
  const session = {
    register: async () => undefined,
    extendBeat: async () => true,
    listWorkers: async () => [{ id: ownership.id, isBeatOver: false, isLockFree: false }],
    claim: async () => [],
    owned: () => new Promise<OwnedPartition[]>((resolve) => answers.push(resolve)),
  } as unknown as OwnershipSession
  const ownership: Ownership = new Ownership({
    ledger: { openSession: async () => session },
    clock: {
      ...systemClock,
      every: (_ms, run) => {
        tick = run
        return {}
      },
    },
    log: createLog({ level: 'silent', name: 'test' }),
    partitions: 4,
    beatMs: 15_000,
    onClaimed: (partitions) => claimed.push([...partitions]),
    onReleasing: () => [],
    betweenTurns: (work) => work(),
    onBuried: async () => undefined,
  })
  /** The ledger's answer to the question that was asked first. */
  const answer = async (owned: OwnedPartition[]) => (await eventually(() => some(answers.shift())))(owned)
  return { ownership, claimed, answer, tick: () => tick() }
}

function some<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('not asked yet')
  return value
}

const owned = (p: number, isSuspect = false): OwnedPartition => ({ p, isSuspect })

describe('what a worker owns', () => {
  it('is what the ledger says, a claim whose answer was lost among it', async () => {
    const { ownership, claimed, answer, tick } = alone()
    const started = ownership.start()
    await answer([owned(0), owned(1)])
    await started
    expect(ownership.list()).to.deep.equal([0, 1])
    tick()
    await answer([owned(0), owned(1), owned(2), owned(3, true)])
    await eventually(() =>
      expect(claimed).to.deep.equal([
        [0, 1],
        [2, 3],
      ]),
    )
    expect(ownership.suspects()).to.deep.equal([3])
  })

  it('is not what it lost while the ledger was asked', async () => {
    const { ownership, claimed, answer } = alone()
    const started = ownership.start()
    await eventually(() => expect(ownership.isAlive()).to.equal(true))
    ownership.lose([0, 1, 2, 3])
    await answer([owned(0), owned(1), owned(2), owned(3)])
    await started
    expect([ownership.list(), claimed]).to.deep.equal([[], []])
  })

  it('is suspect no more once the ledger says so', async () => {
    const { ownership, answer, tick } = alone()
    const started = ownership.start()
    await answer([owned(0, true)])
    await started
    expect([ownership.hasSuspects, ownership.isSuspect(0)]).to.deep.equal([true, true])
    tick()
    await answer([owned(0)])
    await eventually(() => expect(ownership.hasSuspects).to.equal(false))
    expect(ownership.list()).to.deep.equal([0])
  })
})
