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
    expect((await activate(1)).body).to.include({ active: 1, share: 1 })
    expect(await recommended()).to.deep.equal({ badge: 'own' })
    await eventually(async () => expect(await badgeOf()).to.equal('own'))
    expect(await recommended(volley.keys.other)).to.include({ reason: 're-engagement bonus' })
    const { in_force, own } = (await get('')).body
    expect(in_force).to.deep.include({
      kind: 'recommendations',
      name: 'loyalty',
      source: 'own/recommendations/loyalty.json@1',
      rules: ['greet'],
    })
    expect(own).to.deep.equal([
      { kind: 'recommendations', name: 'loyalty', latest: 1, active: 1, partial: null },
    ])
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

  it('is warned of actions that its tenant has no type for, and of stages that its scoring never gives', async () => {
    const document = loyalty(
      rule({ action: 'unlock_bagde', on: [{ change: 'lifecycle_stage', to: 'dormnat' }] }),
    )
    const { body } = await put('loyalty', { document })
    expect(body.version.state).to.equal('checked')
    const messages = body.check.warnings.map(({ path, message }: any) => `${path}: ${message}`)
    expect(messages).to.include(
      '/document/rules/0/action: there is no action type "unlock_bagde", so nothing is sent; did you mean "unlock_badge"?',
    )
    expect(messages.join('\n')).to.match(
      /\/document\/rules\/0\/on\/0\/to: scoring gives no lifecycle_stage "dormnat".* did you mean "dormant"\?/,
    )
  })

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
      /expected one of recommendations, mappings, scoring/,
    )
    expect((await volley.call('PUT', '/api/rules/maping/x', { document: {} })).body.error).to.equal(
      'Tenants keep no documents of the kind maping; expected one of recommendations, mappings, scoring; did you mean "mappings"?',
    )
    expect((await get('/mappings/Not%20A%20Name')).body.error).to.match(/expected a small letter/)
  })

  it('gets a version of its own from each of many that are kept at the same time', async () => {
    const made = await Promise.all(Array.from({ length: 5 }, () => put('onboarding', { document: {} })))
    expect(made.map(({ body }) => body.version.version).sort()).to.deep.equal([1, 2, 3, 4, 5])
  })
})

describe("a tenant's own mappings and scoring", () => {
  let volley: Installation
  before(async () => {
    volley = await Installation.start()
  })
  after(() => volley.stop())

  const put = (path: string, document: unknown, cases?: unknown) =>
    volley.call('PUT', `/api/rules/${path}`, { document, ...(cases === undefined ? {} : { cases }) })
  const activate = (path: string, version: number | null) =>
    volley.call('POST', `/api/rules/${path}/activate`, { version })
  const sourcesOf = async (kind: string, key?: string): Promise<Record<string, string>> => {
    const { body } = await volley.call('GET', '/api/rules', undefined, { key })
    const found = body.in_force.filter((each: any) => each.kind === kind)
    return Object.fromEntries(found.map(({ name, source }: any) => [name, source]))
  }
  const mapping = (name: string, action: string, body: unknown = { id: { var: 'action.id' } }) => ({
    name,
    action,
    body,
  })
  const scoring = (name: string) => ({
    name,
    lifecycle_stage: [{ is: 'ours', when: true }],
    activation_score: 1,
    engagement_score: 2,
    risk_level: [{ is: 'low', when: true }],
  })

  it('stand in the place of the file of the same name, for their tenant alone', async () => {
    expect(await sourcesOf('scoring')).to.deep.equal({ default: 'rules/scoring/default.json' })
    const cases = [{ name: 'everybody', given: {}, expect: { lifecycle_stage: 'ours' } }]
    const { body } = await put('scoring/default', scoring('default'), cases)
    expect(body.version.state).to.equal('checked')
    await activate('scoring/default', 1)
    expect(await sourcesOf('scoring')).to.deep.equal({ default: 'own/scoring/default.json@1' })
    expect(await sourcesOf('scoring', volley.keys.other)).to.deep.equal({
      default: 'rules/scoring/default.json',
    })
    await activate('scoring/default', null)
    expect(await sourcesOf('scoring')).to.deep.equal({ default: 'rules/scoring/default.json' })
  })

  it('stand in the place of the file for the same action, and of no second one of their own', async () => {
    await put('mappings/our-ledger', mapping('our-ledger', 'credit_points'))
    await activate('mappings/our-ledger', 1)
    expect(await sourcesOf('mappings')).to.deep.equal({ 'our-ledger': 'own/mappings/our-ledger.json@1' })
    await put('mappings/another', mapping('another', 'credit_points'))
    const refused = await activate('mappings/another', 1)
    expect([refused.status, refused.body]).to.deep.equal([
      409,
      {
        code: 'document_conflict',
        error: 'mappings/our-ledger is in force for credit_points already.',
      },
    ])
  })

  for (const [what, path, document, cases, at, message] of [
    [
      'a score that cannot be',
      'scoring/default',
      { ...scoring('default'), risk_level: 1 },
      undefined,
      '/document/risk_level',
      /must be array, is number/,
    ],
    [
      'an operator that does not exist',
      'mappings/m',
      mapping('m', 'a', { x: { round: [1, 2, 3] } }),
      undefined,
      '/document/body/x/round',
      /argument/,
    ],
    [
      'another name',
      'mappings/m',
      mapping('n', 'a'),
      undefined,
      '/document/name',
      /must be "m", as in the address/,
    ],
    [
      'a case without an action',
      'mappings/m',
      mapping('m', 'a'),
      [{ name: 'x', given: {}, expect: 1 }],
      '/cases/0/given/action',
      /is required/,
    ],
  ] as const) {
    it(`stay drafts with ${what}, which says where`, async () => {
      const { body } = await put(path, document, cases)
      expect(body.version.state).to.equal('draft')
      expect(body.check.mistakes[0].path).to.equal(at)
      expect(body.check.mistakes[0].message).to.match(message)
    })
  }

  it('stay drafts where a case does not hold, and are warned of what nobody uses', async () => {
    const cases = [{ name: 'its id', given: { action: { id: 'ea_1' } }, expect: { id: 'ea_2' } }]
    const { body } = await put('mappings/m', mapping('m', 'a'), cases)
    expect(body.check.failed_cases).to.deep.equal([
      { name: 'its id', mistakes: ['body: expected {"id":"ea_2"}, is {"id":"ea_1"}'] },
    ])
    const unused = await put('scoring/other', scoring('other'))
    expect(unused.body.check.warnings).to.deep.include({
      path: '/document/name',
      message: 'scores nobody: users are scored by the document called default',
    })
  })
})
