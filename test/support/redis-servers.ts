import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { generate } from 'selfsigned'
import { freePort, withFreePort } from '../../src/local/ports.ts'
import { PrivateServer } from '../../src/local/server.ts'
import { eventually } from './eventually.ts'
import { redisProgram, stoppedAtEnd, temporaryHome } from './servers.ts'

/** An authority of this run, with files as Redis and Volley take them. */
export interface Certificates {
  files: { ca: string; cert: string; key: string }
  pem: { ca: string; cert: string; key: string }
}

/** An authority, and a certificate by it for 127.0.0.1 and localhost that serves both sides. */
export async function certificates(): Promise<Certificates> {
  const home = temporaryHome()
  const common = { keyType: 'ec', algorithm: 'sha256' } as const
  const authority = await generate([{ name: 'commonName', value: 'authority of a test' }], {
    ...common,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  })
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    ...common,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  })
  const pem = { ca: authority.cert, cert, key }
  const file = (name: keyof typeof pem) => {
    const path = join(home, `${name}.pem`)
    writeFileSync(path, pem[name])
    return path
  }
  return { pem, files: { ca: file('ca'), cert: file('cert'), key: file('key') } }
}

/** A Redis with settings of its own; with certificates it speaks nothing but TLS, and wants one from its clients. */
export function redisWith(
  settings: (port: number) => string[] | Promise<string[]>,
  tls?: Certificates,
): Promise<PrivateServer> {
  const home = temporaryHome()
  return withFreePort(async (port) => {
    const args = [
      ...['--bind', '127.0.0.1', '--dir', home, '--save', '', '--repl-diskless-sync-delay', '0'],
      ...(tls === undefined ? ['--port', `${port}`] : tlsSettings(port, tls)),
      ...(await settings(port)),
    ]
    const server = await PrivateServer.start({
      name: 'Redis',
      url: `${tls === undefined ? 'redis' : 'rediss'}://127.0.0.1:${port}`,
      logFile: join(home, 'redis.log'),
      spawn: (fd) => spawn(redisProgram(), args, { cwd: home, detached: true, stdio: ['ignore', fd, fd] }),
      ping: () => asked(port, tls, async (redis) => void (await redis.ping())),
      ending: { signal: 'SIGTERM', graceMs: 2_000, last: 'SIGKILL' },
      remove: [home],
    })
    return stoppedAtEnd(server)
  })
}

function tlsSettings(port: number, { files }: Certificates): string[] {
  return [
    ...['--port', '0', '--tls-port', `${port}`, '--tls-ca-cert-file', files.ca],
    ...['--tls-cert-file', files.cert, '--tls-key-file', files.key],
    ...['--tls-cluster', 'yes', '--tls-replication', 'yes'],
  ]
}

/** Asks the one server on this port. */
export async function asked<T>(
  port: number,
  tls: Certificates | undefined,
  ask: (redis: Redis) => Promise<T>,
): Promise<T> {
  const redis = new Redis({
    port,
    host: '127.0.0.1',
    lazyConnect: true,
    retryStrategy: null,
    commandTimeout: 2_000,
    ...(tls === undefined ? {} : { tls: tls.pem }),
  })
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    return await ask(redis)
  } finally {
    redis.disconnect()
  }
}

const SLOTS = 16_384

/** A Redis Cluster of three primaries, each with so many replicas. */
export class RedisCluster {
  readonly #nodes: PrivateServer[]
  readonly #tls: Certificates | undefined

  private constructor(nodes: PrivateServer[], tls: Certificates | undefined) {
    this.#nodes = nodes
    this.#tls = tls
  }

  static async start(options: { replicas?: number; tls?: Certificates } = {}): Promise<RedisCluster> {
    const count = 3 * (1 + (options.replicas ?? 0))
    const settings = async () => [
      ...[
        '--cluster-enabled',
        'yes',
        '--cluster-node-timeout',
        '1000',
        '--cluster-replica-validity-factor',
        '0',
      ],
      // The usual bus port, 10,000 above, may be past the last one.
      ...['--cluster-port', `${await freePort()}`],
    ]
    const nodes = await Promise.all(Array.from({ length: count }, () => redisWith(settings, options.tls)))
    const cluster = new RedisCluster(nodes, options.tls)
    await cluster.#join()
    return cluster
  }

  /** As REDIS_URL names it. */
  get url(): string {
    return this.#nodes.map(({ url }) => url).join(',')
  }

  get nodes(): readonly PrivateServer[] {
    return this.#nodes
  }

  /** Asks one node, by its server. */
  ask<T>(node: PrivateServer, ask: (redis: Redis) => Promise<T>): Promise<T> {
    return asked(portOf(node), this.#tls, ask)
  }

  /** The servers of a key's slot as this node sees them, its primary first. */
  async serversOf(key: string, by = this.#nodes[0]!): Promise<{ slot: number; servers: PrivateServer[] }> {
    return this.ask(by, async (redis) => {
      const slot = await redis.cluster('KEYSLOT', key)
      const ranges = await redis.cluster('SLOTS')
      const range = ranges.find(([from, to]) => from <= slot && slot <= to)
      const ports = (range?.slice(2) ?? []).map((node) => (node as unknown[])[1])
      return { slot, servers: ports.map((port) => this.#nodes.find((node) => portOf(node) === port)!) }
    })
  }

  idOf(node: PrivateServer): Promise<string> {
    return this.ask(node, async (redis) => String(await redis.cluster('MYID')))
  }

  async #join(): Promise<void> {
    const primaries = this.#nodes.slice(0, 3)
    const share = Math.ceil(SLOTS / 3)
    const buses = await Promise.all(
      this.#nodes.map((node) =>
        this.ask(node, async (redis) => ((await redis.config('GET', 'cluster-port')) as string[])[1]!),
      ),
    )
    for (const [i, node] of this.#nodes.entries()) {
      await this.ask(node, async (redis) => {
        await redis.cluster('SET-CONFIG-EPOCH', i + 1)
        if (i < 3)
          await redis.call('CLUSTER', 'ADDSLOTSRANGE', i * share, Math.min((i + 1) * share, SLOTS) - 1)
        if (i > 0) await redis.call('CLUSTER', 'MEET', '127.0.0.1', portOf(this.#nodes[0]!), buses[0]!)
      })
    }
    for (const [i, node] of this.#nodes.entries()) {
      if (i < 3) continue
      const primary = await this.idOf(primaries[i % 3]!)
      await eventually(() => this.ask(node, (redis) => redis.cluster('REPLICATE', primary)))
    }
    await this.whole()
  }

  /** Resolves once every node knows every other and sees all slots served. */
  async whole(timeoutMs = 15_000): Promise<void> {
    await eventually(async () => {
      for (const node of this.#nodes) {
        const info = String(await this.ask(node, (redis) => redis.cluster('INFO')))
        if (!info.includes('cluster_state:ok') || !info.includes(`cluster_known_nodes:${this.#nodes.length}`))
          throw new Error(info)
        const state = await this.ask(node, (redis) => redis.info('replication'))
        if (state.includes('role:slave') && !state.includes('master_link_status:up')) throw new Error(state)
      }
    }, timeoutMs)
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.stop()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

export function portOf(server: PrivateServer): number {
  return Number(new URL(server.url).port)
}
