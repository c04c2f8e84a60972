import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { childEnvironment } from '../src/config.ts'
import { newId } from '../src/ids.ts'
import { acceptActions } from '../src/ledger/actions/accept-actions.ts'
import type { NewAction } from '../src/ledger/actions/insert-actions.ts'
import { DEADLINE_LANE, SLEEP_LANE } from '../src/ledger/actions/timers.ts'
import { acceptEvents, type NewEvent } from '../src/ledger/events/accept-events.ts'
import { Ledger } from '../src/ledger/ledger.ts'
import { owners } from '../src/ledger/ownership/workers.ts'
import { laneOf, partitionOfUser, sliceOf, slicesOf } from '../src/ledger/placement.ts'
import { secretBox } from '../src/ledger/secrets.ts'
import { createKey } from '../src/ledger/tenants/keys.ts'
import { NODE_FLAGS } from '../src/local/node-flags.ts'
import { freePort } from '../src/local/ports.ts'
import { createLog } from '../src/log.ts'
import { connect } from '../src/mailbox/connect.ts'
import { Mailer } from '../src/mailbox/send.ts'
import { BATCH, makeJobs } from './job.ts'

export const PARTITIONS = 64
const KEY = 'ab'.repeat(32)
const MAIN = join(import.meta.dirname, '..', 'src', 'main.ts')

/** One tenant's way to one destination: what an action needs to be accepted for it. */
export interface Destination {
  tenant: string
  type: string
  lane: string
  slices: readonly number[]
}

/** An installation as it is deployed, on a database of its own; accepting happens here unless it is over HTTP. */
export class Installation {
  readonly ledger: Ledger
  readonly #urls: { databaseUrl: string; redisUrl: string }
  readonly #redis: ReturnType<typeof connect>
  readonly #mailer: Mailer
  readonly processes: ChildProcess[] = []
  #hasWorkers = false

  private constructor(ledger: Ledger, urls: { databaseUrl: string; redisUrl: string }) {
    this.ledger = ledger
    this.#urls = urls
    const log = createLog({ level: 'silent', name: 'bench' })
    this.#redis = connect(urls.redisUrl, 'send', log)
    this.#mailer = new Mailer({ redis: this.#redis, log, readOwners: () => owners(ledger.pool) })
  }

  static async open(urls: { databaseUrl: string; redisUrl: string }): Promise<Installation> {
    const ledger = await Ledger.open({ databaseUrl: urls.databaseUrl, poolMax: 4 })
    await ledger.migrate(PARTITIONS)
    return new Installation(ledger, urls)
  }

  /** A tenant with one action type for each URL, all with the same secret, in two statements however many they are. */
  async destinations(
    urls: readonly string[],
    secret: string,
    timeout: string | null = null,
  ): Promise<Destination[]> {
    const sealed = secretBox(Buffer.from(KEY, 'hex')).seal(secret)
    const { rows: tenants } = await this.ledger.pool.query<{ id: string }>(
      `insert into tenant (id, slug) select gen_random_uuid(), 'bench-' || gen_random_uuid() from generate_series(1, $1) returning id`,
      [urls.length],
    )
    const made = urls.map((url, i) => {
      const tenant = tenants[i]!.id
      const lane = laneOf(tenant, url)
      return { tenant, url, type: newId('at'), lane, slices: slicesOf(lane, PARTITIONS, false) }
    })
    await this.ledger.pool.query(
      `insert into action_type (id, tenant, name, provider, parameters_schema, delivery_webhook, secret, timeout)
       select id, tenant, 'grant_points', 'bench', '{}', url, $4, $5
       from unnest($1::text[], $2::uuid[], $3::text[]) as x(id, tenant, url)`,
      [made.map((m) => m.type), made.map((m) => m.tenant), made.map((m) => m.url), sealed, timeout],
    )
    return made
  }

  /** One tenant whose endpoints at these URLs are told of everything; gives the tenant. */
  async endpoints(urls: readonly string[], secret: string): Promise<string> {
    const sealed = secretBox(Buffer.from(KEY, 'hex')).seal(secret)
    const { rows } = await this.ledger.pool.query<{ id: string }>(
      `insert into tenant (id, slug) values (gen_random_uuid(), 'bench') returning id`,
    )
    const tenant = rows[0]!.id
    await this.ledger.pool.query(
      `insert into endpoint (id, tenant, url, secret) select id, $1, url, $2 from unnest($3::text[], $4::text[]) as x(id, url)`,
      [tenant, sealed, urls.map(() => newId('we')), urls],
    )
    return tenant
  }

  /** Accepts events and nudges as the web process does. */
  async acceptEvents(tenant: string, events: readonly Omit<NewEvent, 'p'>[]): Promise<void> {
    const origin = { tenant, source: 'api', test: false, decides: true }
    for (let i = 0; i < events.length; i += BATCH) {
      const part = events
        .slice(i, i + BATCH)
        .map((event) => ({ ...event, p: partitionOfUser(tenant, event.userId, PARTITIONS) }))
      await acceptEvents(this.ledger.pool, origin, part)
      this.#mailer.nudge([...new Set(part.map(({ p }) => p))].map((p) => ({ kind: 'event', p })))
    }
  }

  /** `n` actions, dealt to the destinations in turn; `dueAt` in ms, null: at once. */
  rows(n: number, destinations: readonly Destination[], dueAt: number | null = null): NewAction[] {
    return makeJobs(n).map((job, i) => {
      const { tenant, type, lane, slices } = destinations[i % destinations.length]!
      return {
        id: job.id,
        tenant,
        type,
        userId: job.userId,
        parameters: job.parameters,
        reasoning: job.reasoning,
        confidence: job.confidence,
        origin: 'api',
        test: false,
        shadow: false,
        lane,
        p: slices[sliceOf(job.id, slices.length)]!,
        scheduledAt: dueAt,
        expiresAt: null,
        expiresAfterMs: 72 * 3_600_000,
      }
    })
  }

  /** Accepts and nudges as the web process does, so many a statement. */
  async accept(rows: readonly NewAction[], batch = BATCH): Promise<void> {
    for (let i = 0; i < rows.length; i += batch) {
      const part = rows.slice(i, i + batch)
      await acceptActions(this.ledger.pool, part, null, () => null)
      this.#mailer.nudge(part.map(({ p, lane }) => ({ kind: 'lane', p, lane })))
    }
  }

  /** Starts a worker process and waits until all partitions are owned and it has its share. */
  async worker(env: Record<string, string> = {}): Promise<ChildProcess> {
    const before = (await this.#owned()).size
    const worker = this.#spawn('worker', env)
    await until(async () => {
      const owned = await this.#owned()
      return !owned.has(null) && owned.size > (this.#hasWorkers ? before : 0)
    })
    this.#hasWorkers = true
    return worker
  }

  async #owned(): Promise<Set<string | null>> {
    return new Set((await owners(this.ledger.pool)).values())
  }

  /** Starts a web process; gives its address and a live key of a tenant of its own. */
  async web(env: Record<string, string> = {}): Promise<{ url: string; key: string; tenantSlug: string }> {
    const port = await freePort()
    const tenantSlug = 'bench'
    const { key } = await createKey(this.ledger, { tenant: tenantSlug, mode: 'live' })
    const url = `http://127.0.0.1:${port}`
    this.#spawn('web', { PORT: String(port), HOST: '127.0.0.1', ...env })
    await until(() =>
      fetch(`${url}/healthz`).then(
        (answer) => answer.ok,
        () => false,
      ),
    )
    return { url, key, tenantSlug }
  }

  #spawn(kind: 'worker' | 'web', env: Record<string, string>): ChildProcess {
    const flags = process.env.BENCH_NODE_FLAGS?.split(' ') ?? []
    const child = spawn(process.execPath, [...NODE_FLAGS, ...flags, MAIN, kind], {
      env: childEnvironment({
        DATABASE_URL: this.#urls.databaseUrl,
        REDIS_URL: this.#urls.redisUrl,
        VOLLEY_SECRET_KEY: KEY,
        VOLLEY_EGRESS_ALLOW: '127.0.0.0/8',
        VOLLEY_LEASH: '1',
        LOG_LEVEL: 'warn',
        ...env,
      }),
      // Standard input is the leash: a bench that is killed takes its processes along.
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    createInterface(child.stdout!).on('line', (line) => process.stderr.write(`${kind}: ${line}\n`))
    this.processes.push(child)
    return child
  }

  /** Resolves once nothing is due any more; by the timers of the lanes, so that asking costs the worker little. */
  async settled(): Promise<void> {
    await until(async () => {
      const { rows } = await this.ledger.pool.query<{ n: number }>(
        'select count(*)::int as n from (select from timer where lane > $1 and lane <> $2 limit 1) due',
        [DEADLINE_LANE, SLEEP_LANE],
      )
      return rows[0]!.n === 0
    })
  }

  /** Ends every process as a deployment does, and the connections. */
  async stop(): Promise<void> {
    await this.stopProcesses()
    this.#redis.disconnect()
    await this.ledger.close()
  }

  async stopProcesses(): Promise<void> {
    await Promise.all(this.processes.splice(0).map((child) => stopped(child)))
    this.#hasWorkers = false
  }
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await gone
}

/** Resident memory of a process in bytes; null where the machine has no /proc. */
export function residentBytes(pid: number): number | null {
  const file = `/proc/${pid}/status`
  if (!existsSync(file)) return null
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(file, 'utf8'))?.[1]) * 1_024
}

export async function until(check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) await sleep(5)
}
