import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { createOperatorKey } from '../../src/ledger/tenants/keys.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { temporaryHome } from '../support/servers.ts'

const DAY_MS = 86_400_000
const OFFERS = {
  domain: 'offers',
  learning: { weight: 4, segment: { var: 'context.plan' }, half_life: '10d' },
  rules: [
    { name: 'low', action: 'badge', confidence: 0.3 },
    { name: 'high', action: 'gift', confidence: 0.5 },
  ].map((fields) => ({ on: ['custom.asked'], when: true, reasoning: 'Because', ...fields })),
}

describe('what outcomes have taught', () => {
  let volley: Installation
  let operator: string

  before(async () => {
    const home = temporaryHome()
    mkdirSync(join(home, 'recommendations'))
    writeFileSync(join(home, 'recommendations', 'offers.json'), JSON.stringify(OFFERS))
    volley = await Installation.start({ env: { VOLLEY_RULES: home } })
    operator = (await createOperatorKey(volley.ledger, { label: 'test' })).key
  })
  beforeEach(() => volley.ledger.pool.query('delete from lesson'))
  after(() => volley.stop())

  /** As turns write it, each partition its own share. */
  const teach = (
    tenant: string,
    rule: string,
    { segment = '', s = 0, f = 0, rejected = 0, unanswered = 0, ageMs = 0, p = 0 },
  ) =>
    volley.ledger.pool.query(
      `insert into lesson (tenant, domain, rule, segment, p, successes, failures, rejected, unanswered, at, half_life_ms)
       select id, 'offers', $2, $3, $4, $5, $6, $7, $8, now() - $9 * interval '1 ms', $10 from tenant where slug = $1`,
      [tenant, rule, segment, p, s, f, rejected, unanswered, ageMs, 10 * DAY_MS],
    )
  const learned = async (key = volley.keys.live) =>
    (await volley.call('GET', '/api/decisions/learned?domain=offers', undefined, { key })).body
  const learning = (slug: string, body?: unknown) =>
    volley.call(body === undefined ? 'GET' : 'PUT', `/api/operators/tenants/${slug}/learning`, body, {
      key: operator,
    })

  it('is shown by rule and segment beside what authors say; what is old counts half', async () => {
    await teach('acme', 'high', { segment: 'pro', s: 20, f: 4, ageMs: 10 * DAY_MS })
    await teach('acme', 'high', { segment: 'pro', s: 2, p: 7, rejected: 1 })
    await teach('acme', 'high', { segment: 'free', f: 12, unanswered: 3 })
    await teach('acme', 'former', { s: 1 })
    const { rules, ...rest } = await learned()
    expect(rest).to.deep.include({ domain: 'offers', learns_from_partner: false, is_complete: true })
    const [low, high, former] = rules
    expect(low).to.deep.include({ rule: 'low', action: 'badge', confidence: 0.3, successes: 0, segments: [] })
    expect(low.believed.low).to.be.below(low.believed.mean)
    expect(high).to.deep.include({ rule: 'high', rejected: 1, unanswered: 3 })
    expect(high.successes).to.be.closeTo(12, 0.01)
    expect(high.failures).to.be.closeTo(14, 0.01)
    const [free, pro] = high.segments
    expect([free.segment, pro.segment]).to.deep.equal(['free', 'pro'])
    expect(pro.successes).to.be.closeTo(12, 0.01)
    expect(pro.believed.mean).to.be.above(high.believed.mean)
    expect(free.believed.mean).to.be.below(high.believed.mean)
    expect(former).to.deep.include({ rule: 'former', action: null, confidence: null, believed: null })
    const asked = await volley.call('GET', '/api/decisions/learned?domain=offer')
    expect(asked.body.details).to.deep.equal([{ path: '/domain', message: 'must be one of "offers"' }])
  })

  it('is what recommend goes by', async () => {
    const recommend = async () =>
      (
        await volley.call('POST', '/api/decisions/recommend', {
          user_id: 'u',
          context: { plan: 'pro' },
        })
      ).body.recommendation
    await teach('acme', 'low', { segment: 'pro', s: 40 })
    await teach('acme', 'high', { segment: 'pro', f: 40 })
    const { rules } = await learned()
    await eventually(async () => {
      const { action, confidence } = await recommend()
      expect(action).to.equal('badge')
      expect(confidence).to.be.closeTo(rules[0].believed.mean, 0.01)
    })
  })

  it('may come from a partner that allows it, as long as it does, and names no segment of it', async () => {
    const mean = async () => (await learned()).rules[0].believed.mean as number
    const before = await mean()
    await teach('other', 'low', { segment: 'secret', s: 60 })
    expect(await mean()).to.equal(before)
    const refused = await learning('acme', { learns_from: 'other' })
    expect(refused.status).to.equal(400)
    expect(refused.body.details[0].message).to.match(/must be a tenant with shares_learning/)
    expect((await learning('other', { shares_learning: true })).status).to.equal(200)
    expect((await learning('acme', { learns_from: 'other' })).body).to.deep.equal({
      shares_learning: false,
      learns_from: 'other',
      is_learning: true,
    })
    const own = await learned()
    expect(own.learns_from_partner).to.equal(true)
    expect(own.rules[0].believed.mean).to.be.above(before + 0.1)
    expect(JSON.stringify(own)).to.not.include('secret')
    expect(own.rules[0]).to.deep.include({ successes: 0, segments: [] })
    await eventually(async () => {
      const { body } = await volley.call('POST', '/api/decisions/recommend', { user_id: 'u' })
      expect(body.recommendation.action).to.equal('badge')
    })
    // What the tenant learns itself weighs more than what others have taught.
    await teach('acme', 'low', { f: 60 })
    expect(await mean()).to.be.below(0.3)
    await learning('other', { shares_learning: false })
    expect((await learning('acme')).body).to.deep.include({ learns_from: 'other', is_learning: false })
    expect((await learned()).learns_from_partner).to.equal(false)
    await learning('acme', { learns_from: null })
    for (const [slug, body, status] of [
      ['nobody', { shares_learning: true }, 404],
      ['acme', { learns_from: 'nobody' }, 400],
      ['acme', { learns_from: 'acme' }, 400],
    ] as const)
      expect((await learning(slug, body)).status).to.equal(status)
  })
})
