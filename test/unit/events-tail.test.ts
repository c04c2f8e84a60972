import { setImmediate as turnOfLoop } from 'node:timers/promises'
import { expect } from 'chai'
import { followAsText } from '../../src/http/events/follow.ts'
import { EventTail, type Watcher } from '../../src/http/events/tail.ts'
import type { FollowedEvent, Following, Position } from '../../src/ledger/events/follow-events.ts'
import { createLog } from '../../src/log.ts'
import { eventually } from '../support/eventually.ts'

const event = (tenant: string, seq: number, data: Record<string, unknown> = {}): FollowedEvent => ({
  ...{ id: `ev_${seq}`, tenant, xid: '7', seq: String(seq), kind: 'event', type: 'seen' },
  ...{ userId: 'u', isAnonymous: false, data, time: 0, receivedAt: 0, source: 'api' },
  ...{ dedupeId: null, test: false, decides: true },
})

/** A ledger of which the test says what it has, and when it answers. */
class FakeLedger {
  readonly asked: Following[] = []
  events: FollowedEvent[] = []
  answer: Promise<void> = Promise.resolve()
  failures = 0

  readonly tail = new EventTail({
    present: async () => ({ xid: '7', seq: '0' }),
    follow: async (following) => {
      this.asked.push(following)
      await this.answer
      if (this.failures-- > 0) throw new Error('away')
      const behind = (each: Position) => BigInt(each.seq) > BigInt(following.after.seq)
      const events = this.events.filter((each) => following.tenants.includes(each.tenant) && behind(each))
      return { events, reached: { xid: '7', seq: this.events.at(-1)?.seq ?? '0' }, isMore: false }
    },
    partitionsOf: (tenant) => [tenant.length],
    everyMs: 10,
    log: createLog({ level: 'silent', name: 'test' }),
  })

  async watch(tenant: string): Promise<{ told: string[]; end(): void }> {
    const told: string[] = []
    const watcher: Watcher = { tenant, tell: ({ id }) => told.push(id), stop: () => undefined }
    return { told, end: (await this.tail.watch(watcher)).end }
  }
}

describe('the tail of events', () => {
  it('asks once for all who watch, and for their tenants alone', async () => {
    const ledger = new FakeLedger()
    const watchers = await Promise.all(['a', 'a', 'bb', 'a'].map((tenant) => ledger.watch(tenant)))
    ledger.events = [event('a', 1), event('bb', 2), event('ccc', 3)]
    await eventually(() => expect(watchers[3]!.told).to.deep.equal(['ev_1']))
    expect(watchers.map(({ told }) => told)).to.deep.equal([['ev_1'], ['ev_1'], ['ev_2'], ['ev_1']])
    // By the time it is looked at, it may have asked again; each time for all of them.
    for (const asked of ledger.asked)
      expect(asked).to.deep.include({ tenants: ['a', 'bb'], partitions: [1, 2] })
    for (const { end } of watchers) end()
  })

  it('asks nothing while nobody watches, and begins anew with the next one', async () => {
    const ledger = new FakeLedger()
    const { end } = await ledger.watch('a')
    expect(ledger.tail.position).to.not.equal(null)
    end()
    expect(ledger.tail.position).to.equal(null)
    expect(ledger.asked).to.have.length(0)
  })

  it('tells nobody of what was asked for without them', async () => {
    const ledger = new FakeLedger()
    const first = await ledger.watch('a')
    const { promise, resolve } = Promise.withResolvers<void>()
    ledger.answer = promise
    ledger.events = [event('a', 1)]
    await eventually(() => expect(ledger.asked).to.have.length(1))
    const joining = ledger.watch('a')
    await turnOfLoop()
    resolve()
    const second = await joining
    expect(first.told).to.deep.equal(['ev_1'])
    ledger.events.push(event('a', 2))
    await eventually(() => expect(second.told).to.deep.equal(['ev_2']))
    expect(first.told).to.deep.equal(['ev_1', 'ev_2'])
    first.end()
    second.end()
  })

  it('waits while the ledger is away, and leaves nothing out', async () => {
    const ledger = new FakeLedger()
    ledger.failures = 2
    const { told, end } = await ledger.watch('a')
    ledger.events = [event('a', 1)]
    await eventually(() => expect(told).to.deep.equal(['ev_1']))
    expect(ledger.asked).to.have.length.at.least(3)
    end()
  })

  it('sends away a client who does not read', async () => {
    const ledger = new FakeLedger()
    const deps = { tail: ledger.tail, config: { partitions: 64 }, ledger: {}, log: null }
    const filter = { userId: null, type: null, source: null, kind: null, test: null }
    const out = await followAsText(deps as never, { tenant: 'a', filter, after: null })
    ledger.events = Array.from({ length: 1_200 }, (_, i) => event('a', i + 1, { text: 'x'.repeat(1_000) }))
    await eventually(() =>
      expect((out as unknown as { writableEnded: boolean }).writableEnded).to.equal(true),
    )
    out.destroy()
    await eventually(() => expect(ledger.tail.position).to.equal(null))
  })
})
