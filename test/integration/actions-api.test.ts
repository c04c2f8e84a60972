import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'

describe('actions over HTTP, without a worker', () => {
  let volley: Installation
  before(async () => {
    volley = await Installation.start()
    await volley.actionType({
      name: 'points',
      parameters_schema: { amount: { type: 'number', required: true } },
      delivery_webhook: 'http://127.0.0.1:9/',
    })
    await volley.actionType({ name: 'badge', provider: 'badges', delivery_webhook: 'http://127.0.0.1:9/' })
  })
  after(() => volley.stop())

  const points = (user = 'u', amount: unknown = 5) => ({
    action_type: 'points',
    user_id: user,
    parameters: { amount },
  })
  const post = (body: unknown, key?: string, as?: string) =>
    volley.call('POST', '/api/external/actions', body, {
      ...(as === undefined ? {} : { key: as }),
      headers: key === undefined ? {} : { 'idempotency-key': key },
    })
  const count = async () =>
    (await volley.ledger.pool.query('select count(*)::int as n from action')).rows[0].n as number

  it('accepts once under one key, however often and however written', async () => {
    const before = await count()
    const first = await post(points(), 'key-1')
    const again = await post(
      '{"user_id": "u", "parameters": {"amount": 5.0}, "action_type": "points"}',
      'key-1',
    )
    expect([first.status, again.status]).to.deep.equal([201, 201])
    expect(again.body).to.deep.equal(first.body)
    expect([
      first.headers.get('idempotent-replayed'),
      again.headers.get('idempotent-replayed'),
    ]).to.deep.equal([null, 'true'])
    const other = await post(points('u', 6), 'key-1')
    expect([other.status, other.body.code]).to.deep.equal([409, 'idempotency_conflict'])
    expect(await count()).to.equal(before + 1)
  })

  it('accepts one of twenty requests that carry the same key at once, and answers all alike', async () => {
    const before = await count()
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(points(), 'key-2')))
    expect(new Set(answers.map(({ body }) => body.action.id)).size).to.equal(1)
    expect(await count()).to.equal(before + 1)
  })

  it('answers a repeat as before, although its time has passed and its type is gone by now', async () => {
    const gone = await volley.actionType({ name: 'gone', delivery_webhook: 'http://127.0.0.1:9/' })
    const expiresAt = Date.now() + 400
    const body = { action_type: 'gone', user_id: 'u', expires_at: new Date(expiresAt).toISOString() }
    const first = await post(body, 'key-late')
    expect(first.status).to.equal(201)
    await volley.call('DELETE', `/api/external/action-types/${gone.id}`)
    await eventually(() => expect(Date.now()).to.be.above(expiresAt))
    const again = await post(body, 'key-late')
    expect([again.status, again.body]).to.deep.equal([201, first.body])
    expect((await post({ ...body, user_id: 'v' }, 'key-late')).body.code).to.equal('idempotency_conflict')
  })

  it('keeps no key of a request that was refused', async () => {
    expect((await post(points('u', 'five'), 'key-bad')).status).to.equal(400)
    expect((await post(points(), 'key-bad')).status).to.equal(201)
  })

  it('accepts one batch of twenty that carry the same key at once, and answers all alike', async () => {
    const before = await count()
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        volley.call(
          'POST',
          '/api/external/actions/batch',
          { actions: [points('a'), points('b')] },
          { headers: { 'idempotency-key': 'key-batch' } },
        ),
      ),
    )
    expect(new Set(answers.map(({ body }) => JSON.stringify(body)))).to.have.length(1)
    expect(await count()).to.equal(before + 2)
  })

  it('knows a type by its id, and by a name that begins like one', async () => {
    const { id } = await volley.actionType({ name: 'at_risk_offer', delivery_webhook: 'http://127.0.0.1:9/' })
    for (const action_type of [id, 'at_risk_offer']) {
      const { status, body } = await post({ action_type, user_id: 'u' })
      expect([status, body.action.action_type, body.action.action_type_id]).to.deep.equal([
        201,
        'at_risk_offer',
        id,
      ])
    }
  })

  it('answers with what a read shows', async () => {
    const { body } = await post({
      ...points(),
      reasoning: 'why',
      confidence: '0.82',
      scheduled_at: new Date(Date.now() + 60_000).toISOString(),
    })
    const read = await volley.call('GET', `/api/external/actions/${body.action.id}`)
    expect(read.body).to.deep.equal({ action: body.action, attempts: [], history: [] })
    expect(body.action).to.include({ confidence: 0.82, attempts: 0, status: 'pending' })
    expect(body.action.next_attempt_at).to.equal(body.action.scheduled_at)
  })

  it('keeps the keys of tenants and modes apart', async () => {
    const live = await post(points(), 'key-3')
    const test = await post(points(), 'key-3', volley.keys.test)
    expect(test.body.action.id).to.not.equal(live.body.action.id)
    expect(test.body.action.test).to.equal(true)
  })

  for (const key of ['a b', 'x'.repeat(256)]) {
    it(`refuses the key ${JSON.stringify(key.slice(0, 10))}`, async () => {
      const { status, body } = await post(points(), key)
      expect([status, body.code, body.details[0].path]).to.deep.equal([
        400,
        'invalid_header',
        '/idempotency-key',
      ])
    })
  }

  it('says where each mistake is, and keeps nothing of it', async () => {
    const before = await count()
    const cases: [unknown, string, string][] = [
      [{ ...points(), user_id: '' }, 'invalid_body', '/user_id'],
      [{ ...points(), user_id: 7 }, 'invalid_body', '/user_id'],
      [{ action_type: 'points' }, 'invalid_body', '/user_id'],
      [points('u', 'five'), 'invalid_parameters', '/parameters/amount'],
      [{ action_type: 'points', user_id: 'u' }, 'invalid_parameters', '/parameters/amount'],
      [{ ...points(), action_type: 'pints' }, 'action_type_unknown', '/action_type'],
      [{ ...points(), confidence: 1.5 }, 'invalid_body', '/confidence'],
      [{ ...points(), scheduled_at: 'tomorrow' }, 'invalid_body', '/scheduled_at'],
      [{ ...points(), scheduled_at: '2027-02-30T00:00:00Z' }, 'invalid_schedule', '/scheduled_at'],
      [{ ...points(), expires_at: '2020-01-01T00:00:00Z' }, 'invalid_schedule', '/expires_at'],
    ]
    for (const [body, code, path] of cases) {
      const answer = await post(body)
      expect(
        [answer.status, answer.body.code, answer.body.details[0].path],
        JSON.stringify(body),
      ).to.deep.equal([400, code, path])
    }
    expect(await count()).to.equal(before)
  })

  it('takes the good ones of a batch, and says what is wrong with the others', async () => {
    const before = await count()
    const { status, body } = await volley.call('POST', '/api/external/actions/batch', {
      actions: [points('a'), 7, points('b', 'x'), { action_type: 'nope', user_id: 'c' }, points('d')],
    })
    expect(status).to.equal(200)
    expect(
      body.results.map((r: { index: number; error?: { code: string } }) => [r.index, r.error?.code ?? 'ok']),
    ).to.deep.equal([
      [0, 'ok'],
      [1, 'invalid_body'],
      [2, 'invalid_parameters'],
      [3, 'action_type_unknown'],
      [4, 'ok'],
    ])
    expect(await count()).to.equal(before + 2)
  })

  it('refuses a batch of none and of more than a thousand', async () => {
    for (const actions of [[], Array(1_001).fill(points())]) {
      const { status, body } = await volley.call('POST', '/api/external/actions/batch', { actions })
      expect([status, body.details[0].path]).to.deep.equal([400, '/actions'])
    }
  })

  it('records one of twenty outcomes that come at once; the same again is fine, another is not', async () => {
    const { body } = await post(points())
    const path = `/api/external/actions/${body.action.id}/outcome`
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        volley.call('POST', path, { status: 'completed', result: { i: i % 10 } }),
      ),
    )
    const recorded = answers.filter(({ status }) => status === 200)
    expect(recorded).to.have.length(2)
    expect(answers.filter(({ body: b }) => b.code === 'outcome_exists')).to.have.length(18)
    const shown = (await volley.call('GET', `/api/external/actions/${body.action.id}`)).body.action
    expect(shown).to.include({ status: 'completed', outcome_status: 'completed', next_attempt_at: null })
    const same = await volley.call('POST', path, { status: 'completed', result: shown.outcome.result })
    expect(same.status).to.equal(200)
  })

  it('says in what an outcome differs from the recorded one, and takes one of at most 64 KiB', async () => {
    const { body } = await post(points())
    const report = (status: string, result: unknown) =>
      volley.call('POST', `/api/external/actions/${body.action.id}/outcome`, { status, result })
    const tooLong = await report('partial', { note: 'ä'.repeat(33_000) })
    expect([tooLong.status, tooLong.body.details[0].path]).to.deep.equal([400, '/result'])
    expect((await report('partial', { a: 1, b: -0 })).status).to.equal(200)
    expect((await report('partial', { b: -0, a: 1 })).status).to.equal(200)
    const other = await report('completed', { a: 2 })
    expect([other.status, other.body.code]).to.deep.equal([409, 'outcome_exists'])
    expect(other.body.details).to.deep.equal([
      { path: '/status', message: 'was recorded as partial' },
      { path: '/result', message: 'differs from the recorded result' },
    ])
  })

  it('shows an acknowledged outcome at once, in lists too, although no worker has applied it', async () => {
    const { body } = await post({ action_type: 'badge', user_id: 'overlay' })
    await volley.call('POST', `/api/external/actions/${body.action.id}/outcome`, { status: 'rejected' })
    const list = async (status: string) =>
      (await volley.call('GET', `/api/external/actions?user_id=overlay&status=${status}`)).body.actions.map(
        ({ id }: { id: string }) => id,
      )
    expect(await list('pending')).to.deep.equal([])
    expect(await list('failed,completed')).to.deep.equal([body.action.id])
    // Its row has not changed since, but what it shows has.
    const { updated_at } = (await volley.call('GET', `/api/external/actions/${body.action.id}`)).body.action
    expect(await list(`failed&since=${updated_at}`)).to.deep.equal([body.action.id])
  })

  it('answers a cancel that nobody has applied with the action and what was asked', async () => {
    const { body } = await post(points())
    const { status, body: answer } = await volley.call(
      'POST',
      `/api/external/actions/${body.action.id}/cancel`,
    )
    expect(status).to.equal(200)
    expect(answer.action).to.include({ status: 'pending', requested: 'cancel' })
    const retry = await volley.call('POST', `/api/external/actions/${body.action.id}/retry`)
    expect([retry.status, retry.body.code]).to.deep.equal([409, 'invalid_transition'])
    expect(retry.body.error).to.equal('The action is pending; retry needs one that is failed or expired.')
  })

  it("does not show or change another tenant's actions", async () => {
    const { body } = await post(points())
    const path = `/api/external/actions/${body.action.id}`
    for (const [method, at, sent] of [
      ['GET', path, undefined],
      ['POST', `${path}/outcome`, { status: 'completed' }],
      ['POST', `${path}/cancel`, undefined],
      ['POST', `${path}/retry`, undefined],
    ] as const) {
      const answer = await volley.call(method, at, sent, { key: volley.keys.other })
      expect([answer.status, answer.body.code], at).to.deep.equal([404, 'not_found'])
    }
    expect(
      (await volley.call('GET', '/api/external/actions', undefined, { key: volley.keys.other })).body.actions,
    ).to.deep.equal([])
  })

  it('pages through everything once, newest first, and by last change where since is given', async () => {
    await volley.call('POST', '/api/external/actions/batch', {
      actions: Array.from({ length: 25 }, (_, i) => ({ action_type: 'badge', user_id: `page-${i}` })),
    })
    const pages = async (query: string) => {
      const ids: string[] = []
      let cursor: string | null = null
      do {
        const { body } = await volley.call(
          'GET',
          `/api/external/actions?provider=badges&limit=7${query}${cursor === null ? '' : `&cursor=${cursor}`}`,
        )
        ids.push(...body.actions.map(({ id }: { id: string }) => id))
        cursor = body.next_cursor
      } while (cursor !== null)
      return ids
    }
    const newest = await pages('')
    expect(newest).to.deep.equal([...newest].sort().reverse())
    expect(new Set(newest).size).to.equal(newest.length)
    expect(newest.length).to.be.at.least(25)
    const changed = await pages('&since=2026-01-01T00:00:00Z')
    expect([...changed].sort()).to.deep.equal([...newest].sort())
    expect(await pages('&since=2126-01-01T00:00:00Z')).to.deep.equal([])
  })

  it('refuses filters and cursors that it did not give out, and says what it expected', async () => {
    const cursor = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const id = 'ea_01KAJX0M6Q8V2Y3R5T7W9ZBCDE'
    const since = 'since=2026-01-01T00:00:00Z'
    for (const [query, path] of [
      ['status=pending,sent', '/status'],
      ['since=yesterday', '/since'],
      ['since=2026-02-30T00:00:00Z', '/since'],
      ['limit=101', '/limit'],
      ['limit=0', '/limit'],
      ['state=pending', '/state'],
      ['cursor=%00', '/cursor'],
      ['cursor=nonsense', '/cursor'],
      [`cursor=${cursor([null, "' or 1=1"])}`, '/cursor'],
      [`cursor=${cursor(['2026-01-01T00:00:00.000000Z', id])}`, '/cursor'],
      [`${since}&cursor=${cursor([null, id])}`, '/cursor'],
      [`${since}&cursor=${cursor(['1 (one)', id])}`, '/cursor'],
      [`${since}&cursor=${cursor(['2026-02-30T00:00:00.000000Z', id])}`, '/cursor'],
    ]) {
      const { status, body } = await volley.call('GET', `/api/external/actions?${query}`)
      expect([status, body.code, body.details?.[0].path], query).to.deep.equal([400, 'invalid_query', path])
    }
  })

  it('lists what is delivered under the alias, and what has a type by its name', async () => {
    const list = async (query: string) =>
      (await volley.call('GET', `/api/external/actions?limit=100&${query}`)).body.actions
    const { body } = await post(points('filtered'))
    await volley.ledger.pool.query(`update action set status = 'dispatched', next_at = null where id = $1`, [
      body.action.id,
    ])
    for (const query of ['status=dispatched', 'status=delivered', 'action_type=points'])
      expect((await list(`user_id=filtered&${query}`)).length, query).to.equal(1)
    for (const query of ['status=pending', 'action_type=badge', 'provider=badges', 'action_type=nope'])
      expect((await list(`user_id=filtered&${query}`)).length, query).to.equal(0)
  })
})

describe('events over HTTP, without a worker', () => {
  let volley: Installation
  before(async () => {
    volley = await Installation.start()
  })
  after(() => volley.stop())
  const push = (events: unknown, key?: string) =>
    volley.call('POST', '/api/external/events', { events }, key === undefined ? {} : { key })
  const event = (more: Record<string, unknown> = {}) => ({
    type: 'custom.reward.redeemed',
    user_id: 'u',
    ...more,
  })

  it('count once under one id, within a request and across twenty at once', async () => {
    const first = await push([event({ id: 'a' }), event({ id: 'a' }), event({ id: 'b' }), event()])
    expect(first.body).to.deep.equal({ accepted: 3, duplicates: 1, rejected: [] })
    const many = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        push(
          i % 2 === 0 ? [event({ id: 'c' }), event({ id: 'd' })] : [event({ id: 'd' }), event({ id: 'c' })],
        ),
      ),
    )
    const sum = (key: 'accepted' | 'duplicates') => many.reduce((total, { body }) => total + body[key], 0)
    expect([sum('accepted'), sum('duplicates')]).to.deep.equal([2, 38])
  })

  it('of a test key are tagged, and do not use up the ids of live ones', async () => {
    expect((await push([event({ id: 'mode' })], volley.keys.test)).body.accepted).to.equal(1)
    expect((await push([event({ id: 'mode' })])).body.accepted).to.equal(1)
    const { rows } = await volley.ledger.pool.query(
      'select test, count(*)::int as n from event group by test order by test',
    )
    expect(rows.map(({ test }) => test)).to.deep.equal([false, true])
  })

  it('are kept in the order of their request', async () => {
    await push(Array.from({ length: 500 }, (_, i) => event({ user_id: 'ordered', data: { i } })))
    const { rows } = await volley.ledger.pool.query(
      `select (data->>'i')::int as i from event where user_id = 'ordered' order by xid, seq`,
    )
    expect(rows.map(({ i }) => i)).to.deep.equal(Array.from({ length: 500 }, (_, i) => i))
  })

  for (const [name, broken, path] of [
    ['a type without custom.', { type: 'reward.redeemed' }, '/type'],
    ['a type with capitals', { type: 'custom.Reward' }, '/type'],
    ['a type that ends in a dot', { type: 'custom.reward.' }, '/type'],
    ['custom alone', { type: 'custom' }, '/type'],
    ['no user', { user_id: '' }, '/user_id'],
    ['data that is a list', { data: [1] }, '/data'],
    ['a day that no calendar has', { timestamp: '2026-02-30T00:00:00Z' }, '/timestamp'],
    ['a time in the far future', { timestamp: '2126-01-01T00:00:00Z' }, '/timestamp'],
    ['a time without an offset', { timestamp: '2026-01-01T00:00:00' }, '/timestamp'],
  ] as const) {
    it(`with ${name} are rejected by themselves, with the place`, async () => {
      const mixed = await push([event(), event(broken)])
      expect(mixed.status).to.equal(202)
      expect(mixed.body).to.deep.include({ accepted: 1 })
      expect(mixed.body.rejected[0]).to.include({ index: 1, code: 'invalid_body' })
      expect(mixed.body.rejected[0].details[0].path).to.equal(path)
      const alone = await push([event(broken)])
      expect([alone.status, alone.body.code, alone.body.details[0].path]).to.deep.equal([
        400,
        'no_usable_event',
        `/events/0${path}`,
      ])
    })
  }
})
