import { expect } from 'chai'
import { accepted } from '../../actors/action.ts'
import { systemClock } from '../../src/clock.ts'
import { Lanes } from '../../src/dispatch/lanes.ts'
import type { SliceAsk } from '../../src/ledger/actions/lanes-due.ts'
import type { ActionRow } from '../../src/ledger/actions/rows.ts'
import type { Engine } from '../../src/turn/engine.ts'
import { Feeder } from '../../src/turn/feeder.ts'
import { Held, type HeldAction } from '../../src/turn/held.ts'
import { Wanting } from '../../src/turn/wanting.ts'

const slice = (i: number) => ({ p: i % 64, lane: String(i) })

/** A worker whose ledger has one due action in each of so many lanes; `sent` takes from the lanes what it is asked for. */
function fed(count: number) {
  const due = new Map(Array.from({ length: count }, (_, i) => [String(i), rowOf(i)]))
  const held = new Held()
  const lanes = new Lanes<HeldAction>(1_000_000)
  let loads = 0
  const engine = {
    held,
    lanes,
    clock: systemClock,
    isSending: true,
    ownership: { owns: () => true, list: () => [] },
    registry: { byIds: async () => new Map(), cached: () => undefined },
    ledger: {
      async dueInLanes(asks: readonly SliceAsk[]) {
        loads++
        return asks.flatMap((ask) => (ask.after === null ? [due.get(ask.lane)!] : []))
      },
    },
    pump: () => undefined,
  } as unknown as Engine
  const feeder = new Feeder(() => engine)
  return { feeder, held, lanes, loads: () => loads }
}

const rowOf = (i: number) =>
  ({ ...slice(i), id: `ea_${i}`, parameters: '{}', state: accepted(0, 1) }) as ActionRow

const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('what is loaded', () => {
  it('is no more than a while of sending where there are many lanes, and the rest follows as they are sent', async () => {
    const { feeder, held, lanes } = fed(5_000)
    feeder.lookAtAll(Array.from({ length: 5_000 }, (_, i) => slice(i)))
    await settled()
    expect(held.size).to.be.within(1_000, 1_600)
    const seen = new Set<string>()
    for (let rounds = 0; seen.size < 5_000 && rounds < 50; rounds++) {
      for (let next = lanes.next(); next !== null; next = lanes.next()) {
        seen.add(next.id)
        lanes.done(next, false)
        held.release(next.id)
      }
      feeder.refill()
      await settled()
    }
    expect(seen.size).to.equal(5_000)
  })

  it('goes on past lanes that are passed over, which nobody waits behind', async () => {
    const { feeder, held, lanes } = fed(3_000)
    feeder.lookAtAll(Array.from({ length: 3_000 }, (_, i) => slice(i)))
    await settled()
    lanes.next(() => false)
    feeder.refill()
    await settled()
    lanes.next(() => false)
    feeder.refill()
    await settled()
    expect(held.size).to.equal(3_000)
  })

  it('has a few places for whoever comes when all are taken by what is passed over', async () => {
    const { feeder, held, lanes } = fed(25_000)
    const load = async (slices: ReturnType<typeof slice>[]) => {
      feeder.lookAtAll(slices)
      for (let rounds = 0; rounds < 60; rounds++) {
        lanes.next(() => false)
        feeder.refill()
        await settled()
      }
    }
    await load(Array.from({ length: 24_000 }, (_, i) => slice(i)))
    expect(held.size).to.be.at.least(20_000)
    await load([slice(24_500)])
    expect(held.get('ea_24500')?.place).to.equal('queued')
  })

  it('is asked for together where many lanes are named at once', async () => {
    const { feeder, held, loads } = fed(500)
    feeder.lookAtAll(Array.from({ length: 500 }, (_, i) => slice(i)))
    await settled()
    expect([held.size, loads()]).to.deep.equal([500, 1])
  })
})

describe('what a turn has just inserted', () => {
  it('is taken up without being read again, where nothing else waits in its slice', () => {
    const { feeder, held, lanes, loads } = fed(0)
    const rows = [rowOf(1), rowOf(2)]
    expect([...feeder.takeNew(rows)]).to.deep.equal(['ea_1', 'ea_2'])
    expect([held.size, lanes.next()?.id, lanes.next()?.id, loads()]).to.deep.equal([2, 'ea_1', 'ea_2', 0])
    expect([...feeder.takeNew(rows)], 'what is held is not taken twice').to.deep.equal([])
  })

  it('waits for its turn behind what waits in its slice already, and is no more than there is room for', () => {
    const { feeder } = fed(1)
    feeder.look(slice(1))
    expect([...feeder.takeNew([{ ...rowOf(1), id: 'ea_new' }])]).to.deep.equal([])
    const many = Array.from({ length: 500 }, (_, i) => ({ ...rowOf(2), id: `ea_2_${i}` }))
    expect(feeder.takeNew(many).size).to.equal(128)
  })
})

describe('slices that want to be loaded', () => {
  const three = (isHeld: (name: string) => boolean) => {
    const wanting = new Wanting(isHeld)
    for (const name of ['a', 'b', 'c', 'a']) wanting.add(name)
    return wanting
  }

  it('stand apart by whether anything of them is held, each once and in their order', () => {
    const wanting = three((name) => name === 'b')
    expect([[...wanting.fresh()], [...wanting.more()], wanting.size]).to.deep.equal([['a', 'c'], ['b'], 3])
  })

  it('change sides when what is held changes', () => {
    const held = new Set(['b'])
    const wanting = three((name) => held.has(name))
    held.delete('b')
    held.add('a')
    expect([...wanting.more()]).to.deep.equal([])
    expect([...wanting.fresh()]).to.deep.equal(['c', 'b'])
    expect([...wanting.more()]).to.deep.equal(['a'])
  })

  it('stand behind the others once they had their turn', () => {
    const wanting = three(() => false)
    wanting.again('a')
    wanting.delete('b')
    expect([...wanting.fresh()]).to.deep.equal(['c', 'a'])
  })
})
