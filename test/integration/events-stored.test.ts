import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { newId } from '../../src/ids.ts'
import { acceptEvents } from '../../src/ledger/events/accept-events.ts'
import { eventsOf } from '../../src/ledger/events/canonical-events.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { partitionOfUser } from '../../src/ledger/placement.ts'
import { read } from '../support/connector.ts'
import { PARTITIONS, testDatabase } from '../support/servers.ts'

const BODY = {
  batch: [
    {
      type: 'track',
      event: 'Seen',
      anonymousId: 'v-1',
      messageId: 'm-1',
      timestamp: '2026-04-01T00:00:00Z',
    },
    { type: 'identify', userId: 'u-1', anonymousId: 'v-1', traits: { plan: 'pro' }, messageId: 'm-1' },
    { type: 'delete', userId: 'u-1' },
  ],
}

describe('what connectors read, as rows of the ledger', () => {
  const tenant = randomUUID()
  let database: Awaited<ReturnType<typeof testDatabase>>
  let ledger: Ledger

  before(async () => {
    database = await testDatabase()
    ledger = await Ledger.open({ databaseUrl: database.url, poolMax: 4 })
  })
  after(async () => {
    await ledger.close()
    await database.drop()
  })

  const accept = (origin: { test?: boolean; source?: string } = {}) =>
    acceptEvents(
      ledger.pool,
      { tenant, source: 'segment', test: false, decides: true, ...origin },
      eventsOf(read('segment', BODY).items, { tenant, partitions: PARTITIONS, newId: () => newId('ev') }),
    )

  it('have a kind, keep their order, and lie where their person is', async () => {
    const accepted = await accept()
    const { rows } = await ledger.pool.query(
      `select kind, type, user_id, is_anonymous, data, dedupe_id, source, p, test, decides,
              time = received_at as is_now from event where id = any($1) order by seq`,
      [accepted.map(({ id }) => id)],
    )
    const same = { source: 'segment', test: false, decides: true }
    const at = (id: string) => partitionOfUser(tenant, id, PARTITIONS)
    expect(rows).to.deep.equal([
      {
        ...same,
        ...{ kind: 'event', type: 'Seen', user_id: 'v-1', is_anonymous: true, data: {} },
        ...{ dedupe_id: 'm-1', p: at('v-1'), is_now: false },
      },
      {
        ...same,
        ...{ kind: 'join', type: '$join', user_id: 'u-1', is_anonymous: false, data: { previousId: 'v-1' } },
        ...{ dedupe_id: null, p: at('v-1'), is_now: true },
      },
      {
        ...same,
        ...{ kind: 'traits', type: '$traits', user_id: 'u-1', is_anonymous: false },
        data: { set: { plan: 'pro' }, setOnce: {}, unset: [], add: {}, append: {}, union: {}, remove: {} },
        ...{ dedupe_id: 'm-1', p: at('u-1'), is_now: true },
      },
      {
        ...same,
        ...{ kind: 'delete', type: '$delete', user_id: 'u-1', is_anonymous: false, data: { what: 'person' } },
        ...{ dedupe_id: null, p: at('u-1'), is_now: true },
      },
    ])
  })

  it('count once within their source, kind and mode', async () => {
    const kinds = async (origin: Parameters<typeof accept>[0]) =>
      (await accept(origin)).map(({ kind }) => kind)
    const all = ['event', 'join', 'traits', 'delete']
    expect(await kinds({ source: 'once' })).to.deep.equal(all)
    expect(await kinds({ source: 'once' })).to.deep.equal(['join', 'delete'])
    expect(await kinds({ source: 'once', test: true })).to.deep.equal(all)
    expect(await kinds({ source: 'another' })).to.deep.equal(all)
  })
})
