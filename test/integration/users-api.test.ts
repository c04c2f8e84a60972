import { expect } from 'chai'
import { newId } from '../../src/ids.ts'
import { acceptEvents } from '../../src/ledger/events/accept-events.ts'
import { eventsOf } from '../../src/ledger/events/canonical-events.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'

describe('users over the API', () => {
  let volley: Installation

  before(async () => {
    volley = await Installation.start({ workers: 1 })
    await volley.actionType({ name: 'unlock_badge', delivery_webhook: 'http://127.0.0.1:9/x' })
  })
  after(() => volley.stop())

  const put = (id: string, body: unknown, key?: string) =>
    volley.call('PUT', `/api/users/${encodeURIComponent(id)}`, body, key === undefined ? {} : { key })
  const get = (id: string, key?: string) =>
    volley.call('GET', `/api/users/${encodeURIComponent(id)}`, undefined, key === undefined ? {} : { key })
  const track = (events: Record<string, unknown>[], key?: string) =>
    volley.call('POST', '/api/external/events', { events }, key === undefined ? {} : { key })

  it('are changed by what is said of them, and answered as they are then', async () => {
    const first = await put('u/1 ä', {
      traits: { plan: 'free', visits: 1, tags: ['a'] },
      timezone: 'Europe/Berlin',
      locale: 'de_de',
      consent: { channels: { email: false } },
      suppression: { actions: { grant_points: '2030-01-01T00:00:00Z' }, channels: { sms: true } },
    })
    expect(first.status).to.equal(200)
    expect(first.body.applied).to.equal(true)
    expect(first.body.user).to.deep.include({
      id: 'u/1 ä',
      traits: { plan: 'free', visits: 1, tags: ['a'] },
      timezone: 'Europe/Berlin',
      locale: 'de-DE',
      consent: { channels: { email: false }, actions: {} },
      suppression: { channels: { sms: true }, actions: { grant_points: '2030-01-01T00:00:00.000Z' } },
    })
    const second = await put('u/1 ä', {
      traits: { plan: 'pro' },
      set_once: { plan: 'none', since: 2026 },
      add: { visits: 2 },
      append: { tags: 'b' },
      union: { tags: ['a', 'c'] },
      remove: { tags: 'b' },
      suppression: { channels: { sms: false } },
      timezone: null,
    })
    expect(second.body.user).to.deep.include({
      traits: { plan: 'pro', since: 2026, visits: 3, tags: ['a', 'c'] },
      timezone: null,
      suppression: { channels: {}, actions: { grant_points: '2030-01-01T00:00:00.000Z' } },
    })
    expect((await get('u/1 ä')).body.user.traits.plan).to.equal('pro')
  })

  const mistakes: [string, unknown, string][] = [
    ['a time zone that nobody knows', { timezone: 'Middle/Earth' }, '/timezone'],
    ['a locale that is none', { locale: '!' }, '/locale'],
    [
      'a day that does not exist',
      { suppression: { actions: { x: '2026-02-30T00:00:00Z' } } },
      '/suppression/actions/x',
    ],
    [
      'a consent that is no yes or no',
      { consent: { channels: { email: 'yes' } } },
      '/consent/channels/email',
    ],
    ['a number that is none', { add: { visits: '1' } }, '/add/visits'],
    ['what is misspelt', { trait: {} }, ''],
  ]
  for (const [title, body, path] of mistakes) {
    it(`refuse ${title}, and say where`, async () => {
      const answer = await put('u2', body)
      expect(answer.status).to.equal(400)
      expect(answer.body.code).to.equal('invalid_body')
      expect(answer.body.details[0].path).to.equal(path)
    })
  }

  it('have no id that no event could have', async () => {
    for (const method of ['GET', 'PUT', 'DELETE'])
      expect(
        (await volley.call(method, `/api/users/${'x'.repeat(257)}`, method === 'PUT' ? {} : undefined))
          .status,
      ).to.equal(404)
  })

  it('show what they did, what was decided, and what was done', async () => {
    await track([
      { type: 'custom.seen', user_id: 'u3', data: { page: 1 } },
      { type: 'custom.reward.redeemed', user_id: 'u3', data: { reward_type: 'discount' } },
    ])
    const { body } = await eventually(async () => {
      const answer = await get('u3')
      expect(answer.body.actions).to.have.length(1)
      expect(answer.body.decisions).to.have.length(1)
      return answer
    })
    expect(body.user.events).to.equal(2)
    expect(body.user.activity['custom.seen']).to.include({ count: 1 })
    expect(body.recent_events.map(({ type }: { type: string }) => type)).to.deep.equal([
      'custom.reward.redeemed',
      'custom.seen',
    ])
    expect(body.decisions[0]).to.include({ domain: 'loyalty', action_id: body.actions[0].id })
    expect((await get('nobody')).status).to.equal(404)
    expect((await get('u3', volley.keys.other)).status).to.equal(404)
  })

  it('are listed by id, page by page, and by what is known of them', async () => {
    for (const n of [1, 2, 3, 4, 5]) await put(`list-${n}`, { traits: { odd: n % 2 === 1 } })
    const ids = (answer: { body: { users: { id: string }[] } }) => answer.body.users.map(({ id }) => id)
    const first = await volley.call('GET', '/api/users?prefix=list-&limit=2')
    expect(ids(first)).to.deep.equal(['list-1', 'list-2'])
    const second = await volley.call(
      'GET',
      `/api/users?prefix=list-&limit=2&cursor=${first.body.next_cursor}`,
    )
    expect(ids(second)).to.deep.equal(['list-3', 'list-4'])
    const last = await volley.call('GET', `/api/users?prefix=list-&limit=2&cursor=${second.body.next_cursor}`)
    expect(ids(last)).to.deep.equal(['list-5'])
    expect(last.body.next_cursor).to.equal(null)
    expect(ids(await volley.call('GET', '/api/users?prefix=list-&trait=odd:true'))).to.have.length(3)
    expect(ids(await volley.call('GET', '/api/users?prefix=list-&anonymous=true'))).to.have.length(0)
    expect(
      ids(await volley.call('GET', '/api/users?prefix=list-', undefined, { key: volley.keys.test })),
    ).to.have.length(0)
    expect((await volley.call('GET', '/api/users?cursor=nonsense')).status).to.equal(400)
  })

  it('of test keys are others, of whom is known what test keys sent', async () => {
    await put('u5', { traits: { plan: 'live' } })
    await put('u5', { traits: { plan: 'test' } }, volley.keys.test)
    const answer = await track(
      [{ type: 'custom.reward.redeemed', user_id: 'u5', data: { reward_type: 'discount' } }],
      volley.keys.test,
    )
    expect(answer.body.would_decide).to.have.length(1)
    expect(answer.body.would_decide[0]).to.deep.include({
      user_id: 'u5',
      action: 'unlock_badge',
      parameters: { badge: 'smart_shopper' },
      would_send: true,
    })
    const { body } = await eventually(async () => {
      const answer = await get('u5', volley.keys.test)
      expect(answer.body.actions).to.have.length(1)
      expect(answer.body.decisions).to.have.length(1)
      return answer
    })
    expect(body.actions[0]).to.include({ test: true, status: 'pending' })
    expect(body.user.traits).to.deep.equal({ plan: 'test' })
    expect(body.decisions[0].decided).to.deep.include({
      test: true,
      sent: false,
      would_send: true,
      reason: null,
    })
    expect((await get('u5')).body).to.deep.include({ actions: [], recent_events: [] })
    expect((await get('u5')).body.user).to.deep.include({ traits: { plan: 'live' }, events: 0 })
  })

  it('are erased everywhere, after what was not sent is cancelled, and nothing says whose it was', async () => {
    const secret = 'Erika Mustermann'
    await volley.actionType({
      name: 'mail',
      provider: 'post',
      parameters_schema: {},
      delivery_webhook: 'http://127.0.0.1:9/x',
    })
    await put('erika', { traits: { name: secret } })
    await track([{ type: 'custom.seen', user_id: 'erika', data: { name: secret } }])
    await track([
      { type: 'custom.reward.redeemed', user_id: 'erika', data: { reward_type: 'discount', name: secret } },
    ])
    const asked = await volley.call('POST', '/api/external/actions', {
      action_type: 'mail',
      user_id: 'erika',
      parameters: { to: secret },
      reasoning: secret,
      scheduled_at: new Date(Date.now() + 3_600_000).toISOString(),
    })
    expect(asked.status).to.equal(201)
    await eventually(async () => expect((await get('erika')).body.actions).to.have.length(2))
    const erased = await volley.call('DELETE', '/api/users/erika')
    expect(erased.status).to.equal(202)
    // What an endpoint is told of the cancelling is inserted after it was asked to be erased.
    await volley.ledger.pool.query(
      `insert into action (id, tenant, type, user_id, parameters, origin, lane, p, status)
       select $1, id, 'we_told', 'erika', $2, 'notice', 1, 1, 'completed' from tenant where slug = 'acme'`,
      [newId('ea'), { name: secret }],
    )
    const done = await eventually(async () => {
      const { body } = await volley.call('GET', `/api/erasures/${erased.body.erasure.id}`)
      expect(body.erasure.status).to.equal('done')
      return body.erasure
    }, 30_000)
    expect(done.counts).to.include({ actions: 3, decisions: 1, events: 4 })
    const action = await volley.call('GET', `/api/external/actions/${asked.body.action.id}`)
    expect(action.body.action).to.deep.include({
      status: 'failed',
      failure_reason: 'cancelled',
      parameters: {},
    })
    expect(
      (await volley.call('POST', `/api/external/actions/${asked.body.action.id}/retry`)).body.code,
    ).to.equal('invalid_transition')
    expect((await get('erika')).status).to.equal(404)
    expect(await remains(volley, secret, 'erika')).to.deep.equal([])
  })

  it('are erased with what is decided on their events after the deletion came in', async () => {
    await volley.actionType({
      name: 'grant_points',
      parameters_schema: { amount: { type: 'number' }, reason: { type: 'string' } },
      delivery_webhook: 'http://127.0.0.1:9/x',
    })
    const order = { total: 150, order: 'Frieda Muster', currency: 'EUR' }
    // In one body, so that the turn that decides on the order is later than the deletion in any case.
    const sent = await volley.call('POST', '/api/connectors/segment', [
      { type: 'track', userId: 'frieda', event: 'custom.purchase.completed', properties: order },
      { type: 'delete', userId: 'frieda' },
    ])
    expect(sent.body).to.deep.include({ accepted: 1 })
    await eventually(async () => {
      const { rows } = await volley.ledger.pool.query(
        'select counts from erasure where done_at is not null order by id desc limit 1',
      )
      expect(rows[0]?.counts).to.include({ actions: 1, decisions: 1, events: 2 })
    }, 30_000)
    expect(await remains(volley, 'Frieda Muster', 'frieda')).to.deep.equal([])
  })

  it('stay erased where what came of an action is told later: that it ended is kept, and no more', async () => {
    const actions = await new Receiver().start()
    await volley.actionType({ name: 'letter', parameters_schema: {}, delivery_webhook: actions.url })
    const asked = await volley.call('POST', '/api/external/actions', {
      action_type: 'letter',
      user_id: 'gerda',
      parameters: {},
    })
    const path = `/api/external/actions/${asked.body.action.id}`
    const read = async () => (await volley.call('GET', path)).body.action
    await eventually(async () => expect((await read()).status).to.equal('dispatched'))
    await volley.call('DELETE', '/api/users/gerda')
    await eventually(async () => expect((await read()).user_id).to.match(/^erased:er_/), 30_000)
    const report = { status: 'completed', result: { name: 'Gerda Muster' } }
    expect((await volley.call('POST', `${path}/outcome`, report)).status).to.equal(200)
    await eventually(async () => expect((await read()).status).to.equal('completed'))
    expect(await remains(volley, 'Gerda Muster', 'gerda')).to.deep.equal([])
    // Told again as the same it is the same, though its result was not kept.
    expect((await volley.call('POST', `${path}/outcome`, report)).status).to.equal(200)
    const other = await volley.call('POST', `${path}/outcome`, { ...report, status: 'rejected' })
    expect(other.body.code).to.equal('outcome_exists')
    await actions.stop()
  })

  it('are erased with what a visitor was who becomes known as them only with the deletion', async () => {
    const segment = (body: unknown) => volley.call('POST', '/api/connectors/segment', body)
    await segment({ type: 'identify', anonymousId: 'visitor-h', traits: { name: 'Hanna Muster' } })
    await eventually(async () => expect((await get('visitor-h')).status).to.equal(200))
    // The join passes the visitor on in a turn, and so behind the deletion.
    await segment([
      { type: 'identify', userId: 'hanna', anonymousId: 'visitor-h' },
      { type: 'delete', userId: 'hanna' },
    ])
    await eventually(
      async () => expect(await remains(volley, 'Hanna Muster', 'hanna', 'visitor-h')).to.deep.equal([]),
      30_000,
    )
  })

  it('are sent nothing by a test key, which moves no action of a live one', async () => {
    await volley.actionType({ name: 'card', parameters_schema: {}, delivery_webhook: 'http://127.0.0.1:9/x' })
    const asked = await volley.call('POST', '/api/external/actions', {
      ...{ action_type: 'card', user_id: 'ida', parameters: {} },
      scheduled_at: new Date(Date.now() + 3_600_000).toISOString(),
    })
    const path = `/api/external/actions/${asked.body.action.id}`
    for (const request of ['cancel', 'retry']) {
      const refused = await volley.call('POST', `${path}/${request}`, undefined, { key: volley.keys.test })
      expect(refused.body.code, request).to.equal('live_key_needed')
    }
    const said = { status: 'completed' }
    const told = await volley.call('POST', `${path}/outcome`, said, { key: volley.keys.test })
    expect([told.status, told.body.code]).to.deep.equal([403, 'live_key_needed'])
    expect((await volley.call('GET', path)).body.action.status).to.equal('pending')
  })

  it('are erased with all ids that were joined to them, and may come back as somebody new', async () => {
    const { pool } = volley.ledger
    const { rows } = await pool.query(`select id from tenant where slug = 'acme'`)
    await track([{ type: 'custom.seen', user_id: 'old-name', data: {} }])
    await joined(volley, rows[0].id, 'old-name', 'max')
    await eventually(async () =>
      expect((await get('old-name')).body.user).to.include({ id: 'max', events: 1 }),
    )
    const erased = await volley.call('DELETE', '/api/users/old-name')
    await eventually(async () => {
      const { body } = await volley.call('GET', `/api/erasures/${erased.body.erasure.id}`)
      expect(body.erasure.status).to.equal('done')
    }, 30_000)
    expect(await remains(volley, 'old-name', 'max')).to.deep.equal([])
    await track([{ type: 'custom.seen', user_id: 'old-name', data: {} }])
    await eventually(async () =>
      expect((await get('old-name')).body.user).to.include({ id: 'old-name', events: 1 }),
    )
  })
})

/** Joins one id to another, as a connector does. */
async function joined({ ledger, config }: Installation, tenant: string, previousId: string, userId: string) {
  const join = { kind: 'join' as const, source: 'segment' as const, at: null, previousId, userId }
  const rows = eventsOf([join], { tenant, partitions: config.partitions, newId: () => newId('ev') })
  await acceptEvents(ledger.pool, { tenant, source: 'segment', test: false, decides: true }, rows)
}

/** Tables with a row in which one of these texts still stands. */
async function remains({ ledger }: Installation, ...texts: string[]): Promise<string[]> {
  const { rows: tables } = await ledger.pool.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition`,
  )
  const found: string[] = []
  for (const { name } of tables) {
    const { rows } = await ledger.pool.query(
      `select 1 from ${name} t where exists (select from unnest($1::text[]) x where t::text like '%' || x || '%')`,
      [texts],
    )
    if (rows.length > 0) found.push(name)
  }
  return found
}
