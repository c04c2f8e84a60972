import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { requireRedis } from '../../src/mailbox/check.ts'
import { connect, NO_TLS } from '../../src/mailbox/connect.ts'
import { eventually } from '../support/eventually.ts'
import { heardLog } from '../support/heard-log.ts'
import {
  asked,
  type Certificates,
  certificates,
  portOf,
  RedisCluster,
  redisWith,
} from '../support/redis-servers.ts'
import { privateRedis, temporaryHome } from '../support/servers.ts'

/** What a check says of a Redis; null where it is fine. */
async function saidOf(url: string, tls = NO_TLS): Promise<string | null> {
  try {
    await requireRedis(url, tls)
    return null
  } catch (error: any) {
    expect(error.code).to.equal('unavailable')
    expect(error.message).to.not.include('s3cret')
    return error.message
  }
}

describe('the check of a given REDIS_URL', function () {
  this.timeout(60_000)

  it('says who does not answer and why, and never the password', async () => {
    expect(await saidOf('redis://:s3cret@127.0.0.1:1/2')).to.match(
      /^Redis at redis:\/\/…@127\.0\.0\.1:1\/2 cannot be used: connect ECONNREFUSED 127\.0\.0\.1:1$/,
    )
    // One of several addresses, of which each fails.
    expect(await saidOf('redis://:s3cret@localhost:1')).to.match(/ECONNREFUSED/)
    expect(await saidOf('redis://:s3cret@127.0.0.1:1,redis://127.0.0.1:2')).to.match(
      /^Redis at redis:\/\/…@127\.0\.0\.1:1,redis:\/\/127\.0\.0\.1:2 cannot be used: .*ECONNREFUSED|closed/,
    )
    expect(await saidOf('redis://no-such-host.invalid')).to.match(/ENOTFOUND|EAI_AGAIN/)
  })

  it('says what is wrong with the password', async () => {
    const server = await redisWith(() => [])
    expect(await saidOf(server.url)).to.equal(null)
    await asked(portOf(server), undefined, (redis) => redis.config('SET', 'requirepass', 'right'))
    expect(await saidOf(server.url)).to.match(/NOAUTH/)
    expect(await saidOf(server.url.replace('//', '//:s3cret@'))).to.match(/WRONGPASS/)
    expect(await saidOf(server.url.replace('//', '//:right@'))).to.equal(null)
  })

  it('says that a cluster is meant, or that none is there', async () => {
    const cluster = await RedisCluster.start()
    expect(await saidOf(cluster.url)).to.equal(null)
    const [node] = cluster.nodes
    expect(await saidOf(node!.url)).to.match(/it is a node of a cluster; write \?cluster=true after the URL$/)
    expect(await saidOf(`${(await privateRedis()).url}?cluster=true`)).to.match(
      /cluster support disabled.*give one URL, without \?cluster=true/,
    )
    for (const other of cluster.nodes.slice(1)) await other.kill('SIGKILL')
    await eventually(async () => {
      expect(await saidOf(cluster.url)).to.match(/cannot be used/)
    })
    await cluster.stop()
  })

  it('says what TLS lacks', async () => {
    const certs: Certificates = await certificates()
    const server = await redisWith(() => [], certs)
    expect(await saidOf(server.url, certs.pem)).to.equal(null)
    expect(await saidOf(server.url)).to.match(/REDIS_CA_FILE names the authority/)
    expect(await saidOf(server.url, { ...NO_TLS, ca: certs.pem.ca })).to.match(
      /REDIS_CERT_FILE|closed|ECONNRESET/,
    )
    expect(await saidOf(server.url.replace('rediss', 'redis'))).to.match(/begins with rediss:/)
    expect(await saidOf((await privateRedis()).url.replace('redis', 'rediss'))).to.match(
      /asks for TLS, which it may not speak/,
    )
  })

  it('gives up a server that takes connections and answers none', async () => {
    const server = await privateRedis()
    process.kill(server.pid, 'SIGSTOP')
    try {
      for (const url of [server.url, `${server.url}?cluster=true`]) {
        const began = performance.now()
        expect(await saidOf(url)).to.match(/no answer within 5 s|timeout/)
        expect(performance.now() - began).to.be.below(8_000)
      }
    } finally {
      process.kill(server.pid, 'SIGCONT')
    }
  })

  it('says that a server is too old', async () => {
    const server = createServer((socket) => {
      socket.on('data', (bytes) => {
        for (const [, command] of String(bytes).matchAll(/\r\n(hello|client|info)\r\n/gi)) {
          const info = 'redis_version:6.2.14\r\nredis_mode:standalone\r\n'
          if (command?.toLowerCase() === 'info') socket.write(`$${info.length}\r\n${info}\r\n`)
          else socket.write('+OK\r\n')
        }
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    expect(await saidOf(`redis://127.0.0.1:${port}`)).to.match(/it is 6\.2\.14; Volley needs Redis 7\.0/)
    server.close()
  })

  it('ends "volley start" before it has started anything', async () => {
    const home = join(temporaryHome(), 'volley')
    const env = { ...process.env, VOLLEY_HOME: home, PORT: '0', REDIS_URL: 'redis://:s3cret@127.0.0.1:1' }
    const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
    const { code, stderr } = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
      execFile(process.execPath, [main, 'start'], { env }, (error, _stdout, text) =>
        resolve({ code: error?.code, stderr: text }),
      )
    })
    expect(stderr).to.match(
      /^volley: Redis at redis:\/\/…@127\.0\.0\.1:1 cannot be used: connect ECONNREFUSED/,
    )
    expect(code).to.equal(1)
    expect(existsSync(join(home, 'postgres'))).to.equal(false)
  })
})

describe('a process that cannot reach Redis', function () {
  this.timeout(30_000)

  it('says so once, without the password, and once more when it is back', async () => {
    const { lines, log } = heardLog()
    const server = await redisWith(() => [])
    await server.kill('SIGKILL')
    const redis = connect(server.url.replace('//', '//:s3cret@'), 'send', log)
    await eventually(() => expect(lines).to.have.length(1))
    expect(lines[0]).to.include({
      level: 40,
      purpose: 'send',
      error: `connect ECONNREFUSED 127.0.0.1:${portOf(server)}`,
    })
    redis.disconnect()
    const again = connect(server.url, 'send', log)
    await eventually(() => expect(lines).to.have.length(2))
    await server.restart()
    await eventually(() => expect(lines.at(-1)).to.include({ level: 30, msg: 'redis: connection is back' }))
    expect(lines).to.have.length(3)
    again.disconnect()
  })

  it('is warned where a single URL leads to a node of a cluster', async () => {
    const { lines, log } = heardLog()
    const cluster = await RedisCluster.start()
    const redis = connect(cluster.nodes[0]!.url, 'send', log)
    await eventually(() =>
      expect(lines.map(({ msg }) => msg).join()).to.match(/write \?cluster=true after it/),
    )
    redis.disconnect()
    await cluster.stop()
  })
})
