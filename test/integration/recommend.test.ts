import { expect } from 'chai'
import { Installation } from '../support/installation.ts'

const PATH = '/api/decisions/recommend'
const context = { current_points: 1200, current_tier: 'silver', days_since_last_redemption: 14 }
const asked = {
  user_id: 'user-123',
  domain: 'loyalty',
  available_actions: ['grant_points', 'unlock_badge', 'upgrade_tier'],
  context,
}

describe('recommend over HTTP', () => {
  let here: Installation

  before(async () => {
    here = await Installation.start()
  })
  after(() => here.stop())

  const ask = (fields: Record<string, unknown> = {}) => here.call('POST', PATH, { ...asked, ...fields })

  it('answers the example of the API page, with what scoring says of somebody who is new', async () => {
    const { status, body } = await ask()
    expect(status).to.equal(200)
    const { decision_id, ...answer } = body
    expect(decision_id).to.match(/^de_/)
    expect(answer).to.deep.equal({
      user_id: 'user-123',
      domain: 'loyalty',
      recommendation: {
        action: 'grant_points',
        parameters: { amount: 300, reason: 're-engagement bonus' },
        confidence: 0.82,
        reasoning: "User hasn't redeemed in 14 days. Similar users respond to point grants.",
      },
      alternatives: [
        {
          action: 'unlock_badge',
          parameters: { badge: 'comeback_king' },
          confidence: 0.65,
          reasoning: 'Badge unlock has lower confidence but higher novelty',
        },
      ],
      user_context: {
        lifecycle_stage: 'unknown',
        activation_score: 0,
        engagement_score: 0,
        risk_level: 'low',
      },
    })
  })

  it('keeps the decision before it answers, for its own tenant alone', async () => {
    const { body } = await ask()
    const { status, body: kept } = await here.call('GET', `/api/decisions/${body.decision_id}`)
    expect(status).to.equal(200)
    expect(kept.decision).to.deep.include({
      user_id: 'user-123',
      domain: 'loyalty',
      event_id: null,
      action_id: null,
    })
    expect(kept.decision.candidates[0].action).to.equal('grant_points')
    expect(kept.decision.rules.map(({ rule }: { rule: string }) => rule)).to.include('comeback-badge')
    const elsewhere = { key: here.keys.other }
    expect(
      (await here.call('GET', `/api/decisions/${body.decision_id}`, undefined, elsewhere)).status,
    ).to.equal(404)
    expect((await here.call('GET', '/api/decisions/de_nonsense')).status).to.equal(404)
  })

  it('offers only available actions, and says why where there is none', async () => {
    expect((await ask({ available_actions: ['unlock_badge'] })).body.recommendation.action).to.equal(
      'unlock_badge',
    )
    const { body } = await ask({ available_actions: [] })
    expect(body).to.deep.include({ recommendation: null, alternatives: [] })
    expect(body.reasons).to.include('re-engage-with-points: not_available')
  })

  it('takes the only domain where none is named, and lists what it knows where the name is wrong', async () => {
    expect((await ask({ domain: undefined })).body.domain).to.equal('loyalty')
    const { status, body } = await ask({ domain: 'loyalti' })
    expect(status).to.equal(400)
    expect(body.details).to.deep.equal([{ path: '/domain', message: 'must be one of "loyalty"' }])
  })

  it('answers any context with a recommendation or none, never with a failure of its own', async () => {
    const hostile: unknown[] = [
      { toString: 1 },
      [[]],
      'x'.repeat(100_000),
      -1e308,
      { var: 'user' },
      true,
      null,
    ]
    for (const value of hostile) {
      const { status } = await ask({ context: { current_points: value, days_since_last_redemption: value } })
      expect(status, JSON.stringify(value).slice(0, 40)).to.equal(200)
    }
  })

  for (const [what, fields, path] of [
    ['no user', { user_id: undefined }, '/user_id'],
    ['a context that is no object', { context: [] }, '/context'],
    ['an available action that is no name', { available_actions: [1] }, '/available_actions/0'],
  ] as const) {
    it(`refuses ${what}, saying where`, async () => {
      const { status, body } = await ask(fields)
      expect(status).to.equal(400)
      expect(body.details[0].path).to.equal(path)
    })
  }
})
