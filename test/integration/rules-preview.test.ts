import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'

const rule = (fields: Record<string, unknown> = {}) => ({
  name: 'generous',
  on: ['custom.cart.abandoned'],
  when: { '>': [{ var: 'event.data.value' }, 5] },
  action: 'grant_points',
  parameters: { amount: 10, traits: { var: 'user.traits.plan' } },
  confidence: 0.9,
  reasoning: 'A cart of {event.data.value}.',
  ...fields,
})

describe('POST /api/rules/preview', () => {
  let volley: Installation
  before(async () => {
    volley = await Installation.start({ workers: 1 })
    await volley.actionType({
      name: 'grant_points',
      estimated_cost_usd: 0.25,
      delivery_webhook: 'http://127.0.0.1:9/',
    })
    await volley.call('PUT', '/api/users/u1', { traits: { plan: 'pro' } })
    const event = (user_id: string, value: unknown, type = 'custom.cart.abandoned') => ({
      user_id,
      type,
      data: { value },
    })
    const events = [
      event('u1', 10),
      event('u2', 10),
      event('u2', 50),
      event('u3', 1),
      event('u3', 9, 'custom.other'),
    ]
    await volley.call('POST', '/api/external/events', { events })
    await volley.call(
      'POST',
      '/api/external/events',
      { events: [event('u9', 100)] },
      { key: volley.keys.test },
    )
    await eventually(async () => {
      const { body } = await volley.call('GET', '/api/users/u1')
      expect(body.user.traits).to.deep.equal({ plan: 'pro' })
    })
  })
  after(() => volley.stop())
  const previewed = (body: unknown, key?: string) => volley.call('POST', '/api/rules/preview', body, { key })

  it('says whom a document would have reached, at what cost, and what differs from the rules in force', async () => {
    const { status, body } = await previewed({ document: { domain: 'loyalty', rules: [rule()] } })
    expect(status).to.equal(200)
    expect(body).to.include({
      events: 4,
      matching: 4,
      is_complete: true,
      gained: 2,
      lost: 0,
      changed: 1,
      people: null,
    })
    expect(body.in_force).to.deep.include({ decisions: 1, users: 1, by_rule: { 'win-back-a-cart': 1 } })
    expect(body.previewed).to.deep.equal({
      decisions: 3,
      users: 2,
      by_rule: { generous: 3 },
      by_action: { grant_points: 3 },
      estimated_cost_usd: 0.75,
      by_triggers: { decisions: 0, at_once: 0, estimated_cost_usd: 0 },
      failed: {},
    })
    const [first] = body.examples.filter(({ user_id }: any) => user_id === 'u1')
    expect(first.in_force).to.equal(null)
    expect(first.previewed).to.deep.equal({
      rule: 'generous',
      action: 'grant_points',
      parameters: { amount: 10, traits: 'pro' },
      reasoning: 'A cart of 10.',
    })
  })

  it('shows that events would lose what they get now, and rules that fail', async () => {
    const document = {
      domain: 'loyalty',
      rules: [rule({ parameters: { a: { cat: [{ var: 'event.data' }] } } })],
    }
    const { body } = await previewed({ document })
    expect(body).to.include({ gained: 0, lost: 1, changed: 0 })
    expect(body.previewed.failed).to.deep.equal({ generous: '"cat" takes no objects' })
  })

  it('looks at no more events than it is asked to, and at nobody else’s', async () => {
    const document = { domain: 'loyalty', rules: [rule()] }
    expect((await previewed({ document, limit: 2 })).body).to.include({ events: 2, is_complete: false })
    expect((await previewed({ document }, volley.keys.other)).body).to.include({ events: 0, since: null })
  })

  it('is not blinded by events of other types, and says how many there are of those that it asks', async () => {
    const noise = Array.from({ length: 900 }, (_, n) => ({ type: 'custom.noise', user_id: `n${n}` }))
    await volley.call('POST', '/api/external/events', { events: noise })
    const document = { domain: 'loyalty', rules: [rule()] }
    const { body } = await previewed({ document, limit: 2 })
    expect(body).to.include({ events: 2, matching: 4, is_complete: false })
    expect(body.previewed.decisions).to.be.greaterThan(0)
  })

  it('refuses a document with a mistake, and says where', async () => {
    const { status, body } = await previewed({
      document: { domain: 'loyalty', rules: [rule({ when: { vra: 'x' } })] },
    })
    expect([status, body.code]).to.deep.equal([400, 'rule_invalid'])
    expect(body.details).to.deep.equal([
      { path: '/document/rules/0/when/vra', message: 'is not an operator; did you mean "var"?' },
    ])
  })
})
