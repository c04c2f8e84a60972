import { expect } from 'chai'
import type { Redis } from 'ioredis'
import type { PrivateServer } from '../../src/local/server.ts'
import { streamsOf } from '../../src/mailbox/keys.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Mailboxes } from '../support/mailboxes.ts'
import { Receiver } from '../support/receiver.ts'
import { certificates, portOf, RedisCluster } from '../support/redis-servers.ts'
import { sentAtOnce } from '../support/sent-at-once.ts'

const WORKERS = ['w1', 'w2', 'w3', 'w4', 'w5', 'w6', 'w7', 'w8', 'w9']

describe('a Redis Cluster of three primaries with a replica each', function () {
  this.timeout(90_000)
  let cluster: RedisCluster
  let boxes: Mailboxes
  before(async () => {
    cluster = await RedisCluster.start({ replicas: 1 })
    boxes = new Mailboxes({ url: cluster.url, workers: WORKERS })
    await boxes.flows()
  })
  after(async () => {
    await boxes.stop()
    await cluster.stop()
  })

  /** The primary of each worker's streams. */
  async function primaries(by?: PrivateServer): Promise<Map<string, PrivateServer>> {
    const all = await Promise.all(
      WORKERS.map(async (worker) => [worker, await primaryOf(worker, by)] as const),
    )
    return new Map(all)
  }

  async function primaryOf(worker: string, by?: PrivateServer): Promise<PrivateServer> {
    const { servers } = await cluster.serversOf(streamsOf(worker).hi, by)
    expect(servers).to.not.have.length(0)
    return servers[0]!
  }

  it('brings nudges to every worker, wherever its two streams are', async () => {
    expect(new Set((await primaries()).values()).size).to.equal(3)
    for (let i = 0; i < 20; i++) await boxes.flows()
  })

  it('is spoken to through any one of its nodes that says so', async () => {
    await using other = new Mailboxes({
      url: `${cluster.nodes[4]!.url}?cluster=true`,
      workers: ['x1', 'x2', 'x3'],
    })
    await other.flows()
  })

  it('carries the nudges of an installation', async () => {
    const receiver = await new Receiver().start()
    const volley = await Installation.start({ workers: 3, redisUrl: cluster.url })
    try {
      await volley.actionType({ delivery_webhook: receiver.url })
      await sentAtOnce(volley, receiver)
    } finally {
      await volley.stop()
      await receiver.stop()
    }
  })

  it('is followed where a slot moves to another primary, while it moves and after', async () => {
    const worker = WORKERS[0]!
    const { hi, lo } = streamsOf(worker)
    const { slot, servers } = await cluster.serversOf(hi)
    const from = servers[0]!
    const to = [...(await primaries()).values()].find((server) => server !== from)!
    const [fromId, toId] = await Promise.all([cluster.idOf(from), cluster.idOf(to)])
    const setSlot = (node: PrivateServer, ...words: (string | number)[]) =>
      cluster.ask(node, (redis) => redis.call('CLUSTER', 'SETSLOT', slot, ...words))
    await setSlot(to, 'IMPORTING', fromId)
    await setSlot(from, 'MIGRATING', toId)
    // Both keys are at the old place, both are at the new one and only asked for (ASK), and moved for good (MOVED).
    await boxes.flows([worker])
    await cluster.ask(from, (redis: Redis) =>
      redis.call('MIGRATE', '127.0.0.1', portOf(to), '', 0, 2_000, 'KEYS', hi, lo),
    )
    await boxes.flows([worker])
    for (const node of [to, from]) await setSlot(node, 'NODE', toId)
    await boxes.flows([worker])
    expect(await primaryOf(worker, to)).to.equal(to)
    for (let i = 0; i < 10; i++) await boxes.flows()
  })

  it('is followed to the replica of a primary that dies, and other workers are nudged meanwhile', async () => {
    const dying = await primaryOf(WORKERS[4]!)
    const survivor = cluster.nodes.find((node) => node !== dying)!
    const others = [...(await primaries())].filter(([, node]) => node !== dying).map(([worker]) => worker)
    // Otherwise the whole cluster refuses commands until the replica has taken over.
    for (const node of cluster.nodes)
      await cluster.ask(node, (redis) => redis.config('SET', 'cluster-require-full-coverage', 'no'))
    await dying.kill('SIGKILL')
    await eventually(async () => {
      boxes.mailer.nudge(WORKERS.map((_, p) => ({ kind: 'lane', p, lane: '0' })))
      expect(await boxes.nudged(others, 1_000)).to.be.below(500)
      expect(await primaryOf(WORKERS[4]!, survivor)).to.not.equal(dying)
    }, 20_000)
    expect(await boxes.flows()).to.be.below(5_000)
    await dying.restart()
    await cluster.whole()
    await boxes.flows()
  })

  it('is followed to the replica of a primary that stands still, and when it goes on', async () => {
    const still = await primaryOf(WORKERS[7]!)
    process.kill(still.pid, 'SIGSTOP')
    try {
      const survivor = cluster.nodes.find((node) => node !== still)!
      await eventually(async () => expect(await primaryOf(WORKERS[7]!, survivor)).to.not.equal(still), 20_000)
      // The dead sockets are given up within 3 s.
      expect(await boxes.flows()).to.be.below(6_000)
    } finally {
      process.kill(still.pid, 'SIGCONT')
    }
    await cluster.whole()
    expect(await boxes.flows()).to.be.below(3_000)
  })
})

describe('a Redis Cluster that loses a slot', function () {
  this.timeout(60_000)

  it('drops the nudges of that slot at once, keeps none of them, and nudges the other workers as fast as ever', async () => {
    await using cluster = await RedisCluster.start()
    await using boxes = new Mailboxes({ url: cluster.url, workers: WORKERS })
    await boxes.flows()
    for (const node of cluster.nodes)
      await cluster.ask(node, (redis) => redis.config('SET', 'cluster-require-full-coverage', 'no'))
    const { servers } = await cluster.serversOf(streamsOf(WORKERS[0]!).hi)
    const lost = servers[0]!
    const others: string[] = []
    for (const worker of WORKERS)
      if ((await cluster.serversOf(streamsOf(worker).hi)).servers[0] !== lost) others.push(worker)
    for (const fault of ['SIGSTOP', 'SIGKILL'] as const) {
      if (fault === 'SIGSTOP') process.kill(lost.pid, fault)
      else await lost.kill(fault)
      const end = performance.now() + 4_000
      const times: number[] = []
      for (let n = 1; performance.now() < end; n++) {
        for (let i = 0; i < 100; i++)
          boxes.mailer.nudge(WORKERS.map((_, p) => ({ kind: 'lane', p, lane: `${n}${i}` })))
        times.push(await boxes.nudged(others, 500).catch(() => 500))
      }
      // One by one behind the lost slot they would take a second each; a machine that stalls may lose a few.
      expect(times.filter((ms) => ms >= 500).length, fault).to.be.below(4)
      expect(times.length, fault).to.be.above(20)
    }
    await eventually(() => expect(boxes.mailer.waiting).to.equal(0), 3_000)
    await lost.restart()
    await boxes.flows()
  })

  it('as a whole is found again when its nodes are back', async () => {
    await using cluster = await RedisCluster.start()
    await using boxes = new Mailboxes({ url: cluster.url, workers: WORKERS })
    await boxes.flows()
    for (const node of cluster.nodes) await node.kill('SIGKILL')
    await eventually(() => {
      boxes.mailer.nudge([{ kind: 'fact', p: 0 }])
      expect(boxes.mailer.waiting).to.equal(1)
    })
    await eventually(() => expect(boxes.mailer.waiting).to.equal(0), 3_000)
    for (const node of cluster.nodes) await node.restart()
    await cluster.whole()
    expect(await boxes.flows()).to.be.below(5_000)
  })
})

describe('a Redis Cluster that speaks TLS', function () {
  this.timeout(60_000)

  it('brings nudges to every worker, each node being checked against its address', async () => {
    const certs = await certificates()
    await using cluster = await RedisCluster.start({ tls: certs })
    await using boxes = new Mailboxes({ url: cluster.url, workers: WORKERS, tls: certs.pem })
    expect(cluster.url).to.match(/^rediss:.*,rediss:/)
    await boxes.flows()
    for (let i = 0; i < 10; i++) await boxes.flows()
  })
})
