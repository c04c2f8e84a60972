import { expect } from 'chai'
import { createKey, findKey, listKeys, revokeKey } from '../../src/ledger/tenants/keys.ts'
import { Installation } from '../support/installation.ts'

const PATH = '/api/external/action-types'

describe('action types over HTTP', () => {
  let here: Installation
  let names = 0

  before(async () => {
    here = await Installation.start()
  })
  after(() => here.stop())

  const body = (fields: Record<string, unknown> = {}) => ({
    name: `type_${++names}`,
    provider: 'loyalty-platform',
    delivery_webhook: 'https://loyalty.app/api/retivo/actions',
    ...fields,
  })

  it('answers the body of the API page with an id, the defaults, and a secret that is shown once', async () => {
    const { status, body: answer } = await here.call('POST', PATH, {
      name: 'grant_points',
      description: 'Award loyalty points to user',
      provider: 'loyalty-platform',
      parameters_schema: { amount: { type: 'number', required: true }, reason: { type: 'string' } },
      delivery_webhook: 'https://loyalty.app/api/retivo/actions',
      domain: 'loyalty',
    })
    expect(status).to.equal(201)
    const { webhook_secret, ...type } = answer.action_type
    expect(webhook_secret).to.match(/^[0-9a-f]{64}$/)
    expect(type.id).to.match(/^at_[0-9A-Z]{26}$/)
    expect(type).to.deep.include({
      name: 'grant_points',
      domain: 'loyalty',
      retry_policy: { delays: ['30s', '2m', '10m', '30m', '2h'], jitter: 0 },
      timeout: '10s',
      expires_after: '72h',
      max_in_flight: null,
      awaits_outcome: true,
      active: true,
      estimated_cost_usd: null,
    })
    expect(new Date(type.created_at).toISOString()).to.equal(type.created_at)
    const { body: again } = await here.call('GET', `${PATH}/${type.id}`)
    expect(again.action_type).to.not.have.property('webhook_secret')
    expect({ ...again.action_type, updated_at: null }).to.deep.equal({ ...type, updated_at: null })
  })

  it('keeps a secret unreadable in the ledger', async () => {
    const type = await here.actionType(body())
    const { rows } = await here.ledger.pool.query('select secret from action_type where id = $1', [type.id])
    expect(rows[0].secret.toString('latin1')).to.not.include(type.webhook_secret)
  })

  it('takes every optional field and shows it again, costs as a decimal text', async () => {
    const fields = {
      retry_policy: { delays: ['1s', '0s'], jitter: 0.5 },
      timeout: '100ms',
      expires_after: '90d',
      max_in_flight: 10_000,
      awaits_outcome: false,
      estimated_cost_usd: 0.25,
    }
    const type = await here.actionType(body(fields))
    expect(type).to.deep.include({ ...fields, estimated_cost_usd: '0.25' })
    const tiny = await here.actionType(body({ estimated_cost_usd: 1e-6 }))
    expect(tiny).to.include({ estimated_cost_usd: '0.000001' })
    const none = await here.actionType(body({ retry_policy: { delays: [] } }))
    expect(none).to.deep.include({ retry_policy: { delays: [], jitter: 0 } })
  })

  for (const [what, fields, path, code] of [
    ['a name that is not snake_case', { name: 'Grant-Points' }, '/name', 'invalid_body'],
    ['no provider', { provider: undefined }, '/provider', 'invalid_body'],
    ['a webhook that is no URL', { delivery_webhook: 'loyalty' }, '/delivery_webhook', 'invalid_body'],
    ['a webhook of another scheme', { delivery_webhook: 'ftp://a.b/' }, '/delivery_webhook', 'invalid_body'],
    [
      'a webhook with a password',
      { delivery_webhook: 'https://u:p@a.b/' },
      '/delivery_webhook',
      'invalid_body',
    ],
    [
      'a webhook with a fragment',
      { delivery_webhook: 'https://a.b/#x' },
      '/delivery_webhook',
      'invalid_body',
    ],
    [
      'a webhook with a line break',
      { delivery_webhook: 'https://a.b/\n' },
      '/delivery_webhook',
      'invalid_body',
    ],
    [
      'a webhook of 2,049 characters',
      { delivery_webhook: `https://a.b/${'x'.repeat(2_037)}` },
      '/delivery_webhook',
      'invalid_body',
    ],
    [
      'a metadata address',
      { delivery_webhook: 'http://169.254.169.254/' },
      '/delivery_webhook',
      'address_refused',
    ],
    [
      'a private address written as one number',
      { delivery_webhook: 'http://3232235777/' },
      '/delivery_webhook',
      'address_refused',
    ],
    [
      'a private address mapped into IPv6',
      { delivery_webhook: 'http://[::ffff:10.0.0.1]/' },
      '/delivery_webhook',
      'address_refused',
    ],
    ['a timeout above two minutes', { timeout: '121s' }, '/timeout', 'invalid_body'],
    ['a timeout that is no duration', { timeout: '10 seconds' }, '/timeout', 'invalid_body'],
    [
      'a delay above a week',
      { retry_policy: { delays: ['1s', '8d'] } },
      '/retry_policy/delays/1',
      'invalid_body',
    ],
    ['21 delays', { retry_policy: { delays: Array(21).fill('1s') } }, '/retry_policy/delays', 'invalid_body'],
    [
      'a jitter above one',
      { retry_policy: { delays: [], jitter: 1.1 } },
      '/retry_policy/jitter',
      'invalid_body',
    ],
    ['an expiry of nothing', { expires_after: '0s' }, '/expires_after', 'invalid_body'],
    ['a cost below nothing', { estimated_cost_usd: -1 }, '/estimated_cost_usd', 'invalid_body'],
    ['a concurrency of zero', { max_in_flight: 0 }, '/max_in_flight', 'invalid_body'],
    [
      'a schema with a remote reference',
      { parameters_schema: { type: 'object', properties: { a: { $ref: 'https://evil.example/s' } } } },
      '/parameters_schema/properties/a/$ref',
      'invalid_schema',
    ],
    ['a schema that is a list', { parameters_schema: [] }, '/parameters_schema', 'invalid_body'],
  ] as const) {
    it(`refuses ${what}, at ${path}`, async () => {
      const { status, body: answer } = await here.call('POST', PATH, body(fields as Record<string, unknown>))
      expect(status).to.equal(400)
      expect(answer.code).to.equal(code)
      expect(answer.details[0].path).to.equal(path)
      expect(answer.details[0].message).to.be.a('string').and.not.empty
    })
  }

  it('lets only one of twenty creations of a name at once win', async () => {
    const same = body()
    const answers = await Promise.all(Array.from({ length: 20 }, () => here.call('POST', PATH, same)))
    expect(answers.filter(({ status }) => status === 201)).to.have.length(1)
    const refused = answers.filter(({ status }) => status === 409)
    expect(refused).to.have.length(19)
    expect(refused[0]!.body.code).to.equal('action_type_exists')
  })

  it('frees the name of a deleted type, which stays readable and may be deleted again', async () => {
    const same = body()
    const first = await here.actionType(same)
    for (let i = 0; i < 2; i++) {
      const { status, body: answer } = await here.call('DELETE', `${PATH}/${first.id}`)
      expect([status, answer.action_type.active]).to.deep.equal([200, false])
    }
    const second = await here.actionType(same)
    expect(second.id).to.not.equal(first.id)
    expect((await here.call('GET', `${PATH}/${first.id}`)).body.action_type.active).to.equal(false)
  })

  it('changes only what a PUT names, and takes null for the default', async () => {
    const type = await here.actionType(
      body({ domain: 'd', timeout: '5s', parameters_schema: { a: { type: 'string' } } }),
    )
    const { status, body: answer } = await here.call('PUT', `${PATH}/${type.id}`, {
      timeout: null,
      parameters_schema: { b: { type: 'number' } },
      name: type.name,
    })
    expect(status).to.equal(200)
    expect(answer.action_type).to.deep.include({
      timeout: '10s',
      domain: 'd',
      parameters_schema: { b: { type: 'number' } },
    })
    const { body: again } = await here.call('GET', `${PATH}/${type.id}`)
    expect(again.action_type.parameters_schema).to.deep.equal({ b: { type: 'number' } })
  })

  it('judges actions by the changed schema from the next request on', async () => {
    const type = await here.actionType(body({ parameters_schema: { a: { type: 'string', required: true } } }))
    const act = () =>
      here.call('POST', '/api/external/actions', { action_type: type.name, user_id: 'u', parameters: {} })
    expect((await act()).body.code).to.equal('invalid_parameters')
    await here.call('PUT', `${PATH}/${type.id}`, { parameters_schema: {} })
    expect((await act()).status).to.equal(201)
    await here.call('DELETE', `${PATH}/${type.id}`)
    expect((await act()).body.code).to.equal('action_type_unknown')
  })

  it('refuses a PUT that would rename', async () => {
    const type = await here.actionType(body())
    const { status, body: answer } = await here.call('PUT', `${PATH}/${type.id}`, { name: 'other_name' })
    expect([status, answer.details[0].path]).to.deep.equal([400, '/name'])
  })

  it('shows a new secret at each rotation', async () => {
    const type = await here.actionType(body())
    const { status, body: answer } = await here.call('POST', `${PATH}/${type.id}/rotate-secret`)
    expect(status).to.equal(200)
    expect(answer.action_type.webhook_secret).to.match(/^[0-9a-f]{64}$/)
    expect(answer.action_type.webhook_secret).to.not.equal(type.webhook_secret)
  })

  it('filters the list, newest first, and refuses a filter that it does not know', async () => {
    const first = await here.actionType(body({ provider: 'listed', domain: 'one' }))
    const second = await here.actionType(body({ provider: 'listed', domain: 'two' }))
    await here.call('DELETE', `${PATH}/${first.id}`)
    const ids = async (query: string) =>
      (await here.call('GET', `${PATH}?provider=listed${query}`)).body.action_types.map(({ id }: any) => id)
    expect(await ids('')).to.deep.equal([second.id, first.id])
    expect(await ids('&active=true')).to.deep.equal([second.id])
    expect(await ids('&active=false')).to.deep.equal([first.id])
    expect(await ids('&domain=one')).to.deep.equal([first.id])
    for (const query of ['providr=listed', 'active=perhaps', 'provider=a&provider=b', 'provider=%00']) {
      const { status, body: answer } = await here.call('GET', `${PATH}?${query}`)
      expect([status, answer.code], query).to.deep.equal([400, 'invalid_query'])
    }
  })

  it('belongs to its tenant: another key finds nothing, a test key finds everything', async () => {
    const type = await here.actionType(body())
    const calls = [
      ['GET', ''],
      ['PUT', ''],
      ['DELETE', ''],
      ['POST', '/rotate-secret'],
    ] as const
    for (const [method, rest] of calls) {
      const path = `${PATH}/${type.id}${rest}`
      const sent = method === 'PUT' ? { provider: 'x' } : undefined
      expect((await here.call(method, path, sent, { key: here.keys.other })).status, method).to.equal(404)
    }
    expect(
      (await here.call('GET', PATH, undefined, { key: here.keys.other })).body.action_types,
    ).to.deep.equal([])
    const { status, body: answer } = await here.call('GET', `${PATH}/${type.id}`, undefined, {
      key: here.keys.test,
    })
    expect([status, answer.action_type.active]).to.deep.equal([200, true])
  })

  it('is not found under ids of any odd form', async () => {
    for (const id of ['at_', 'x', '%00', '%E0%A4%A', 'at_%F0%9F%92%A9', `at_${'0'.repeat(5_000)}`]) {
      expect((await here.call('GET', `${PATH}/${id}`)).status, id).to.equal(404)
      expect((await here.call('DELETE', `${PATH}/${id}`)).status, id).to.equal(404)
    }
  })

  describe('keys', () => {
    it('create their tenant once, however many are made at the same time', async () => {
      const made = await Promise.all(
        Array.from({ length: 4 }, () => createKey(here.ledger, { tenant: 'newcomer', mode: 'live' })),
      )
      const callers = await Promise.all(made.map(({ key }) => findKey(here.ledger, key)))
      expect(new Set(callers.map((caller) => caller!.tenant)).size).to.equal(1)
      expect(new Set(made.map(({ key }) => key)).size).to.equal(4)
    })

    it('are stored as hashes only, and shown by their first characters', async () => {
      const { id, key } = await createKey(here.ledger, { tenant: 'shown', mode: 'test', label: 'ci' })
      expect(key).to.match(/^rt_test_[A-Za-z0-9_-]{43}$/)
      const { rows } = await here.ledger.pool.query(
        'select api_key::text as row from api_key where id = $1',
        [id],
      )
      expect(rows[0].row).to.not.include(key)
      const [listed] = await listKeys(here.ledger, 'shown')
      expect(listed).to.deep.include({
        id,
        mode: 'test',
        label: 'ci',
        prefix: key.slice(0, 12),
        revokedAt: null,
      })
    })

    it('are not found once revoked, and revoking again changes nothing', async () => {
      const { id, key } = await createKey(here.ledger, { tenant: 'revoked', mode: 'live' })
      expect(await revokeKey(here.ledger, id)).to.equal(true)
      const [before] = await listKeys(here.ledger, 'revoked')
      expect(await findKey(here.ledger, key)).to.equal(null)
      expect(await revokeKey(here.ledger, id)).to.equal(true)
      expect((await listKeys(here.ledger, 'revoked'))[0]!.revokedAt).to.deep.equal(before!.revokedAt)
      expect(await revokeKey(here.ledger, 'ak_none')).to.equal(false)
    })
  })
})
