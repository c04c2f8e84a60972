import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Config, childEnvironment } from '../config.ts'
import { loadDocuments } from '../documents/documents.ts'
import { VolleyError } from '../errors.ts'
import { requireDatabase } from '../ledger/database.ts'
import { Ledger } from '../ledger/ledger.ts'
import { createKey, findKey } from '../ledger/tenants/keys.ts'
import { requireRedis } from '../mailbox/check.ts'
import { Child } from './children.ts'
import {
  lockHome,
  openHome,
  rememberKey,
  removeInstance,
  secretKeyOf,
  shownKey,
  writeInstance,
} from './home.ts'
import { freePort, requirePort } from './ports.ts'
import { startPostgres } from './postgres.ts'
import { findRedis, startRedis } from './redis.ts'
import type { PrivateServer } from './server.ts'

export interface PlatformOptions {
  config: Config
  workers: number
  /** Ends a start that is under way: it throws then, with everything stopped. */
  signal?: AbortSignal
  /** Tells a person what happens; a line at a time. */
  say(line: string): void
}

/** A running platform on this machine. */
export interface Platform {
  url: string
  /** A live key of the tenant `demo`. */
  key: string
  databaseUrl: string
  redisUrl: string
  children: readonly Child[]
  stop(): Promise<void>
}

/** How long the web process may take until it answers. */
const READY_MS = 30_000
/** Whoever works on one machine sends to that machine. */
const LOOPBACK = '127.0.0.0/8,::1/128'

/** Starts what is not given (PostgreSQL, Redis), then one web process and the workers; undoes all where a part fails. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const { config, signal } = options
  const started: (() => Promise<void>)[] = []
  const stop = async () => {
    for (const end of started.splice(0).reverse()) await end().catch((error) => options.say(String(error)))
  }
  try {
    const port = config.port === 0 ? await freePort() : config.port
    return await bringUp({ ...options, host: config.host ?? '127.0.0.1', port }, started, stop)
  } catch (error) {
    await stop()
    // Whoever asked to stop wants to hear that, and not what a half-started part said about it.
    signal?.throwIfAborted()
    throw error
  }
}

async function bringUp(
  { config, workers, say, host, port, signal }: PlatformOptions & { host: string; port: number },
  started: (() => Promise<void>)[],
  stop: () => Promise<void>,
): Promise<Platform> {
  // What a person can get wrong comes first, before anything was started.
  loadDocuments(config.rulesDir)
  openHome(config.home)
  const unlock = await lockHome(config.home)
  started.push(async () => unlock())
  await requirePort(host, port)
  if (config.redisUrl !== null) await requireRedis(config.redisUrl, config.redisTls)
  const url = `http://${reachable(host)}:${port}`
  const redisProgram = config.redisUrl === null ? programOfRedis(config, say) : null
  const databaseUrl =
    config.databaseUrl ??
    (await kept(startPostgres({ home: config.home, isThrowaway: false, say }), started, say))
  const redisUrl =
    redisProgram === null
      ? config.redisUrl!
      : await kept(startRedis({ program: redisProgram, home: config.home, isThrowaway: false }), started, say)
  signal?.throwIfAborted()
  const key = await prepareLedger(config, databaseUrl)
  const secretKey = config.secretKey?.toString('hex') ?? secretKeyOf(config.home)
  const env = childEnvironment({
    VOLLEY_HOME: config.home,
    VOLLEY_SECRET_KEY: secretKey,
    VOLLEY_EGRESS_ALLOW: config.egressAllow.length > 0 ? config.egressAllow.join(',') : LOOPBACK,
    VOLLEY_LEASH: '1',
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    HOST: host,
    PORT: String(port),
  })
  const children = ['web', ...Array.from({ length: workers }, (_, i) => `worker-${i + 1}`)].map(
    (name) =>
      new Child({ name, args: [name.split('-')[0]!], env, logDir: join(config.home, 'logs'), onDeath: say }),
  )
  started.push(async () => void (await Promise.all(children.map((child) => child.stop()))))
  await answering(url, config.home, signal)
  writeInstance(config.home, { url, databaseUrl, redisUrl })
  started.push(async () => removeInstance(config.home))
  return { url, key, databaseUrl, redisUrl, children, stop }
}

/** A server of this platform: stopped with it, and started again at the same URL should it die before. */
async function kept(
  starting: Promise<PrivateServer>,
  started: (() => Promise<void>)[],
  say: (line: string) => void,
): Promise<string> {
  const server = await starting
  const stopping = new AbortController()
  let reviving = Promise.resolve()
  started.push(async () => {
    stopping.abort()
    // A server that is being started again right now could not be stopped yet.
    await reviving
    await server.stop()
  })
  server.whenLost(() => {
    reviving = revive(server, stopping.signal, say)
  })
  return server.url
}

const REVIVE_PAUSE_MS = 1_000

async function revive(
  server: PrivateServer,
  stopping: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  while (!stopping.aborted) {
    say(`The ${server.name} server ended; it is started again`)
    try {
      return await server.restart()
    } catch (error) {
      say(error instanceof Error ? error.message : String(error))
      await sleep(REVIVE_PAUSE_MS, undefined, { signal: stopping }).catch(() => undefined)
    }
  }
}

function programOfRedis(config: Config, say: (line: string) => void): string {
  return findRedis({ path: config.path, isRoot: process.getuid?.() === 0, env: childEnvironment({}), say })
}

/** How a listening address is written in a URL that reaches it from this machine. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

/** Brings the schema up to date and finds or makes the key that is shown. */
async function prepareLedger(config: Config, databaseUrl: string): Promise<string> {
  await requireDatabase(databaseUrl)
  const ledger = await Ledger.open({ databaseUrl, poolMax: 2 })
  try {
    await ledger.migrate(config.partitions)
    const known = shownKey(config.home)
    // The database may be another one than last time, and the key may have been revoked.
    if (known !== null && (await findKey(ledger, known)) !== null) return known
    const { key } = await createKey(ledger, { tenant: 'demo', mode: 'live', label: 'shown at start' })
    rememberKey(config.home, key)
    return key
  } finally {
    await ledger.close()
  }
}

async function answering(url: string, home: string, signal: AbortSignal | undefined): Promise<void> {
  const end = performance.now() + READY_MS
  for (;;) {
    const isUp = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(1_000) }).then(
      (answer) => answer.ok,
      () => false,
    )
    signal?.throwIfAborted()
    if (isUp) return
    if (performance.now() > end) {
      throw new VolleyError(
        'start_failed',
        `The web process did not answer within ${READY_MS / 1000} s; see ${join(home, 'logs', 'web.log')}`,
      )
    }
    await sleep(25)
  }
}
