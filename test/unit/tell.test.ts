import { expect } from 'chai'
import { accepted } from '../../actors/action.ts'
import { subscription } from '../../actors/event-types.ts'
import { compileFilter } from '../../src/documents/endpoint-filter.ts'
import type { ActionRow } from '../../src/ledger/actions/rows.ts'
import type { RegisteredEndpoint } from '../../src/ledger/endpoints/endpoint-registry.ts'
import type { RegisteredType } from '../../src/ledger/tenants/type-registry.ts'
import { type Listeners, type Telling, tellNotices, tellTransition } from '../../src/turn/tell.ts'
import { ENDPOINTS, TYPES } from '../sim/types.ts'

const TENANT = '00000000-0000-0000-0000-000000000001'
const endpoints = (count: number, names: string[] | null = null): RegisteredEndpoint[] =>
  Array.from({ length: count }, (_, i) => ({ ...ENDPOINTS[0]!, id: `we_${i}`, wants: subscription(names) }))

const ROW: ActionRow = {
  id: 'ea_1',
  tenant: TENANT,
  type: 'plain',
  userId: 'u1',
  parameters: '{}',
  reasoning: null,
  confidence: null,
  origin: 'api',
  test: false,
  lane: '7',
  p: 3,
  isMute: false,
  claimed: null,
  state: accepted(0, 1),
}

function listening(all: readonly RegisteredEndpoint[]): Listeners {
  let n = 0
  return {
    endpointsOf: (tenant) => (tenant === TENANT ? all : []),
    endpoint: (id) => all.find((each) => each.id === id),
    filterSteps: new Map(),
    newId: () => `ea_${String(++n).padStart(26, '0')}`,
  }
}

function told(
  listeners: Listeners,
  row: ActionRow = ROW,
  type: RegisteredType | undefined = TYPES.get('plain'),
): Telling {
  const telling: Telling = { notifications: [], notices: [] }
  const after = { ...row.state, status: 'failed' as const, version: 1, nextAt: null, deadline: null }
  const step = { version: 1, kind: 'cancel' as const, from: 'pending' as const, attempt: 0, detail: null }
  const again = { ...after, version: 2 }
  const steps = [
    { ...step, to: 'failed' as const, after },
    { ...step, version: 2, to: 'failed' as const, after: again },
  ]
  const transition = { id: row.id, p: row.p, lane: row.lane, before: row.state, next: again, steps }
  tellTransition(telling, { row, type }, transition, listeners, 1_000)
  return telling
}

describe('telling endpoints', () => {
  it('makes a notification of each step for each endpoint that wants it, with its own lane and no end of its own', () => {
    const { notifications, notices } = told(listening(endpoints(2)))
    expect(notices).to.deep.equal([])
    expect(notifications.map(({ type, parameters }) => [type, JSON.parse(parameters).id])).to.deep.equal([
      ['we_0', 'evt_1_1'],
      ['we_1', 'evt_1_1'],
      ['we_0', 'evt_1_2'],
      ['we_1', 'evt_1_2'],
    ])
    expect(notifications[0]).to.include({ lane: '21', userId: 'u1', origin: 'event:external_action.failed' })
  })

  it('tells nobody of what nobody wants, of what is never sent, and of what is itself told', () => {
    const none = { notifications: [], notices: [] }
    expect(told(listening([]))).to.deep.equal(none)
    expect(told(listening(endpoints(2, ['external_action.completed'])))).to.deep.equal(none)
    expect(told(listening(endpoints(2)), { ...ROW, isMute: true })).to.deep.equal(none)
    expect(told(listening(endpoints(2)), ROW, ENDPOINTS[0])).to.deep.equal(none)
    expect(told(listening(endpoints(2)), { ...ROW, tenant: 'another' })).to.deep.equal(none)
  })

  it('leaves to later turns what is told to more than one inserts, and they tell each endpoint once', () => {
    const listeners = listening(endpoints(1_500))
    const { notifications, notices } = told(listeners)
    expect([notifications.length, notices.length]).to.deep.equal([1_500, 1])
    expect(notices[0]).to.include({ id: 'evt_1_2', p: 3, type: 'external_action.failed' })
    let waiting = [
      { ...notices[0]!, seq: '1' },
      { ...notices[0]!, id: 'evt_9_1', seq: '2' },
    ]
    const made: string[] = []
    for (const [count, seqs] of [
      [2_000, ['1']],
      [1_000, ['2']],
    ] as const) {
      const turn = tellNotices(waiting, listeners)
      expect([turn.notifications.length, turn.done]).to.deep.equal([count, seqs])
      made.push(...turn.notifications.map(({ type, parameters }) => `${type} ${JSON.parse(parameters).id}`))
      waiting = turn.left.map(({ seq, endpoints: ids }) => ({ ...waiting[1]!, seq, endpoints: ids }))
    }
    expect(waiting).to.deep.equal([])
    expect([made.length, new Set(made).size]).to.deep.equal([3_000, 3_000])
  })

  it('tells of what happened outside of a turn whoever wants to hear of it by then', () => {
    const about = { p: 0, id: 'evt_breaker_1', type: 'breaker.opened', tenant: TENANT, userId: '', at: 1 }
    const notice = { ...about, data: {}, endpoints: null, seq: '5' }
    const turn = tellNotices([notice], listening(endpoints(3, ['breaker.*'])))
    expect([turn.notifications.length, turn.done, turn.left]).to.deep.equal([3, ['5'], []])
    expect(tellNotices([notice], listening([])).done).to.deep.equal(['5'])
  })

  it('asks the filters of a tenant only as much as they may take together, for one notice and in one turn', () => {
    const sum = { reduce: [{ var: 'data.l' }, { '+': [{ var: 'accumulator' }, { var: 'current' }] }, 0] }
    const compiled = compileFilter({ '==': [sum, -1] })
    let took = 0
    const passes = (event: unknown, left: { steps: number }) => {
      const before = left.steps
      const passed = compiled(event, left)
      took += before - left.steps
      return passed
    }
    const about = { p: 0, type: 'breaker.opened', tenant: TENANT, userId: '', at: 1, endpoints: null }
    const data = { l: Array(600).fill(1) }
    const notice = (n: number) => ({ ...about, id: `evt_breaker_${n}`, data, seq: String(n) })
    const filtering = (count: number) =>
      listening(endpoints(count, ['breaker.*']).map((each) => ({ ...each, passes })))
    expect(tellNotices([notice(1)], filtering(3)).notifications).to.deep.equal([])
    const one = took / 3
    took = 0
    // Where they are not asked any more, they are told.
    expect(tellNotices([notice(1)], filtering(100)).notifications.length).to.equal(
      100 - Math.floor(50_000 / one),
    )
    expect(took).to.be.within(50_000, 50_001)
    took = 0
    const turn = filtering(100)
    tellNotices(
      Array.from({ length: 20 }, (_, n) => notice(n)),
      turn,
    )
    tellNotices([notice(21)], turn)
    expect(took).to.be.within(250_000, 250_010)
  })
})
