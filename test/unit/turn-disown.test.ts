import { expect } from 'chai'
import { systemClock } from '../../src/clock.ts'
import { Lanes } from '../../src/dispatch/lanes.ts'
import type { ActionRow } from '../../src/ledger/actions/rows.ts'
import { Agenda, type Result } from '../../src/turn/agenda.ts'
import { letGo } from '../../src/turn/disown.ts'
import type { Engine } from '../../src/turn/engine.ts'
import { Held, type HeldAction, type Place } from '../../src/turn/held.ts'
import { OneByOne } from '../../src/turn/one-by-one.ts'

/** A worker that holds one action of partition 1 at each place, and one of partition 2. */
function holding(): { engine: Engine; held: Held; told: string[] } {
  const held = new Held()
  const lanes = new Lanes<HeldAction>(8)
  const hold = (id: string, p: number, place: Place, wireUntil: number | null) => {
    const row = { id, p, lane: '7', parameters: '{}' } as unknown as ActionRow
    Object.assign(held.admit(row)!, { place, wireUntil })
  }
  hold('queued', 1, 'queued', null)
  hold('on-wire', 1, 'on-wire', performance.now() + 5_000)
  hold('result-waiting', 1, 'result-waiting', null)
  hold('elsewhere', 2, 'on-wire', performance.now() + 5_000)
  const told: string[] = []
  const lost = { add: (results: readonly Result[]) => told.push(...results.map((result) => result.held.id)) }
  const oneByOne = new OneByOne(() => engine)
  // Partition 1 is a suspect one, and 2 is not.
  const ownership = { hasSuspects: true, isSuspect: (p: number) => p === 1 }
  const agenda = new Agenda()
  const [waitingOnWire, unsent] = [new Set<string>(), new Map<string, number>()]
  const parts = { held, lanes, agenda, lost, oneByOne, ownership, waitingOnWire, unsent, clock: systemClock }
  const engine = parts as unknown as Engine
  return { engine, held, told }
}

describe('partitions that are let go', () => {
  it('put off what is on the wire, and results that were not committed: the next owner hears of them first', () => {
    const { engine } = holding()
    const putOff = letGo(engine, [1])
    expect(putOff.map(({ id }) => id)).to.deep.equal(['on-wire', 'result-waiting'])
    expect(putOff[0]!.remainingMs).to.be.within(5_000, 6_001)
    expect(putOff[1]!.remainingMs).to.equal(1_000)
  })

  it('leave nothing held of them, and everything of the others', () => {
    const { engine, held } = holding()
    letGo(engine, [1])
    expect([...held.values()].map(({ id }) => id)).to.deep.equal(['elsewhere'])
  })

  it('are forgotten as claimed and as waited for: the next owner may send them, and may be followed by this worker', () => {
    const { engine } = holding()
    engine.unsent.set('claimed by a commit that failed', 1).set('claimed elsewhere', 2)
    engine.waitingOnWire.add('on-wire').add('elsewhere')
    letGo(engine, [1])
    expect([...engine.unsent.keys()]).to.deep.equal(['claimed elsewhere'])
    expect([...engine.waitingOnWire]).to.deep.equal(['elsewhere'])
  })

  it('are told to the next owner at once where their result is back', () => {
    const { engine, held, told } = holding()
    for (const id of ['result-waiting', 'elsewhere'])
      engine.agenda.addResult({ held: held.get(id)! } as Result)
    letGo(engine, [1])
    expect(told).to.deep.equal(['result-waiting'])
    expect(engine.agenda.take().results.map((result) => result.held.id)).to.deep.equal(['elsewhere'])
  })

  it('are not taken again by this process before what came of their POSTs was told', () => {
    const { engine, held } = holding()
    const rows = new Map([...held.values()].map(({ id, row }) => [id, row]))
    letGo(engine, [1])
    expect(held.admit(rows.get('queued')!)).to.not.equal(null)
    for (const id of ['on-wire', 'result-waiting']) {
      expect(held.admit(rows.get(id)!)).to.equal(null)
      held.told(id)
      expect(held.admit(rows.get(id)!)).to.not.equal(null)
    }
  })

  it('are told at once too where the result waits for a turn of its own', () => {
    const { engine, held, told } = holding()
    for (const id of ['result-waiting', 'elsewhere'])
      engine.agenda.addResult({ held: held.get(id)! } as Result)
    const work = engine.agenda.take()
    engine.oneByOne.setAside(work)
    expect(work.results.map((result) => result.held.id)).to.deep.equal(['elsewhere'])
    letGo(engine, [1])
    expect(told).to.deep.equal(['result-waiting'])
    expect(engine.oneByOne.isWaiting).to.equal(false)
  })
})
