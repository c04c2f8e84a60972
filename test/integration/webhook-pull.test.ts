import { expect } from 'chai'
import { endWaitingOfDeleted } from '../../src/ledger/endpoints/endpoints.ts'
import { readWaiting } from '../../src/ledger/endpoints/pull.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'

const PATH = '/api/webhooks/endpoints'

interface Pulled {
  id: string
  event_id: string
  body: { id: string; type: string; data: { data: { n: number } } }
}

describe('what is pulled from a webhook endpoint', function () {
  this.timeout(60_000)
  let volley: Installation
  before(async () => {
    volley = await Installation.start({ workers: 1 })
  })
  after(() => volley.stop())

  const create = async (fields: Record<string, unknown>): Promise<string> => {
    const { status, body } = await volley.call('POST', PATH, fields)
    expect(status, JSON.stringify(body)).to.equal(201)
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    return body.endpoint.id
  }
  const tell = async (type: string, n: number) => {
    const events = [{ type, user_id: 'u1', data: { n } }]
    expect((await volley.call('POST', '/api/external/events', { events })).status).to.equal(202)
  }
  const poll = async (id: string, query = '') => {
    const { status, body } = await volley.call('GET', `${PATH}/${id}/poll?${query}`)
    expect(status, JSON.stringify(body)).to.equal(200)
    return body as { deliveries: Pulled[]; cursor: string | null; has_more: boolean }
  }
  const numbers = (deliveries: readonly Pulled[]) => deliveries.map(({ body }) => body.data.data.n)
  const waitingOf = async (id: string, count: number) =>
    eventually(async () => {
      const page = await poll(id, 'limit=1000')
      expect(page.deliveries.length).to.equal(count)
      return page
    })
  const deliveriesOf = async (id: string) =>
    (await volley.call('GET', `${PATH}/${id}/deliveries`)).body.deliveries

  it('waits for it without a URL, comes in order, and again until the next call acknowledges it', async () => {
    const id = await create({ delivery: 'pull', subscribed_events: ['custom.pulled'] })
    expect(await poll(id)).to.deep.equal({ deliveries: [], cursor: null, has_more: false })
    for (const n of [1, 2, 3]) await tell('custom.pulled', n)
    await waitingOf(id, 3)
    const first = await poll(id, 'limit=2')
    expect([numbers(first.deliveries), first.has_more]).to.deep.equal([[1, 2], true])
    expect(first.deliveries[0]!.event_id).to.equal(first.deliveries[0]!.body.id)
    const same = await poll(id, 'limit=2')
    expect(same.deliveries).to.deep.equal(first.deliveries)
    const second = await poll(id, `cursor=${first.cursor}`)
    expect([numbers(second.deliveries), second.has_more]).to.deep.equal([[3], false])
    const lost = await poll(id, `cursor=${first.cursor}`)
    expect(numbers(lost.deliveries)).to.deep.equal([3])
    const last = await poll(id, `cursor=${lost.cursor}`)
    expect(last).to.deep.equal({ deliveries: [], cursor: lost.cursor, has_more: false })
    await eventually(async () => {
      const shown = await deliveriesOf(id)
      expect(shown.map((each: { status: string }) => each.status)).to.deep.equal(Array(3).fill('completed'))
      expect(shown[0]).to.include({ attempts: 0, pulled: true, latency_ms: null })
    })
  })

  it('is not sent any more once it was acknowledged, though it would have been', async () => {
    const receiver = await new Receiver().start()
    receiver.answer = (_received, response) => response.writeHead(500).end()
    const id = await create({
      url: receiver.url,
      subscribed_events: ['custom.both'],
      retry_policy: { delays: ['12s', '1500ms'] },
    })
    await tell('custom.both', 1)
    await eventually(async () => {
      const [only] = await deliveriesOf(id)
      expect(only).to.include({ status: 'retrying', attempts: 1 })
    })
    const asleep = await poll(id)
    expect(numbers(asleep.deliveries)).to.deep.equal([1])
    const failing = () =>
      volley.ledger.pool.query('select failing_since from endpoint_health where endpoint = $1', [id])
    await eventually(async () => expect((await failing()).rows[0]?.failing_since ?? null).to.not.equal(null))
    expect((await poll(id, `cursor=${asleep.cursor}`)).deliveries).to.deep.equal([])
    await eventually(async () => {
      const [only] = await deliveriesOf(id)
      expect(only).to.include({ status: 'completed', pulled: true, attempts: 1 })
    })
    // It takes what it is told, so it is not disabled for what was pushed in vain.
    expect((await failing()).rows[0].failing_since).to.equal(null)
    const { rows } = await volley.ledger.pool.query('select count(*)::int as n from timer')
    expect(rows[0].n).to.equal(0)
    expect(receiver.received.length).to.equal(1)
    await receiver.stop()
  })

  it('keeps the cursor of an answer for as long as it is used, though nothing comes', async () => {
    const id = await create({ delivery: 'pull', subscribed_events: ['custom.quiet'] })
    await tell('custom.quiet', 1)
    const { cursor } = await waitingOf(id, 1)
    const { pool } = volley.ledger
    await pool.query(`update pull_page set at = now() - interval '6 days' where id = $1`, [cursor])
    const quiet = await poll(id, `cursor=${cursor}`)
    expect(quiet).to.deep.equal({ deliveries: [], cursor, has_more: false })
    const { rows } = await pool.query(
      `select at > now() - interval '1 minute' as "isRenewed" from pull_page where id = $1`,
      [cursor],
    )
    expect(rows).to.deep.equal([{ isRenewed: true }])
  })

  it('is waited for, as long as is asked for', async () => {
    const id = await create({ delivery: 'pull', subscribed_events: ['custom.awaited'] })
    const asked = poll(id, 'wait=20s')
    await tell('custom.awaited', 7)
    expect(numbers((await asked).deliveries)).to.deep.equal([7])
    const { cursor } = await poll(id)
    const startedAt = performance.now()
    expect((await poll(id, `wait=400ms&cursor=${cursor}`)).deliveries).to.deep.equal([])
    expect(performance.now() - startedAt).to.be.within(390, 3_000)
  })

  it('is acknowledged one by one too, and only what the endpoint has', async () => {
    const id = await create({ delivery: 'pull', subscribed_events: ['custom.single'] })
    const other = await create({ delivery: 'pull', subscribed_events: ['custom.single'] })
    for (const n of [1, 2]) await tell('custom.single', n)
    const { deliveries } = await waitingOf(id, 2)
    await waitingOf(other, 2)
    const ack = (at: string, body: unknown) => volley.call('POST', `${PATH}/${at}/ack`, body)
    const ids = [deliveries[1]!.id]
    expect((await ack(other, { ids })).body).to.deep.equal({ acknowledged: 0 })
    expect((await ack(id, { ids })).body).to.deep.equal({ acknowledged: 1 })
    expect((await ack(id, { ids })).body.acknowledged).to.be.oneOf([0])
    expect(numbers((await waitingOf(id, 1)).deliveries)).to.deep.equal([1])
    expect(numbers((await poll(other)).deliveries)).to.deep.equal([1, 2])
    expect((await ack(id, {})).body.code).to.equal('invalid_body')
    expect((await ack(id, { ids: ['x'] })).body.details[0].path).to.equal('/ids/0')
    const unknown = await volley.call('GET', `${PATH}/${id}/poll?cursor=wp_01KAJX0M6Q8V2Y3R5T7W9ZBCDE`)
    expect(unknown.body.details[0].path).to.equal('/cursor')
    const test = await volley.call('GET', `${PATH}/${id}/poll`, undefined, { key: volley.keys.test })
    expect(test.body.code).to.equal('live_key_needed')
    const foreign = await volley.call('GET', `${PATH}/${id}/poll`, undefined, { key: volley.keys.other })
    expect(foreign.status).to.equal(404)
  })

  it('is over with its deadline, and waits again once it was recovered', async () => {
    const id = await create({ delivery: 'pull', subscribed_events: ['custom.missed'], expires_after: '1s' })
    const since = new Date(Date.now() - 60_000).toISOString()
    await tell('custom.missed', 1)
    await eventually(async () => {
      const [only] = await deliveriesOf(id)
      expect(only).to.include({ status: 'expired', pulled: false })
    })
    expect((await poll(id)).deliveries).to.deep.equal([])
    await volley.call('PUT', `${PATH}/${id}`, { expires_after: '1h' })
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    const { body } = await volley.call('POST', `${PATH}/${id}/recover`, { since })
    expect(body.recovering).to.equal(1)
    const { cursor } = await waitingOf(id, 1)
    await poll(id, `cursor=${cursor}`)
    await eventually(async () =>
      expect((await deliveriesOf(id))[0]).to.include({ status: 'completed', pulled: true }),
    )
  })

  it('comes from an endpoint that says so; without a URL it cannot be sent to', async () => {
    const refused = await volley.call('POST', PATH, { subscribed_events: [] })
    expect(refused.body.details[0]).to.include({ path: '/url' })
    const { body } = await volley.call('POST', PATH, { delivery: 'pull', subscribed_events: [] })
    expect(body.endpoint).to.include({ url: '', delivery: 'pull' })
    const path = `${PATH}/${body.endpoint.id}`
    expect((await volley.call('PUT', path, { delivery: 'push' })).body.details[0].path).to.equal('/url')
    expect((await volley.call('POST', `${path}/test`)).body.test).to.include({ success: false, status: 0 })
    const changed = await volley.call('PUT', path, { delivery: 'push', url: 'http://example.com/' })
    expect(changed.body.endpoint).to.include({ url: 'http://example.com/', delivery: 'push' })
  })

  it('ends by upkeep where a worker told a deleted endpoint a moment longer', async () => {
    const id = await create({ delivery: 'pull', subscribed_events: ['custom.late'] })
    await tell('custom.late', 1)
    await waitingOf(id, 1)
    const { pool } = volley.ledger
    await pool.query('update endpoint set deleted_at = now(), active = false where id = $1', [id])
    expect(await endWaitingOfDeleted(pool)).to.equal(1)
    expect(await endWaitingOfDeleted(pool)).to.equal(0)
    await eventually(async () => {
      const { rows } = await pool.query('select status, failure_reason from action where type = $1', [id])
      expect(rows).to.deep.equal([{ status: 'failed', failure_reason: 'cancelled' }])
    })
  })

  it('ends when the endpoint is deleted', async () => {
    const id = await create({ delivery: 'pull', subscribed_events: ['custom.deleted'] })
    await tell('custom.deleted', 1)
    await waitingOf(id, 1)
    await volley.call('DELETE', `${PATH}/${id}`)
    await eventually(async () => {
      const { rows } = await volley.ledger.pool.query(
        'select status, failure_reason from action where type = $1',
        [id],
      )
      expect(rows).to.deep.equal([{ status: 'failed', failure_reason: 'cancelled' }])
    })
  })

  it('has what is replayed too', async () => {
    const id = await create({ delivery: 'pull', subscribed_events: ['custom.pulled'] })
    const since = new Date(Date.now() - 60_000).toISOString()
    await volley.call('POST', `${PATH}/${id}/replay`, { since })
    expect(numbers((await waitingOf(id, 3)).deliveries)).to.deep.equal([1, 2, 3])
  })

  it('is read only until an answer is full, and so is the list of deliveries', async () => {
    const id = await create({ delivery: 'pull', subscribed_events: [] })
    await volley.ledger.pool.query(
      `with n as (select 'ea_01KAJX0M6R' || lpad(n::text, 16, '0') as id, n, (n % 64)::smallint as p from generate_series(1, 5) n),
       a as (insert into action (id, tenant, type, user_id, parameters, origin, lane, p, status, next_at, deadline)
             select id, (select tenant from endpoint where id = $1), $1, 'u',
                    ('{"id":"evt_1","body":{"data":{"data":{"n":' || n || ',"x":"' || repeat('x', 1500000) || '"}}}}')::json,
                    'event:custom.a', -9223372036854775808, p, 'pending', now(), now() + interval '1 day' from n)
       insert into timer (p, lane, at, id, sleeper) select p, -9223372036854775808, now(), id, md5($1)::uuid from n`,
      [id],
    )
    const { rows } = await volley.ledger.pool.query('select tenant from endpoint where id = $1', [id])
    const room = { limit: 1_000, bytes: 4 * 1024 * 1024 }
    const read = await readWaiting(volley.ledger.pool, { id, tenant: rows[0].tenant }, 64, room)
    expect([read.waiting.length, read.more]).to.deep.equal([3, true])
    const page = await poll(id, 'limit=1000')
    expect([numbers(page.deliveries), page.has_more]).to.deep.equal([[1, 2], true])
    const [listed, sizes]: [number[], number[]] = [[], []]
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query = cursor === '' ? '' : `&cursor=${cursor}`
      const { body } = await volley.call('GET', `${PATH}/${id}/deliveries?limit=100${query}`)
      sizes.push(body.deliveries.length)
      for (const { request } of body.deliveries) listed.push(JSON.parse(request.body).data.data.n)
      cursor = body.next_cursor
    }
    expect([listed, sizes]).to.deep.equal([
      [5, 4, 3, 2, 1],
      [2, 2, 1],
    ])
  })

  it('is answered in pages of 4 MB, whatever its mapping makes, and in short ones where that takes long', async () => {
    const fill = (id: string, n: number) =>
      volley.ledger.pool.query(
        `with n as (select 'ea_01KAJX0M6Q' || lpad((random() * 1e15)::bigint::text, 16, '0') as id, (n % 64)::smallint as p from generate_series(1, $2::int) n),
         a as (insert into action (id, tenant, type, user_id, parameters, origin, lane, p, status, next_at, deadline)
               select id, (select tenant from endpoint where id = $1), $1, 'u', '{"id":"evt_1","body":{"data":{}}}', 'event:custom.a',
                      -9223372036854775808, p, 'pending', now(), now() + interval '1 day' from n)
         insert into timer (p, lane, at, id, sleeper) select p, -9223372036854775808, now(), id, md5($1)::uuid from n`,
        [id, n],
      )
    const large = await create({
      delivery: 'pull',
      subscribed_events: [],
      payload_mapping: { text: 'x'.repeat(200_000) },
    })
    await fill(large, 50)
    const page = await poll(large, 'limit=1000')
    expect([page.deliveries.length, page.has_more]).to.deep.equal([20, true])
    const next = await poll(large, `limit=1000&cursor=${page.cursor}`)
    expect(next.deliveries.length).to.equal(20)
    const ones = Array(400).fill(1)
    const slow = await create({
      delivery: 'pull',
      subscribed_events: [],
      payload_mapping: { map: [ones, { reduce: [ones, { '+': [{ var: 'accumulator' }, 1] }, 0] }] },
    })
    await fill(slow, 1_000)
    const some = await poll(slow, 'limit=1000')
    expect(some.deliveries.length).to.be.within(1, 999)
    expect(some.has_more).to.equal(true)
  })

  it('is found at once, however much waits and however much was told before', async () => {
    const id = await create({ delivery: 'pull', subscribed_events: [] })
    // As a turn would have inserted them.
    await volley.ledger.pool.query(
      `with n as (select 'ea_01KAJX0M6Q' || lpad(n::text, 16, '0') as id, (n % 64)::smallint as p, n <= 100000 as is_over from generate_series(1, 200000) n),
       a as (insert into action (id, tenant, type, user_id, parameters, origin, lane, p, status, next_at, deadline)
             select id, (select tenant from endpoint where id = $1), $1, 'u', '{"id":"evt_1","body":{}}', 'event:custom.a',
                    -9223372036854775808, p, case when is_over then 'completed' else 'pending' end,
                    case when not is_over then now() end, case when not is_over then now() + interval '1 day' end from n)
       insert into timer (p, lane, at, id, sleeper) select p, -9223372036854775808, now(), id, md5($1)::uuid from n where not is_over`,
      [id],
    )
    let cursor = ''
    const took: number[] = []
    for (let i = 0; i < 20; i++) {
      const startedAt = performance.now()
      const page = await poll(id, `limit=500${cursor}`)
      took.push(performance.now() - startedAt)
      expect(page.deliveries.length).to.equal(500)
      cursor = `&cursor=${page.cursor}`
    }
    if (process.env.SHOW) console.log(took.map(Math.round).join(' '))
    expect(took.toSorted((a, b) => a - b)[10]).to.be.below(500)
  })
})
