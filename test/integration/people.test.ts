import { expect } from 'chai'
import type { CanonicalItem, JsonObject } from '../../src/connectors/canonical.ts'
import { newId } from '../../src/ids.ts'
import { acceptEvents } from '../../src/ledger/events/accept-events.ts'
import { eventsOf } from '../../src/ledger/events/canonical-events.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'

const T0 = Date.UTC(2026, 10, 20)
const from = { source: 'segment', at: T0, dedupeId: null } as const
const user = (userId: string) => ({ userId, anonymousId: null })
const visitor = (anonymousId: string) => ({ userId: null, anonymousId })

type Who = ReturnType<typeof user> | ReturnType<typeof visitor>
const event = (who: Who, type: string, data: JsonObject = {}): CanonicalItem => ({
  ...from,
  ...who,
  kind: 'event',
  type,
  data,
})
const set = (who: Who, traits: JsonObject): CanonicalItem => ({
  ...from,
  ...who,
  kind: 'traits',
  set: traits,
  setOnce: {},
  unset: [],
  add: {},
  append: {},
  union: {},
  remove: {},
})
const join = (previousId: string, userId: string): CanonicalItem => ({
  kind: 'join',
  source: 'segment',
  at: T0,
  previousId,
  userId,
})

describe('people in the ledger', () => {
  let volley: Installation
  let tenant: string

  before(async () => {
    volley = await Installation.start({ workers: 2 })
    const { rows } = await volley.ledger.pool.query(`select id from tenant where slug = 'acme'`)
    tenant = rows[0].id
  })
  after(() => volley.stop())

  /** Commits items as one request, and tells nobody: the tick finds them. */
  const say = (items: readonly CanonicalItem[], test = false) =>
    acceptEvents(
      volley.ledger.pool,
      { tenant, source: 'segment', test, decides: true },
      eventsOf(items, { tenant, partitions: volley.config.partitions, newId: () => newId('ev') }),
    )

  const person = async (id: string, test = false) => {
    const { rows } = await volley.ledger.pool.query(
      'select * from person where tenant = $1 and test = $2 and id = $3',
      [tenant, test, id],
    )
    return rows[0]
  }

  it('know traits, counts and times of what was sent in any order of requests', async () => {
    await say([set(user('u1'), { plan: 'free', city: 'Bonn' }), event(user('u1'), 'Signed Up')])
    await say([
      event(user('u1'), 'Signed In'),
      set(user('u1'), { plan: 'pro' }),
      event(user('u1'), 'Signed In'),
    ])
    const known = await eventually(async () => {
      const row = await person('u1')
      expect(row).to.include({ events: 3, is_anonymous: false })
      return row
    })
    expect(known.traits).to.deep.equal({ plan: 'pro', city: 'Bonn' })
    expect(known.activities['Signed In']).to.deep.include({ count: 2, lastAt: T0 })
    expect(new Date(known.first_seen).getTime()).to.equal(T0)
  })

  it('keep their traits where an event says nothing of them', async () => {
    await say([set(user('u7'), { plan: 'pro' })])
    await eventually(async () => expect((await person('u7'))?.traits).to.deep.equal({ plan: 'pro' }))
    await say([event(user('u7'), 'Viewed')])
    await eventually(async () => expect(await person('u7')).to.include({ events: 1 }))
    expect((await person('u7')).traits).to.deep.equal({ plan: 'pro' })
  })

  it('keep what a visitor did under the anonymous id, and give it to the user once it is joined', async () => {
    await say([set(visitor('v2'), { from: 'ad', plan: 'none' }), event(visitor('v2'), 'Viewed')])
    await eventually(async () => expect(await person('v2')).to.include({ events: 1, is_anonymous: true }))
    await say([join('v2', 'u2'), set(user('u2'), { plan: 'pro' }), event(user('u2'), 'Bought')])
    await eventually(async () => expect(await person('u2')).to.include({ events: 2 }))
    await say([join('v2', 'u2'), event(visitor('v2'), 'Viewed')])
    const known = await eventually(async () => {
      const row = await person('u2')
      expect(row).to.include({ events: 3 })
      return row
    })
    expect(known.traits).to.deep.equal({ plan: 'pro', from: 'ad' })
    expect(known.activities.Viewed.count).to.equal(2)
    expect(await person('v2')).to.include({ events: 0, merged_into: 'u2' })
  })

  it('become one where a hundred visitors are joined to one user at once', async () => {
    const ids = Array.from({ length: 100 }, (_, i) => `many-${i}`)
    await Promise.all(
      ids.map((id) => say([event(visitor(id), 'Viewed'), join(id, 'u3'), event(visitor(id), 'Viewed')])),
    )
    await eventually(async () => expect(await person('u3')).to.include({ events: 200 }))
    const { rows } = await volley.ledger.pool.query(
      `select count(*)::int as n from event where user_id = 'u3' and kind in ('merge', 'pass')`,
    )
    expect(rows[0].n).to.equal(200)
  })

  it('of test keys are other people', async () => {
    await say([set(user('u4'), { plan: 'live' })])
    await say([set(user('u4'), { plan: 'test' }), event(user('u4'), 'Viewed')], true)
    await eventually(async () => expect((await person('u4', true))?.traits).to.deep.equal({ plan: 'test' }))
    await eventually(async () =>
      expect(await person('u4')).to.deep.include({ events: 0, traits: { plan: 'live' } }),
    )
  })

  it('are what rules decide by: an event that was passed on is decided on once, as the user', async () => {
    await volley.actionType({ name: 'unlock_badge', delivery_webhook: 'http://127.0.0.1:9/x' })
    await say([join('v5', 'u5')])
    await eventually(async () => expect(await person('v5')).to.include({ merged_into: 'u5' }))
    await say([event(visitor('v5'), 'custom.reward.redeemed', { reward_type: 'discount' })])
    const decisions = await eventually(async () => {
      const { rows } = await volley.ledger.pool.query('select user_id, event_id from decision')
      expect(rows).to.have.length(1)
      return rows
    })
    const { rows: events } = await volley.ledger.pool.query(
      `select id from event where user_id = 'v5' and kind = 'event'`,
    )
    expect(decisions).to.deep.equal([{ user_id: 'u5', event_id: events[0].id }])
    const { body } = await volley.call('GET', '/api/external/actions?user_id=u5')
    expect(body.actions).to.have.length(1)
  })

  it('are passed over, as a dead letter, by what cannot be written of them, and nobody else is', async () => {
    const lone = JSON.parse('"\\ud800"')
    await say([set(user('u6'), { a: 1 }), set(user('u6'), { a: lone }), set(user('u6'), { b: 2 })])
    await eventually(async () => expect((await person('u6'))?.traits).to.deep.equal({ a: 1, b: 2 }))
    const { rows } = await volley.ledger.pool.query('select reason from dead_letter')
    expect(rows).to.deep.equal([{ reason: 'poison' }])
  })
})
