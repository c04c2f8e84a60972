import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { isHeldOut } from '../../actors/tenant.ts'
import { newId } from '../../src/ids.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { temporaryHome } from '../support/servers.ts'

const HOUR_MS = 3_600_000
const PURCHASE = 'custom.purchase.completed'
const OFFERS = {
  domain: 'offers',
  holdout: 0.5,
  rules: [
    { name: 'gift', action: 'gift', on: ['custom.asked'], when: true, confidence: 0.5, reasoning: 'Because' },
  ],
}

describe('the lift of a domain', () => {
  let volley: Installation
  let tenant: string

  before(async () => {
    const home = temporaryHome()
    mkdirSync(join(home, 'recommendations'))
    writeFileSync(join(home, 'recommendations', 'offers.json'), JSON.stringify(OFFERS))
    volley = await Installation.start({ workers: 1, env: { VOLLEY_RULES: home } })
    await volley.actionType({ name: 'gift', delivery_webhook: 'http://127.0.0.1:9/' })
    const { rows } = await volley.ledger.pool.query(`select id from tenant where slug = 'acme'`)
    tenant = rows[0].id
  })
  beforeEach(() => volley.ledger.pool.query('delete from decision; delete from event; delete from person'))
  after(() => volley.stop())

  const lift = async (query: string) =>
    volley.call('GET', `/api/decisions/lift?event=${PURCHASE}&value=data.total&${query}`)
  const decided = (
    user: string,
    { heldOut = false, rule = 'gift', agoMs = 10 * HOUR_MS, test = false } = {},
  ) =>
    volley.ledger.pool.query(
      `insert into decision (id, tenant, user_id, domain, body, rule, holdout, sent, test, at)
       values ($1, $2, $3, 'offers', '{}', $4, $5, $6, $7, now() - $8 * interval '1 ms')`,
      [newId('de'), tenant, user, rule, heldOut, !heldOut, test, agoMs],
    )
  const bought = (
    user: string,
    total: unknown,
    { agoMs = 9 * HOUR_MS, type = PURCHASE, test = false } = {},
  ) =>
    volley.ledger.pool.query(
      `insert into event (id, p, tenant, kind, user_id, is_anonymous, type, data, time, source, test, decides)
       values ($1, 0, $2, 'event', $3, false, $4, $5, now() - $6 * interval '1 ms', 'api', $7, false)`,
      [newId('ev'), tenant, user, type, JSON.stringify({ total }), agoMs, test],
    )

  it('says that no such event was seen, and not of one that only others did', async () => {
    await decided('one')
    await bought('one', 5, { test: true })
    const { body } = await lift('')
    expect(body.note).to.match(/"custom\.purchase\.completed" was seen/)
    await bought('stranger', 5)
    expect((await lift('')).body).to.not.have.property('note')
  })

  it('compares from the first decision of each user on, within the window, and adds up what they spent', async () => {
    for (let n = 0; n < 40; n++) {
      await decided(`t${n}`)
      await decided(`h${n}`, { heldOut: true })
    }
    // Each of these twice: a user is one user, and what came before the first decision is not because of it.
    await decided('t0', { agoMs: HOUR_MS, rule: 'other' })
    for (let n = 0; n < 10; n++) await bought(`t${n}`, 20)
    await bought('t0', 5)
    await bought('t11', 100, { agoMs: 11 * HOUR_MS })
    await bought('t12', 100, { agoMs: 2 * HOUR_MS })
    await bought('t13', 100, { type: 'custom.other' })
    await bought('t14', 100, { test: true })
    await bought('t15', 'much')
    for (let n = 0; n < 10; n++) await bought(`h${n}`, 10)
    // Nobody who was not decided for, or for a test key alone, or offered nothing.
    await bought('stranger', 10)
    await decided('tested', { test: true })
    await bought('tested', 10)
    const { status, body } = await lift('within=6h')
    expect(status).to.equal(200)
    expect(body).to.deep.include({ domain: 'offers', event: PURCHASE, within: '6h', open: 0 })
    const { overall, by_rule } = body
    expect(overall.says).to.equal('estimated')
    expect(overall.treated).to.deep.equal({
      users: 40,
      conversions: 11,
      conversion: 0.275,
      revenue_per_user: 205 / 40,
    })
    expect(overall.held_out).to.deep.equal({
      users: 40,
      conversions: 10,
      conversion: 0.25,
      revenue_per_user: 2.5,
    })
    expect(overall.conversion.value).to.be.closeTo(0.025, 1e-6)
    expect(overall.relative_lift.value).to.be.closeTo(0.1, 1e-6)
    expect(overall.revenue_per_user.value).to.be.closeTo(2.625, 1e-6)
    expect(by_rule).to.have.length(1)
    expect(by_rule[0]).to.deep.equal({ rule: 'gift', ...overall })
    expect((await lift('within=12h')).body).to.deep.include({ open: 80 })
  })

  it('takes a visitor and the user that they turned out to be for one', async () => {
    await decided('visitor')
    await volley.ledger.pool.query(
      `insert into person (tenant, test, id, p, traits, activities, events, is_anonymous, merged_into, refused)
       values ($1, false, 'visitor', 0, '{}', '{}', 0, true, 'user', 0)`,
      [tenant],
    )
    await decided('user')
    await bought('user', 7)
    const { overall } = (await lift('within=6h')).body
    expect(overall.treated).to.deep.include({ users: 1, conversions: 1, revenue_per_user: 7 })
    expect(overall.says).to.equal('no_holdout')
  })

  it('says where there is no holdout, or too few users, and refuses what it does not know', async () => {
    expect((await lift('')).body.overall).to.deep.include({ says: 'no_holdout', conversion: null })
    await decided('a')
    await decided('b', { heldOut: true })
    expect((await lift('')).body.overall).to.deep.include({ says: 'too_few_users', relative_lift: null })
    for (const [query, path] of [
      ['domain=offer', '/domain'],
      ['within=1y', '/within'],
      ['within=200d', '/within'],
      ['since=2020-01-01T00:00:00Z', '/since'],
    ])
      expect((await lift(query!)).body.details[0].path).to.equal(path)
    const wrong = await volley.call('GET', '/api/decisions/lift?event=a&value=total')
    expect(wrong.body.details[0].path).to.equal('/value')
  })

  it('is of decisions about events and of recommendations alike', async () => {
    const share = 0.5
    const users = Array.from({ length: 30 }, (_, n) => `user-${n}`)
    const held = users.filter((userId) => isHeldOut({ tenant, domain: 'offers', userId, share }))
    await volley.call('POST', '/api/external/events', {
      events: users.slice(0, 15).map((user_id) => ({ type: 'custom.asked', user_id })),
    })
    for (const user_id of users.slice(15)) await volley.call('POST', '/api/decisions/recommend', { user_id })
    await eventually(async () => {
      const { overall } = (await lift('')).body
      expect(overall.held_out.users).to.equal(held.length)
      expect(overall.treated.users).to.equal(30 - held.length)
    })
  })
})
