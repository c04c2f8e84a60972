import { once } from 'node:events'
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import type { PrivateServer } from '../../src/local/server.ts'
import { streamsOf } from '../../src/mailbox/keys.ts'
import { eventually } from '../support/eventually.ts'
import { Mailboxes } from '../support/mailboxes.ts'
import { asked, portOf, redisWith } from '../support/redis-servers.ts'
import { privateRedis } from '../support/servers.ts'

const WORKERS = ['w1', 'w2', 'w3']
/** Within which nudges flow again after Redis is back. */
const BACK_MS = 4_000

/** Passes on to a server that may be replaced; the connections there are stay with the one they found. */
class Address {
  #port = 0
  readonly #sockets = new Set<Socket>()
  readonly #frozen = new Set<Socket>()
  readonly #listener = createServer((client) => {
    const server = createConnection(this.#port, '127.0.0.1')
    for (const [side, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(side)
      side.on('error', () => undefined)
      side.on('data', (bytes) => this.#frozen.has(side) || other.write(bytes))
      side.on('close', () => {
        this.#sockets.delete(side)
        if (!this.#frozen.has(side)) other.destroy()
      })
    }
  })

  async open(port: number): Promise<this> {
    this.#port = port
    this.#listener.listen(0, '127.0.0.1')
    await once(this.#listener, 'listening')
    return this
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`
  }

  leadTo(port: number): void {
    this.#port = port
  }

  /** Nothing passes on the connections there are, and neither side is told. */
  freeze(): void {
    for (const socket of this.#sockets) this.#frozen.add(socket)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#listener.close(resolve))
  }
}

describe('nudges, when something befalls Redis,', function () {
  this.timeout(60_000)
  let redis: PrivateServer
  before(async () => {
    redis = await privateRedis()
  })

  const ask: <T>(question: Parameters<typeof asked<T>>[2]) => Promise<T> = (question) =>
    asked(portOf(redis), undefined, question)

  it('flow on after FLUSHALL, even where what was read last had an id of the future', async () => {
    await using boxes = new Mailboxes({ url: redis.url, workers: WORKERS })
    await boxes.flows()
    const { lo } = streamsOf('w1')
    await ask((client) => client.xadd(lo, `${Date.now() + 3_600_000}-0`, 'n', 'lane 0 4711'))
    await eventually(() => expect(boxes.heard.get('w1')).to.include('4711'))
    await ask((client) => client.flushall())
    // No connection was lost, so none of them is news to the reader.
    expect(await boxes.nudged(WORKERS, 1_000)).to.be.below(1_000)
  })

  it('flow on after a restart with old data, whose entries are read once and gone', async () => {
    const streams = WORKERS.flatMap((worker) => Object.values(streamsOf(worker)))
    await ask(async (client) => {
      for (const stream of streams)
        for (let i = 0; i < 1_200; i++) await client.xadd(stream, '*', 'n', `lane 0 ${i}`)
    })
    await redis.kill('SIGKILL')
    await redis.restart()
    expect(await ask((client) => client.xlen(streams[0]!))).to.be.above(1_000)
    await using boxes = new Mailboxes({ url: redis.url, workers: WORKERS })
    await eventually(() => expect(boxes.heard.get('w3')).to.include('1199'))
    await boxes.flows()
    await eventually(async () => {
      for (const stream of streams) expect(await ask((client) => client.xlen(stream))).to.equal(0)
    })
    await redis.kill('SIGKILL')
    await redis.restart()
    expect(await boxes.flows()).to.be.below(BACK_MS)
  })

  it('are refused at once while it stands still, none of them waits, and they flow when it goes on', async () => {
    await using boxes = new Mailboxes({ url: redis.url, workers: WORKERS })
    await boxes.flows()
    process.kill(redis.pid, 'SIGSTOP')
    let waited = 0
    let unanswered = 0
    try {
      const end = performance.now() + 5_000
      for (let lane = 0; performance.now() < end; ) {
        for (let i = 0; i < 2_000; i++) boxes.mailer.nudge([{ kind: 'lane', p: i % 3, lane: `${lane++}` }])
        await sleep(5)
        waited = Math.max(waited, boxes.mailer.waiting)
        unanswered = Math.max(unanswered, boxes.unanswered)
      }
    } finally {
      process.kill(redis.pid, 'SIGCONT')
    }
    // One entry under way for each worker, with its EXPIRE, in the second until the connection is given up.
    expect(unanswered).to.be.below(20)
    expect(waited).to.be.at.most(4 * 5_000)
    expect(await boxes.flows()).to.be.below(BACK_MS)
    expect(boxes.mailer.waiting).to.equal(0)
  })

  it('flow again after a command that blocked it for longer than a socket is waited for', async () => {
    const slow = await redisWith(() => ['--enable-debug-command', 'yes'])
    await using boxes = new Mailboxes({ url: slow.url, workers: WORKERS })
    await boxes.flows()
    // Asked for longer than whoever asks waits.
    const failed = await asked(portOf(slow), undefined, (client) => client.call('DEBUG', 'SLEEP', '5')).catch(
      String,
    )
    expect(failed).to.match(/timed out/)
    expect(boxes.unanswered).to.be.below(20)
    expect(await boxes.flows()).to.be.within(2_000, 3_000 + BACK_MS)
  })

  it('flow again over other connections while the old ones are half-open', async () => {
    await using address = await new Address().open(portOf(redis))
    await using boxes = new Mailboxes({ url: address.url, workers: WORKERS })
    await boxes.flows()
    address.freeze()
    // Reading is given up after 3 s, sending after 1.5 s.
    expect(await boxes.flows()).to.be.below(BACK_MS + 2_000)
  })

  it('go to the new primary behind its address after a failover, although the old one still answers', async () => {
    const old = await redisWith(() => [])
    const next = await redisWith(() => ['--replicaof', `127.0.0.1 ${portOf(old)}`])
    const on = <T>(server: PrivateServer, question: Parameters<typeof asked<T>>[2]) =>
      asked(portOf(server), undefined, question)
    await eventually(async () => {
      expect(await on(next, (client) => client.info('replication'))).to.include('master_link_status:up')
    })
    await using address = await new Address().open(portOf(old))
    await using boxes = new Mailboxes({ url: address.url, workers: WORKERS })
    await boxes.flows()
    await on(next, (client) => client.replicaof('NO', 'ONE'))
    address.leadTo(portOf(next))
    await on(old, (client) => client.replicaof('127.0.0.1', portOf(next)))
    expect(await boxes.flows()).to.be.below(BACK_MS)
    const clients = await on(next, (client) => client.client('LIST'))
    expect(String(clients).match(/cmd=(xread|xadd|expire)/g)).to.have.length.of.at.least(4)
  })

  it('are dropped while it has no memory left, and flow when it has again', async () => {
    await using boxes = new Mailboxes({ url: redis.url, workers: WORKERS })
    await boxes.flows()
    await ask((client) => client.config('SET', 'maxmemory', '1'))
    const lost = await boxes.nudged(WORKERS, 300).catch(String)
    expect(lost).to.match(/did not hear/)
    expect(boxes.mailer.waiting).to.equal(0)
    await ask((client) => client.config('SET', 'maxmemory', '0'))
    expect(await boxes.flows()).to.be.below(1_000)
  })

  it('to a worker that stands still are cut, and the oldest go first', async () => {
    await using boxes = new Mailboxes({ url: redis.url, workers: ['asleep'] })
    await boxes.flows()
    await boxes.stopReading()
    for (let lane = 0; lane < 12_000; lane++) {
      boxes.mailer.nudge([{ kind: 'lane', p: 0, lane: `${lane}` }])
      // An entry each.
      while (boxes.mailer.waiting > 0 || boxes.unanswered > 0) await nextTurn()
    }
    const left = await ask((client) => client.xlen(streamsOf('asleep').lo))
    expect(left).to.be.within(5_000, 5_500)
  })

  it('leave nothing behind for workers that are gone', async () => {
    const boxes = new Mailboxes({ url: redis.url, workers: ['gone'] })
    await boxes.flows()
    await boxes.stop()
    for (const stream of Object.values(streamsOf('gone'))) {
      const seconds = await ask((client) => client.ttl(stream))
      expect(seconds, stream).to.be.within(1, 60)
    }
  })
})
