import { execFile } from 'node:child_process'
import { createHmac, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { Webhook } from 'standardwebhooks'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'

const run = promisify(execFile)

// The curl examples of the page about webhook endpoints, as they stand there; "string" is the id of an endpoint.
const LIST = `curl -X GET "https://retivo.ai/api/webhooks/endpoints"`
const REGISTER = `curl -X POST "https://retivo.ai/api/webhooks/endpoints" \\ -H "Content-Type: application/json" \\ -d '{ "url": "http://example.com" }'`
const DELETE = `curl -X DELETE "https://retivo.ai/api/webhooks/endpoints/string"`
const UPDATE = `curl -X PUT "https://retivo.ai/api/webhooks/endpoints/string" \\ -H "Content-Type: application/json" \\ -d '{}'`
const TEST = `curl -X POST "https://retivo.ai/api/webhooks/endpoints/string/test"`

/** As the page of external integrations has it. */
function verifySignature(body: string, signature: string, secret: string): boolean {
  const expected = createHmac('sha256', secret).update(body).digest('hex')
  return timingSafeEqual(Buffer.from(signature), Buffer.from(expected))
}

describe('the curl examples of the page about webhook endpoints', () => {
  let volley: Installation
  let receiver: Receiver
  let id: string
  before(async () => {
    receiver = await new Receiver().start()
    volley = await Installation.start({ workers: 1 })
  })
  after(async () => {
    await volley.stop()
    await receiver.stop()
  })

  /** Runs an example with the installation's address, a key, and the id of an endpoint; gives the status and the answer. */
  async function curl(example: string): Promise<{ status: number; body: any }> {
    // The page lost the line ends behind its backslashes.
    const command = example
      .replaceAll('\\ ', '')
      .replace('https://retivo.ai', volley.url)
      .replace('endpoints/string', `endpoints/${id}`)
    const { stdout } = await run('bash', [
      '-c',
      `${command} -sS -w '\\n%{http_code}' -H "Authorization: Bearer ${volley.keys.live}"`,
    ])
    const [body, status] = stdout.split(/\n(?=\d+$)/)
    return { status: Number(status), body: JSON.parse(body!) }
  }

  it('register an endpoint, whose secret is shown once', async () => {
    const { status, body } = await curl(REGISTER)
    expect(status).to.equal(201)
    expect(body.endpoint).to.include({ url: 'http://example.com', description: '', active: true })
    expect(body.endpoint).to.include.keys('id', 'secret', 'subscribed_events', 'created_at')
    id = body.endpoint.id
  })

  it('list endpoints with the keys of the page', async () => {
    const { status, body } = await curl(LIST)
    expect([status, body.endpoints.length]).to.deep.equal([200, 1])
    expect(body.endpoints[0]).to.include.keys(
      ...['id', 'url', 'description', 'subscribed_events', 'active', 'created_at', 'updated_at'],
    )
  })

  it('update one with nothing', async () => {
    const { status, body } = await curl(UPDATE)
    expect([status, body.endpoint.id, body.endpoint.active]).to.deep.equal([200, id, true])
    expect(body.endpoint).to.include.keys('url', 'description', 'subscribed_events', 'updated_at')
  })

  it('test one, which is answered though nobody is there', async () => {
    await volley.call('PUT', `/api/webhooks/endpoints/${id}`, { url: 'http://127.0.0.1:1/' })
    const { status, body } = await curl(TEST)
    expect(status).to.equal(200)
    expect(body.test).to.include({ success: false, status: 0 })
    expect(body.test.error).to.be.a('string')
  })

  it('are signed so that the function of the page and standardwebhooks verify what comes', async () => {
    const url = receiver.url
    const made = await volley.call('POST', '/api/webhooks/endpoints', { url, subscribed_events: [] })
    id = made.body.endpoint.id
    expect((await curl(TEST)).body.test).to.include({ success: true, status: 200, status_text: 'OK' })
    const received = await eventually(() => {
      expect(receiver.received.length).to.equal(1)
      return receiver.received[0]!
    })
    const { secret, standard_webhooks_secret } = made.body.endpoint
    expect(verifySignature(received.text, String(received.headers['x-retivo-signature']), secret)).to.equal(
      true,
    )
    new Webhook(standard_webhooks_secret).verify(received.text, received.headers as Record<string, string>)
  })

  it('delete one, once', async () => {
    const { status, body } = await curl(DELETE)
    expect([status, body]).to.deep.equal([200, { deleted: true }])
    const again = await curl(DELETE)
    expect(again.status).to.equal(404)
    expect(again.body.error).to.be.a('string')
  })
})
