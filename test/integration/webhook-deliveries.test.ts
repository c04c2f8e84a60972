import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'

const PATH = '/api/webhooks/endpoints'

describe('deliveries of a webhook endpoint', () => {
  let volley: Installation
  let receiver: Receiver
  let id: string
  before(async () => {
    receiver = await new Receiver().start()
    volley = await Installation.start({ workers: 1 })
    const { body } = await volley.call('POST', PATH, {
      url: receiver.url,
      subscribed_events: ['custom.*'],
      retry_policy: { delays: ['50ms'] },
      headers: { 'X-Api-Key': 'hush-hush' },
    })
    id = body.endpoint.id
    await new Promise((resolve) => setTimeout(resolve, 1_100))
  })
  after(async () => {
    await volley.stop()
    await receiver.stop()
  })

  const tell = (type: string) =>
    volley.call('POST', '/api/external/events', { events: [{ type, user_id: 'u1', data: { n: 1 } }] })
  const list = async (query: string) => (await volley.call('GET', `${PATH}/${id}/deliveries?${query}`)).body
  const ended = (type: string, status: string) =>
    eventually(async () => {
      const { deliveries } = await list(`event_type=${type}`)
      expect(deliveries.map((each: { status: string }) => each.status)).to.deep.equal([status])
      return deliveries[0]
    })
  const sentOf = (type: string) => receiver.received.filter(({ text }) => JSON.parse(text).type === type)

  it('show what was sent, what came of each attempt, and no secret that came back', async () => {
    receiver.answer = (received, response) =>
      response.writeHead(500).end(`you sent ${received.headers['x-api-key']}`)
    await tell('custom.shown')
    const delivery = await ended('custom.shown', 'failed')
    expect(delivery).to.include({
      attempts: 2,
      failure_reason: 'retries_exhausted',
      event_type: 'custom.shown',
    })
    expect(delivery.latency_ms).to.be.above(0)
    expect(delivery.event_id).to.equal(sentOf('custom.shown')[0]!.headers['webhook-id'])
    expect(delivery.request.body).to.equal(sentOf('custom.shown')[0]!.text)
    expect(delivery.last_attempt).to.include({ http_status: 500, response_excerpt: 'you sent [redacted]' })
    const one = await volley.call('GET', `${PATH}/${id}/deliveries/${delivery.id}`)
    expect(one.body.delivery.tries.map(({ attempt }: { attempt: number }) => attempt)).to.deep.equal([1, 2])
    const other = await volley.call('GET', `${PATH}/${id}/deliveries`, undefined, { key: volley.keys.other })
    expect(other.status).to.equal(404)
  })

  it('are sent again one by one, delivered or not, as the same event', async () => {
    receiver.answer = (_received, response) => response.writeHead(500).end()
    await tell('custom.again')
    const { id: failed } = await ended('custom.again', 'failed')
    receiver.answer = (_received, response) => response.end()
    const resent = await volley.call('POST', `${PATH}/${id}/deliveries/${failed}/resend`)
    expect([resent.status, resent.body]).to.deep.equal([202, { delivery_id: failed }])
    await ended('custom.again', 'completed')
    const repeated = await volley.call('POST', `${PATH}/${id}/deliveries/${failed}/resend`)
    expect(repeated.status).to.equal(202)
    expect(repeated.body.delivery_id).to.not.equal(failed)
    await eventually(() => expect(sentOf('custom.again').length).to.equal(4))
    const sent = sentOf('custom.again')
    expect(new Set(sent.map(({ headers }) => headers['webhook-id'])).size).to.equal(1)
    expect(new Set(sent.map(({ text }) => text)).size).to.equal(1)
  })

  it('that failed since a time are recovered together, once', async () => {
    receiver.answer = (_received, response) => response.writeHead(500).end()
    for (const n of [1, 2, 3]) await tell(`custom.lost.n${n}`)
    for (const n of [1, 2, 3]) await ended(`custom.lost.n${n}`, 'failed')
    receiver.answer = (_received, response) => response.end()
    const since = new Date(Date.now() - 60_000).toISOString()
    const off = await volley.call('PUT', `${PATH}/${id}`, { active: false })
    expect(off.status).to.equal(200)
    expect((await volley.call('POST', `${PATH}/${id}/recover`, { since })).body.code).to.equal(
      'invalid_transition',
    )
    await volley.call('PUT', `${PATH}/${id}`, { active: true })
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    const { status, body } = await volley.call('POST', `${PATH}/${id}/recover`, { since })
    expect([status, body.more]).to.deep.equal([202, false])
    expect(body.recovering).to.be.at.least(3)
    for (const n of [1, 2, 3]) await ended(`custom.lost.n${n}`, 'completed')
    const again = await volley.call('POST', `${PATH}/${id}/recover`, { since })
    expect(again.body.recovering).to.equal(0)
    const { body: bad } = await volley.call('POST', `${PATH}/${id}/recover`, { since: 'yesterday' })
    expect(bad.details[0].path).to.equal('/since')
  })

  it('are shown in pages, newest first', async () => {
    for (const n of [1, 2, 3]) await tell(`custom.paged.n${n}`)
    for (const n of [1, 2, 3]) await ended(`custom.paged.n${n}`, 'completed')
    const first = await list('limit=2')
    const second = await list(`limit=2&cursor=${first.next_cursor}`)
    const ids = [...first.deliveries, ...second.deliveries].map((each: { id: string }) => each.id)
    expect(ids).to.deep.equal([...new Set(ids)].sort().reverse())
    expect(ids.length).to.equal(4)
    expect((await list('cursor=x')).details[0].path).to.equal('/cursor')
  })
})
