import { expect } from 'chai'
import { samplePeople } from '../../src/ledger/people/sample-people.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'

const PATH = '/api/rules/recommendations/back'
const DAY = 86_400_000
const SILENT = 200

const document = (fields: Record<string, unknown> = {}) => ({
  domain: 'back',
  rules: [
    {
      name: 'win-back',
      on: [{ inactive_for: '14d' }],
      when: true,
      action: 'gift',
      confidence: 0.5,
      reasoning: 'Silent since {trigger.last_seen}.',
    },
  ],
  ...fields,
})

describe('the reach of a document with triggers', () => {
  let volley: Installation
  before(async () => {
    volley = await Installation.start({ workers: 1 })
    await volley.actionType({
      name: 'gift',
      estimated_cost_usd: 1,
      delivery_webhook: 'http://127.0.0.1:9/',
    })
    const seen = (user_id: string, daysAgo: number) => ({
      user_id,
      type: 'custom.seen',
      timestamp: new Date(Date.now() - daysAgo * DAY).toISOString(),
    })
    // Half of them for longer than the days that are looked at.
    const silent = Array.from({ length: SILENT }, (_, n) => seen(`silent-${n}`, n % 2 === 0 ? 16 : 90))
    const events = [...silent, seen('lively', 1)]
    for (let first = 0; first < events.length; first += 100)
      await volley.call('POST', '/api/external/events', { events: events.slice(first, first + 100) })
    await volley.call(
      'POST',
      '/api/external/events',
      { events: [seen('tried', 16)] },
      { key: volley.keys.test },
    )
    await eventually(async () => {
      const { rows } = await volley.ledger.pool.query('select count(*)::int as n from person')
      expect(rows[0].n).to.equal(SILENT + 2)
    }, 20_000)
  })
  after(() => volley.stop())

  const keep = async (fields: Record<string, unknown>): Promise<number> => {
    const { body } = await volley.call('PUT', PATH, { document: document(fields) })
    expect(body.check.mistakes).to.deep.equal([])
    return body.version.version
  }
  const activate = (body: Record<string, unknown>) => volley.call('POST', `${PATH}/activate`, body)

  it('is estimated from the people who are known, and what comes at once is told apart', async () => {
    const { status, body } = await volley.call('POST', '/api/rules/preview', { document: document() })
    expect(status).to.equal(200)
    expect(body.people).to.deep.equal({ sampled: SILENT + 1, total: SILENT + 1, is_estimate: false })
    expect(body.in_force.by_triggers.decisions).to.equal(0)
    expect(body.previewed).to.deep.equal({
      decisions: SILENT,
      users: SILENT,
      by_rule: { 'win-back': SILENT },
      by_action: { gift: SILENT },
      estimated_cost_usd: SILENT,
      by_triggers: { decisions: SILENT, at_once: SILENT / 2, estimated_cost_usd: SILENT },
      failed: {},
    })
    expect(body).to.include({ gained: 0, lost: 0, changed: 0 })
    const other = await volley.call(
      'POST',
      '/api/rules/preview',
      { document: document() },
      { key: volley.keys.other },
    )
    expect(other.body.people.total).to.equal(0)
    expect(other.body.previewed.decisions).to.equal(0)
  })

  it('is estimated from fewer people where a document is dear to ask', async () => {
    const dear = ['dear', 'dearer'].map((name, half) => ({
      ...document().rules[0],
      name,
      on: Array.from({ length: 50 }, (_, n) => ({
        date: 'user.first_seen',
        yearly: true,
        offset: `-${half * 50 + n + 100}d`,
        at: '09:00',
      })),
    }))
    const rules = [...document().rules, ...dear]
    const { body } = await volley.call('POST', '/api/rules/preview', { document: document({ rules }) })
    const { people, previewed } = body
    expect(people.total).to.equal(SILENT + 1)
    expect(people.sampled).to.be.within(10, SILENT - 1)
    expect(previewed.by_rule['win-back']).to.be.within(SILENT * 0.9, SILENT * 1.1)
  })

  it('counts for whether a second person is needed', async () => {
    const version = await keep({ rollout: { approval_above_usd: 50 } })
    const asked = await activate({ version })
    expect([asked.status, asked.body.code]).to.deep.equal([409, 'approval_needed'])
    expect(asked.body.error).to.match(/would cost about \$200 in 7 days, and more than \$50 needs/)
    expect(asked.body.details.reach.previewed.by_triggers.decisions).to.equal(SILENT)
  })

  it('is what follows: a share that costs less passes, and so many are decided for', async () => {
    const version = await keep({ rollout: { approval_above_usd: 50 } })
    const { status, body } = await activate({ version, share: 0.1 })
    expect(status).to.equal(200)
    const expected = body.reach.previewed.decisions
    expect(expected).to.be.within(1, 50)
    await eventually(async () => {
      const { rows } = await volley.ledger.pool.query(
        `select count(*)::int as n from decision where domain = 'back' and not test`,
      )
      expect(rows[0].n).to.equal(expected)
    }, 20_000)
    // Whoever was told is not told again: nothing comes at once any more.
    const again = (await volley.call('GET', `${PATH}/reach?version=${version}&share=0.1`)).body
    expect(again.previewed.by_triggers.at_once).to.equal(0)
    expect(again.in_force.by_triggers).to.deep.equal(again.previewed.by_triggers)
  })
})

describe('a sample of people', () => {
  let volley: Installation
  let tenant: string
  before(async () => {
    volley = await Installation.start({ workers: 0 })
    const { rows } = await volley.ledger.pool.query(`select id from tenant where slug = 'acme'`)
    tenant = rows[0].id
    const insert = (count: number, test: boolean, mergedInto: string | null) =>
      volley.ledger.pool.query(
        `insert into person (tenant, test, id, p, traits, activities, events, is_anonymous, merged_into, refused)
         select $1, $3, coalesce('of ' || $4, 'user') || '-' || lpad(n::text, 6, '0'), 0, '{"plan": "pro"}', '{}', 1, false, $4, 0
         from generate_series(1, $2::int) n`,
        [tenant, count, test, mergedInto],
      )
    await insert(3_000, false, null)
    await insert(50, true, null)
    await insert(70, false, 'user-1')
  })
  after(() => volley.stop())
  const sample = (bounds: Parameters<typeof samplePeople>[2]) =>
    samplePeople(volley.ledger.pool, tenant, bounds)

  it('is of all who live under their own id where these are few, and the same each time', async () => {
    const { ids, total, isEstimate } = await sample({ limit: 100 })
    expect({ total, isEstimate }).to.deep.equal({ total: 3_000, isEstimate: false })
    expect(new Set(ids).size).to.equal(100)
    expect(ids.filter((id) => id > 'user-001500').length).to.be.within(25, 75)
    expect((await sample({ limit: 100 })).ids).to.deep.equal(ids)
  })

  it('reads some pages of the table alone where they are many, and says about how many there are', async () => {
    const bounds = { limit: 100, countedMax: 500, pagesMax: 20 }
    const { ids, total, isEstimate } = await sample(bounds)
    expect(isEstimate).to.equal(true)
    expect(total).to.be.within(1_500, 4_500)
    expect(new Set(ids).size).to.equal(100)
    expect(ids.some((id) => id > 'user-000501')).to.equal(true)
    expect((await sample(bounds)).ids).to.deep.equal(ids)
  })
})
