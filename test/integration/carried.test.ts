import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'
import { temporaryHome } from '../support/servers.ts'

const NONE = 'de_01KAJX0M6Q8V2Y3R5T7W9ZBCDE'
const BADGE = { type: 'object', required: ['badge'], properties: { badge: { type: 'string' } } }
const OFFERS = {
  domain: 'offers',
  budget: { max_usd: 100, days: 1 },
  learning: { segment: { var: 'context.plan' } },
  rules: [
    { name: 'first', action: 'gift', confidence: 0.6, cooldown: '1h' },
    {
      name: 'second',
      action: 'badge',
      confidence: 0.3,
      parameters: { badge: { cat: ['k-', { var: 'context.plan' }] } },
    },
    { name: 'nothing', action: 'none', confidence: 0.9, when: false },
  ].map((fields) => ({ on: ['custom.asked'], when: true, reasoning: 'Because', ...fields })),
}

describe('what a client carries out of what it was recommended', () => {
  let volley: Installation
  let receiver: Receiver

  before(async () => {
    const home = temporaryHome()
    mkdirSync(join(home, 'recommendations'))
    writeFileSync(join(home, 'recommendations', 'offers.json'), JSON.stringify(OFFERS))
    receiver = await new Receiver().start()
    volley = await Installation.start({ workers: 1, env: { VOLLEY_RULES: home } })
    for (const name of ['gift', 'badge', 'other'])
      await volley.actionType({
        name,
        delivery_webhook: receiver.url,
        estimated_cost_usd: 2,
        ...(name === 'badge' ? { parameters_schema: BADGE } : {}),
      })
  })
  beforeEach(() => volley.ledger.pool.query('delete from lesson'))
  after(async () => {
    await volley.stop()
    await receiver.stop()
  })

  const recommend = async (user_id: string, key = volley.keys.live) =>
    (await volley.call('POST', '/api/decisions/recommend', { user_id, context: { plan: 'pro' } }, { key }))
      .body
  const tell = (id: string, body: unknown, key = volley.keys.live) =>
    volley.call('POST', `/api/decisions/${id}/outcome`, body, { key })
  const act = (body: Record<string, unknown>, options: Parameters<Installation['call']>[3] = {}) =>
    volley.call('POST', '/api/external/actions', body, options)
  const get = async (id: string) => (await volley.call('GET', `/api/decisions/${id}`)).body.decision
  const lessons = async () => {
    const { rows } = await volley.ledger.pool.query(
      `select rule, segment, sum(successes) as s, sum(failures) as f, sum(rejected) as r
       from lesson group by rule, segment order by rule, segment`,
    )
    return rows.map(({ rule, segment, s, f, r }) => [rule, segment, ...[s, f, r].map(Math.round)])
  }
  const learnt = (expected: unknown[][]) =>
    eventually(async () => expect(await lessons()).to.deep.equal(expected))
  /** Once the actors have read all that lies before them. */
  const allHeard = () =>
    eventually(async () => {
      const { rows } = await volley.ledger.pool.query(
        'select count(*)::int as n from event e join mark m on m.p = e.p where (e.xid, e.seq) > (m.xid, m.seq)',
      )
      expect(rows[0].n).to.equal(0)
    })

  it('teaches once by its outcome, for the segment of the decision; the same again is the same answer', async () => {
    const { decision_id } = await recommend('teller')
    const said = { status: 'completed', result: { points: 5 } }
    const answers = await Promise.all(Array.from({ length: 8 }, () => tell(decision_id, said)))
    for (const { status, body } of answers) {
      expect(status).to.equal(200)
      expect(body).to.deep.equal({
        recorded: true,
        decision_id,
        action_id: null,
        outcome_status: 'completed',
      })
    }
    const another = await tell(decision_id, { status: 'completed', result: { points: 6 } })
    expect(another.status).to.equal(409)
    expect(another.body).to.deep.include({ code: 'outcome_exists' })
    expect(another.body.details[0].path).to.equal('/result')
    await learnt([['first', 'pro', 1, 0, 0]])
    await allHeard()
    expect(await lessons()).to.deep.equal([['first', 'pro', 1, 0, 0]])
    const { outcome, action } = await get(decision_id)
    expect(outcome).to.deep.include(said)
    expect(action).to.equal(null)
  })

  it('counts for cool-downs from when it was told', async () => {
    expect((await recommend('cooled')).recommendation.action).to.equal('gift')
    const { decision_id, recommendation } = await recommend('cooled')
    expect(recommendation.action).to.equal('gift')
    await tell(decision_id, { status: 'ignored' })
    await eventually(async () => expect((await recommend('cooled')).recommendation.action).to.equal('badge'))
  })

  it('may be an action of its own, joined to the decision, whose outcome teaches once', async () => {
    const { decision_id } = await recommend('actor')
    const { status, body } = await act({ action_type: 'gift', user_id: 'actor', decision_id })
    expect(status).to.equal(201)
    expect(body.action).to.deep.include({ origin: 'rule:offers/first', reasoning: 'Because' })
    expect(body.action.confidence).to.be.closeTo(0.6, 0.1)
    await eventually(async () => expect((await get(decision_id)).action.status).to.equal('dispatched'))
    const { action, action_id } = await get(decision_id)
    expect([action.id, action_id]).to.deep.equal([body.action.id, body.action.id])
    expect(receiver.ids.filter((id) => id === body.action.id)).to.have.length(1)
    // While it is open, its user is offered nothing of its type.
    await eventually(async () => expect((await recommend('actor')).recommendation.action).to.equal('badge'))
    expect((await tell(decision_id, { status: 'partial' })).body.action_id).to.equal(body.action.id)
    const own = await volley.call('POST', `/api/external/actions/${body.action.id}/outcome`, {
      status: 'partial',
    })
    expect(own.status).to.equal(200)
    expect((await tell(decision_id, { status: 'ignored' })).status).to.equal(409)
    await learnt([
      ['first', 'pro', 0.5, 0.5, 0].map((each) => (typeof each === 'number' ? Math.round(each) : each)),
    ])
    await allHeard()
    const { rows } = await volley.ledger.pool.query(
      'select sum(successes) as s, sum(failures) as f from lesson',
    )
    expect(rows[0].s).to.be.closeTo(0.5, 1e-6)
    expect(rows[0].f).to.be.closeTo(0.5, 1e-6)
    expect((await get(decision_id)).outcome.status).to.equal('partial')
    const { rows: spent } = await volley.ledger.pool.query('select sum(usd) as usd from spending')
    expect(spent[0].usd).to.equal(2)
  })

  it('has the parameters that were offered where none are given, and given ones win', async () => {
    const carriedOut = async (user_id: string, parameters?: unknown) => {
      const { decision_id } = await recommend(user_id)
      return act({ action_type: 'badge', user_id, decision_id, parameters })
    }
    const offered = await carriedOut('silent')
    expect(offered.status).to.equal(201)
    expect(offered.body.action.parameters).to.deep.equal({ badge: 'k-pro' })
    const { body } = await carriedOut('choosy', { badge: 'mine' })
    expect(body.action.parameters).to.deep.equal({ badge: 'mine' })
    const none = await carriedOut('empty', {})
    expect(none.status).to.equal(400)
    expect(none.body.details[0]).to.deep.include({ path: '/parameters/badge' })
  })

  it('teaches of the rule whose alternative was taken', async () => {
    const { decision_id, alternatives } = await recommend('chooser')
    expect(alternatives[0].action).to.equal('badge')
    const { body } = await act({ action_type: 'badge', user_id: 'chooser', decision_id })
    await volley.call('POST', `/api/external/actions/${body.action.id}/outcome`, {
      status: 'completed',
      result: {},
    })
    await learnt([['second', 'pro', 1, 0, 0]])
  })

  it('is carried out once, however many ask at once, and a repeat by the same key is the same answer', async () => {
    const { decision_id } = await recommend('once')
    const body = { action_type: 'gift', user_id: 'once', decision_id }
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, n) => act(body, { headers: { 'idempotency-key': `k${n % 2}` } })),
    )
    const made = answers.filter(({ status }) => status === 201)
    expect(new Set(made.map(({ body: { action } }) => action.id)).size).to.equal(1)
    expect(made).to.have.length(3)
    for (const { status, body: refused } of answers.filter((each) => !made.includes(each))) {
      expect(status).to.equal(409)
      expect(refused.code).to.equal('invalid_transition')
      expect(refused.error).to.include(made[0]!.body.action.id)
    }
    const told = await recommend('once-told')
    await tell(told.decision_id, { status: 'completed' })
    const late = await act({ action_type: 'gift', user_id: 'once-told', decision_id: told.decision_id })
    expect(late.status).to.equal(409)
  })

  it('is refused where it is not what was recommended, with what was expected', async () => {
    const { decision_id } = await recommend('strict')
    const body = { action_type: 'gift', user_id: 'strict', decision_id }
    for (const [change, path, message] of [
      [{ user_id: 'somebody' }, '/user_id', 'must be the user of the decision'],
      [{ action_type: 'other' }, '/action_type', 'must be one of gift, badge'],
    ] as const) {
      const refused = await act({ ...body, ...change })
      expect(refused.status).to.equal(400)
      expect(refused.body.details).to.deep.equal([{ path, message }])
    }
    expect((await act({ ...body, decision_id: NONE })).status).to.equal(404)
    expect((await tell(NONE, { status: 'completed' })).status).to.equal(404)
    expect((await tell('de_x', { status: 'completed' })).status).to.equal(404)
    expect((await tell(decision_id, { status: 'completed' }, volley.keys.other)).status).to.equal(404)
    expect((await tell(decision_id, { status: 'done' })).body.details[0].path).to.equal('/status')
    const batch = await volley.call('POST', '/api/external/actions/batch', { actions: [body] })
    expect(batch.body.results[0].error.details[0].path).to.equal('/decision_id')
    const empty = await volley.call('POST', '/api/decisions/recommend', {
      user_id: 'e',
      available_actions: [],
    })
    expect((await tell(empty.body.decision_id, { status: 'completed' })).body.code).to.equal(
      'invalid_transition',
    )
  })

  it('teaches nothing by a test key, which tells nothing of a live decision', async () => {
    const { decision_id } = await recommend('tested', volley.keys.test)
    expect((await tell(decision_id, { status: 'completed' }, volley.keys.test)).status).to.equal(200)
    const live = await recommend('tested')
    expect((await tell(live.decision_id, { status: 'completed' }, volley.keys.test)).body.code).to.equal(
      'live_key_needed',
    )
    const own = { action_type: 'gift', user_id: 'tested', decision_id: live.decision_id }
    expect((await act(own, { key: volley.keys.test })).body.code).to.equal('live_key_needed')
    await allHeard()
    expect(await lessons()).to.deep.equal([])
  })

  it('is shown to a test key only where it was decided for one', async () => {
    const { test: testKey } = volley.keys
    const live = await recommend('seen')
    const tested = await recommend('seen', testKey)
    const shown = (id: string) => volley.call('GET', `/api/decisions/${id}`, undefined, { key: testKey })
    const listed = async (query: string) =>
      volley.call('GET', `/api/decisions?user_id=seen${query}`, undefined, { key: testKey })
    expect((await shown(tested.decision_id)).status).to.equal(200)
    const refused = await shown(live.decision_id)
    expect([refused.status, refused.body.code]).to.deep.equal([404, 'not_found'])
    expect((await listed('')).body.decisions.map(({ id }: { id: string }) => id)).to.deep.equal([
      tested.decision_id,
    ])
    expect((await listed('&test=false')).body.details[0].path).to.equal('/test')
  })

  it('still teaches after its user was erased, of whom nothing is left and nobody is made again', async () => {
    const before = await recommend('gone')
    await tell(before.decision_id, { status: 'completed', result: { name: 'Erika' } })
    const { decision_id } = await recommend('gone')
    await allHeard()
    await volley.call('DELETE', '/api/users/gone')
    await eventually(async () => expect((await get(decision_id)).is_erased).to.equal(true), 20_000)
    const left = await get(before.decision_id)
    expect(left).to.deep.include({ inputs: null, candidates: [], rule: 'first' })
    expect(left.outcome).to.deep.include({ status: 'completed', result: null })
    expect((await tell(decision_id, { status: 'completed', result: { name: 'Erika' } })).status).to.equal(200)
    expect((await get(decision_id)).outcome.result).to.equal(null)
    await learnt([
      ['first', '', 1, 0, 0],
      ['first', 'pro', 1, 0, 0],
    ])
    const { rows } = await volley.ledger.pool.query(
      `select (select count(*) from person where id = 'gone' or id like 'erased:%')::int as people,
         (select json_agg(e) from event e where user_id = 'gone' or data::text like '%Erika%') as events`,
    )
    expect(rows[0]).to.deep.equal({ people: 0, events: null })
  })
})
