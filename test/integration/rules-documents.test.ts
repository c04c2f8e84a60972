import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'

const rule = (fields: Record<string, unknown> = {}) => ({
  name: 'greet',
  on: ['custom.reward.redeemed'],
  when: true,
  action: 'unlock_badge',
  parameters: { badge: 'own' },
  confidence: 0.9,
  reasoning: 'A rule of our own.',
  ...fields,
})
const loyalty = (...rules: Record<string, unknown>[]) => ({ domain: 'loyalty', rules })
const HOLDS = [{ name: 'greets', given: {}, expect: { rule: 'greet' } }]

describe("a tenant's own document of rules", () => {
  let volley: Installation
  before(async () => {
    volley = await Installation.start({ workers: 1 })
    await volley.actionType({ name: 'unlock_badge', delivery_webhook: 'http://127.0.0.1:9/' })
  })
  after(() => volley.stop())

  const put = (name: string, body: unknown, key?: string) =>
    volley.call('PUT', `/api/rules/recommendations/${name}`, body, { key })
  const activate = (version: number | null, key?: string) =>
    volley.call('POST', '/api/rules/recommendations/loyalty/activate', { version }, { key })
  const get = (path: string, key?: string) => volley.call('GET', `/api/rules${path}`, undefined, { key })
  const recommended = async (key?: string) => {
    const asked = { user_id: 'u', domain: 'loyalty', context: { days_since_last_redemption: 14 } }
    return (await volley.call('POST', '/api/decisions/recommend', asked, { key })).body.recommendation
      .parameters
  }
  let n = 0
  async function badgeOf(): Promise<string> {
    const user_id = `user-${++n}`
    await volley.call('POST', '/api/external/events', {
      events: [{ type: 'custom.reward.redeemed', user_id, data: { reward_type: 'discount' } }],
    })
    return eventually(async () => {
      const { body } = await volley.call('GET', `/api/external/actions?user_id=${user_id}`)
      expect(body.actions).to.have.length(1)
      return body.actions[0].parameters.badge as string
    })
  }

  it('follows nothing from before it is activated, and then decides for its tenant alone', async () => {
    const made = await put('loyalty', { document: loyalty(rule()), cases: HOLDS })
    expect(made.status).to.equal(201)
    expect(made.body.version).to.include({ version: 1, state: 'checked' })
    expect(made.body.check).to.deep.equal({ mistakes: [], failed_cases: [], warnings: [] })
    expect(await badgeOf()).to.equal('smart_shopper')
    expect((await activate(1)).body).to.deep.equal({ active: 1 })
    expect(await recommended()).to.deep.equal({ badge: 'own' })
    await eventually(async () => expect(await badgeOf()).to.equal('own'))
    expect(await recommended(volley.keys.other)).to.include({ reason: 're-engagement bonus' })
    const { in_force, own } = (await get('')).body
    expect(in_force).to.deep.equal([{ domain: 'loyalty', source: 'own/loyalty.json@1', rules: ['greet'] }])
    expect(own).to.deep.equal([{ kind: 'recommendations', name: 'loyalty', latest: 1, active: 1 }])
    expect((await get('', volley.keys.other)).body.own).to.deep.equal([])
  })

  it('rolls back to an earlier version, and to the file', async () => {
    const parameters = { badge: 'second' }
    await put('loyalty', { document: loyalty(rule({ parameters })), cases: HOLDS })
    await activate(2)
    expect(await recommended()).to.deep.equal(parameters)
    await activate(1)
    expect(await recommended()).to.deep.equal({ badge: 'own' })
    const { versions } = (await get('/recommendations/loyalty')).body
    expect(versions.map(({ version, state }: any) => [version, state])).to.deep.equal([
      [2, 'retired'],
      [1, 'active'],
    ])
    await activate(null)
    expect(await recommended()).to.include({ reason: 're-engagement bonus' })
    await activate(1)
  })

  it('shows what differs between two versions, rules by their names', async () => {
    await put('loyalty', { document: loyalty(rule({ name: 'new-one' }), rule({ confidence: 0.5 })) })
    const { body } = await get('/recommendations/loyalty/diff')
    expect(body).to.include({ from: 1, to: 3 })
    expect(body.differences).to.deep.equal([
      { path: '/rules/greet/confidence', from: 0.9, to: 0.5 },
      { path: '/rules/new-one', from: null, to: rule({ name: 'new-one' }) },
    ])
    expect((await get('/recommendations/loyalty/diff?from=3&to=3')).body.differences).to.deep.equal([])
  })

  for (const [what, body, path, message] of [
    [
      'an operator that does not exist',
      { document: loyalty(rule({ when: { eq: [1, 1] } })) },
      '/document/rules/0/when/eq',
      /is not an operator/,
    ],
    [
      'a misspelt property',
      { document: loyalty(rule({ actoin: 1 })) },
      '/document/rules/0/actoin',
      /did you mean "action"\?/,
    ],
    [
      'another domain',
      { document: { ...loyalty(rule()), domain: 'other' } },
      '/document/domain',
      /must be "loyalty"/,
    ],
    [
      'a mistake in a case',
      { document: loyalty(rule()), cases: [{ name: 'x', given: {} }] },
      '/cases/0/expect',
      /is required/,
    ],
  ] as const) {
    it(`stays a draft with ${what}, which says where, and cannot be activated`, async () => {
      const { status, body: answer } = await put('loyalty', body)
      expect(status).to.equal(201)
      expect(answer.version.state).to.equal('draft')
      expect(answer.check.mistakes[0].path).to.equal(path)
      expect(answer.check.mistakes[0].message).to.match(message)
      const refused = await activate(answer.version.version)
      expect([refused.status, refused.body.code]).to.deep.equal([409, 'document_not_checked'])
      expect(await recommended()).to.deep.equal({ badge: 'own' })
    })
  }

  it('stays a draft where a case does not hold', async () => {
    const cases = [{ name: 'nothing', given: {}, expect: null }]
    const { body } = await put('loyalty', { document: loyalty(rule()), cases })
    expect(body.version.state).to.equal('draft')
    expect(body.check.failed_cases).to.deep.equal([
      { name: 'nothing', mistakes: ['expected nothing, greet wins'] },
    ])
  })

  it('bounds what cases may take, however many there are', async () => {
    const list = Array.from({ length: 90 }, (_, i) => i)
    const dear = rule({ when: { map: [list, { map: [list, 1] }] } })
    const cases = Array.from({ length: 1_000 }, (_, i) => ({
      name: `case ${i}`,
      given: {},
      expect: { rule: 'greet' },
    }))
    const startedAt = performance.now()
    const { body } = await put('loyalty', { document: loyalty(dear), cases })
    expect(performance.now() - startedAt).to.be.below(5_000)
    expect(body.check.failed_cases.at(-1).mistakes).to.deep.equal([
      'was not run: the cases before it take too long',
    ])
  })

  it('is refused to test keys, of other kinds, and where there is none', async () => {
    expect((await put('loyalty', { document: {} }, volley.keys.test)).body.code).to.equal('live_key_needed')
    expect((await activate(1, volley.keys.test)).body.code).to.equal('live_key_needed')
    expect((await activate(99)).body.code).to.equal('not_found')
    expect((await activate(1, volley.keys.other)).body.code).to.equal('not_found')
    expect((await get('/recommendations/loyalty', volley.keys.other)).body.code).to.equal('not_found')
    expect((await volley.call('PUT', '/api/rules/magic/x', { document: {} })).body.error).to.match(
      /expected recommendations/,
    )
  })

  it('gets a version of its own from each of many that are kept at the same time', async () => {
    const made = await Promise.all(Array.from({ length: 5 }, () => put('onboarding', { document: {} })))
    expect(made.map(({ body }) => body.version.version).sort()).to.deep.equal([1, 2, 3, 4, 5])
  })
})
