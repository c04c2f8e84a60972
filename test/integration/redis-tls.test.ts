import { expect } from 'chai'
import { readConfig } from '../../src/config.ts'
import { eventually } from '../support/eventually.ts'
import { heardLog } from '../support/heard-log.ts'
import { Installation } from '../support/installation.ts'
import { Mailboxes } from '../support/mailboxes.ts'
import { Receiver } from '../support/receiver.ts'
import { asked, type Certificates, certificates, portOf, redisWith } from '../support/redis-servers.ts'
import { sentAtOnce } from '../support/sent-at-once.ts'

describe('a Redis that speaks TLS and wants a certificate', function () {
  this.timeout(60_000)
  let certs: Certificates
  let url: string
  before(async () => {
    certs = await certificates()
    const server = await redisWith(() => [], certs)
    await asked(portOf(server), certs, (redis) => redis.config('SET', 'requirepass', 'pass,word@'))
    url = server.url.replace('//', '//:pass,word%40@')
  })

  it('carries the nudges of an installation that has its files and its password', async () => {
    const receiver = await new Receiver().start()
    const volley = await Installation.start({
      workers: 1,
      redisUrl: url,
      env: {
        REDIS_CA_FILE: certs.files.ca,
        REDIS_CERT_FILE: certs.files.cert,
        REDIS_KEY_FILE: certs.files.key,
      },
    })
    try {
      await volley.actionType({ delivery_webhook: receiver.url })
      await sentAtOnce(volley, receiver)
    } finally {
      await volley.stop()
      await receiver.stop()
    }
  })

  it('is refused where its authority is not known, and the log says why, once', async () => {
    const { lines, log } = heardLog()
    const { cert, key } = certs.pem
    await using boxes = new Mailboxes({ url, workers: ['a'], tls: { ca: null, cert, key }, log })
    await eventually(() => expect(lines.length).to.be.at.least(2))
    expect(lines[0]!.error).to.match(/unable to verify the first certificate|self-signed certificate/)
    const said = await boxes.flows(undefined, 1_500).catch(() => lines.length)
    expect(said).to.equal(2)
  })

  it('refuses whoever has no certificate', async () => {
    const { lines, log } = heardLog()
    const { redisTls, redisUrl } = readConfig({ REDIS_URL: url, REDIS_CA_FILE: certs.files.ca })
    await using boxes = new Mailboxes({ url: redisUrl!, workers: ['a'], tls: redisTls, log })
    await eventually(() => expect(lines.length).to.be.at.least(2))
    expect(JSON.stringify(lines)).to.match(/certificate required|closed|ECONNRESET|Socket/)
    expect(JSON.stringify(lines)).to.not.match(/pass,word/)
    expect(boxes.heard.get('a')?.size).to.equal(0)
  })
})
