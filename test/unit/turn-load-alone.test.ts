import { expect } from 'chai'
import type { ActionRow } from '../../src/ledger/actions/rows.ts'
import type { OwnWork } from '../../src/turn/disown.ts'
import type { Engine } from '../../src/turn/engine.ts'
import { Held } from '../../src/turn/held.ts'
import { loadAlone } from '../../src/turn/load-alone.ts'
import type { TurnTx } from '../../src/turn/ports.ts'

const NOW = 1_000_000

/** An action of partition 5 whose deadline has passed, with an outcome that was not heard yet. */
const tx = {
  rows: async (ids: string[]) =>
    ids.map((id) => ({ id, p: 5, type: 'at_1', state: { deadline: NOW - 1 } }) as unknown as ActionRow),
  factsOf: async () => [{ seq: '1', p: 5, actionId: 'ea_1', kind: 'outcome', n: 0, body: {} }],
  events: async () => [{ id: 'ev_1', p: 5, tenant: 't', isReady: true }],
  people: async () => new Map(),
  budgets: async () => new Map(),
} as unknown as TurnTx
const engine = () =>
  ({
    held: new Held(),
    registry: { byIds: async () => new Map() },
    rules: { ready: async () => undefined, forUser: () => ({ triggers: [], askedBy: () => [] }) },
    lessons: { ready: async () => undefined },
    tenants: { sendingOf: () => 'on' },
  }) as unknown as Engine
const work: OwnWork = { results: [], asks: [], facts: [], events: [], isTick: false, partitions: [] }

const loaded = async (kind: 'action' | 'event', id: string, partitions: number[]) => {
  const suspect = { kind, p: 5, id, isCondemned: false }
  const { subjects, events, strayFacts } = await loadAlone(engine(), tx, work, suspect, {
    now: NOW,
    partitions,
  })
  return {
    actions: subjects.map(({ row, isOverdue, facts }) => [row.id, isOverdue, facts.length]),
    events: events.map((event) => event.id),
    strayFacts: strayFacts.length,
  }
}

describe('a turn of one', () => {
  it('reads all that is to be said about its action', async () => {
    expect(await loaded('action', 'ea_1', [5])).to.deep.equal({
      actions: [['ea_1', true, 1]],
      events: [],
      strayFacts: 0,
    })
  })

  it('reads its event, and no other one that has become the first', async () => {
    expect((await loaded('event', 'ev_1', [5])).events).to.deep.equal(['ev_1'])
    expect((await loaded('event', 'ev_0', [5])).events).to.deep.equal([])
  })

  it('reads nothing of a partition that went to another owner since it was taken in hand', async () => {
    const nothing = { actions: [], events: [], strayFacts: 0 }
    expect(await loaded('action', 'ea_1', [4])).to.deep.equal(nothing)
    expect(await loaded('event', 'ev_1', [4])).to.deep.equal(nothing)
  })
})
