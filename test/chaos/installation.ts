import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { childEnvironment } from '../../src/config.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { createKey } from '../../src/ledger/tenants/keys.ts'
import { freePort } from '../../src/local/ports.ts'
import type { PrivateServer } from '../../src/local/server.ts'
import { eventually } from '../support/eventually.ts'
import { migrated, privatePostgres, privateRedis } from '../support/servers.ts'
import { type Death, VolleyProcess } from './process.ts'
import { TcpProxy } from './tcp-proxy.ts'

/** A process with the two proxies through which it alone reaches its servers. */
export interface Member {
  process: VolleyProcess
  postgres: TcpProxy
  redis: TcpProxy
}

const COUNTS = { web: 2, worker: 3 } as const

/** Real web and worker processes on servers of their own, each part of which can be made to fail. */
export class Installation {
  readonly postgres: PrivateServer
  readonly redis: PrivateServer
  readonly members: Member[] = []
  readonly urls: string[] = []
  readonly deaths: Death[] = []
  readonly logs = mkdtempSync(join(tmpdir(), 'volley-chaos-'))

  private constructor(postgres: PrivateServer, redis: PrivateServer) {
    this.postgres = postgres
    this.redis = redis
  }

  static async start(): Promise<Installation> {
    const installation = new Installation(await privatePostgres(), await privateRedis())
    await migrated(installation.postgres.url)
    for (const kind of ['web', 'worker'] as const)
      for (let i = 1; i <= COUNTS[kind]; i++) await installation.#add(kind, `${kind}-${i}`)
    await installation.ready()
    return installation
  }

  /** The members of one kind, and those alone that are up where `isUp` is asked for. */
  of(kind: 'web' | 'worker', which: { isUp?: true } = {}): Member[] {
    return this.members.filter(
      ({ process }) => process.kind === kind && (which.isUp === undefined || process.isUp),
    )
  }

  /** Returns once every web process serves. */
  async ready(): Promise<void> {
    for (const url of this.urls) {
      await eventually(async () => {
        const { ok, status } = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2_000) })
        if (!ok) throw new Error(`${url} answers ${status}`)
      }, 60_000)
    }
  }

  /** A live key for each tenant. */
  async keys(tenants: readonly string[]): Promise<string[]> {
    const ledger = await Ledger.open({ databaseUrl: this.postgres.url, poolMax: 2 })
    const keys: string[] = []
    for (const tenant of tenants) keys.push((await createKey(ledger, { tenant, mode: 'live' })).key)
    await ledger.close()
    return keys
  }

  /** Ends all processes; returns the names of those that had to be forced. */
  async stop(): Promise<string[]> {
    const ended = await Promise.all(
      this.members.map(async ({ process }) => ((await process.stop()) ? [] : [process.name])),
    )
    for (const { postgres, redis } of this.members) await Promise.all([postgres.stop(), redis.stop()])
    return ended.flat()
  }

  async #add(kind: 'web' | 'worker', name: string): Promise<void> {
    const postgres = await TcpProxy.start(Number(new URL(this.postgres.url).port))
    const redis = await TcpProxy.start(Number(new URL(this.redis.url).port))
    const port = await freePort()
    if (kind === 'web') this.urls.push(`http://127.0.0.1:${port}`)
    const process = new VolleyProcess({
      name,
      kind,
      logs: this.logs,
      onDeath: (death) => this.deaths.push(death),
      env: childEnvironment({
        DATABASE_URL: through(this.postgres.url, postgres),
        REDIS_URL: through(this.redis.url, redis),
        VOLLEY_SECRET_KEY: 'ab'.repeat(32),
        VOLLEY_EGRESS_ALLOW: '127.0.0.0/8',
        VOLLEY_LEASH: '1',
        HOST: '127.0.0.1',
        PORT: String(port),
        LOG_LEVEL: 'info',
      }),
    })
    this.members.push({ process, postgres, redis })
  }
}

function through(url: string, proxy: TcpProxy): string {
  const changed = new URL(url)
  changed.port = String(proxy.port)
  return changed.href
}
