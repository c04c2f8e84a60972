import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { childEnvironment } from '../../src/config.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { createKey } from '../../src/ledger/tenants/keys.ts'
import { freePort } from '../../src/local/ports.ts'
import { Chance } from '../chaos/chance.ts'
import { Client } from '../chaos/client.ts'
import { VolleyProcess } from '../chaos/process.ts'
import { migrated, privatePostgres, privateRedis } from '../support/servers.ts'
import { judge, type Receipt, type Verdict } from './judge.ts'
import type { ReceiverHears, ReceiverSays } from './receiver.ts'

export interface RunOptions {
  endpoints: number
  seconds: number
  kills: number
  seed: number
  say(line: string): void
}

export interface Done extends Verdict {
  /** Pairs of event and endpoint. */
  expected: number
  kills: number
  /** From the last event to the last POST, in ms. */
  behindMs: number
  logs: string
}

const WORKERS = 3
/** What one tenant has; each of its events is told to all of them. */
const ENDPOINTS_A_TENANT = 100
const CREATED_TOGETHER = 16
/** An endpoint hears of everything a second after its creation. */
const KNOWN_MS = 1_500
/** What was being sent at the last kill comes again when its worker was buried and its partitions taken over. */
const PATIENCE_MS = 90_000
const QUIET_MS = 3_000

interface Tenant {
  name: string
  key: string
  endpoints: string[]
}

/** Endpoints that are told of one event each second, while workers are killed; gives what came of it. */
export async function run(options: RunOptions): Promise<Done> {
  const { say } = options
  const logs = mkdtempSync(join(tmpdir(), 'volley-subscriptions-'))
  const receipts: Receipt[] = []
  const receiver = fork(new URL('./receiver.ts', import.meta.url))
  const port = await listening(receiver, receipts)
  const { processes, client, databaseUrl } = await startPlatform(logs)
  try {
    const tenants = await tenantsOf(databaseUrl, options.endpoints)
    await subscribe(tenants, client, receiver, port)
    say(`${options.endpoints} endpoints of ${tenants.length} tenants are subscribed`)
    await sleep(KNOWN_MS)
    const workers = processes.filter(({ kind }) => kind === 'worker')
    const [expected, kills] = await Promise.all([
      tell(tenants, client, options.seconds),
      killNowAndThen(workers, options),
    ])
    const toldAt = Date.now()
    const pairs = [...expected.values()].reduce((sum, { length }) => sum + length, 0)
    await arrived(receipts, pairs)
    const verdict = judge({ expected, receipts, kills })
    verdict.findings.push(...(await toldTwice(databaseUrl)))
    const behindMs = Math.max(0, Math.max(...receipts.map(({ at }) => at)) - toldAt)
    return { ...verdict, expected: pairs, kills: kills.length, behindMs, logs }
  } finally {
    await Promise.all(processes.map((each) => each.stop()))
    receiver.disconnect()
  }
}

function listening(receiver: ChildProcess, receipts: Receipt[]): Promise<number> {
  return new Promise((resolve, reject) => {
    receiver.once('exit', (code) => reject(new Error(`the receiver ended with ${code}`)))
    receiver.on('message', (message: ReceiverSays) => {
      if (message.kind === 'listening') resolve(message.port)
      else receipts.push(...message.receipts)
    })
  })
}

async function startPlatform(logs: string) {
  const [postgres, redis] = [await privatePostgres(), await privateRedis()]
  await migrated(postgres.url)
  const port = await freePort()
  const member = (kind: 'web' | 'worker', name: string) =>
    new VolleyProcess({
      name,
      kind,
      logs,
      onDeath: () => undefined,
      env: childEnvironment({
        DATABASE_URL: postgres.url,
        REDIS_URL: redis.url,
        VOLLEY_SECRET_KEY: 'ab'.repeat(32),
        VOLLEY_EGRESS_ALLOW: '127.0.0.0/8',
        VOLLEY_LEASH: '1',
        HOST: '127.0.0.1',
        PORT: String(port),
        LOG_LEVEL: 'info',
      }),
    })
  const workers = Array.from({ length: WORKERS }, (_, i) => member('worker', `worker-${i + 1}`))
  const client = new Client([`http://127.0.0.1:${port}`])
  return { processes: [member('web', 'web'), ...workers], client, databaseUrl: postgres.url }
}

async function tenantsOf(databaseUrl: string, endpoints: number): Promise<Tenant[]> {
  const ledger = await Ledger.open({ databaseUrl, poolMax: 2 })
  const tenants: Tenant[] = []
  for (let left = endpoints; left > 0; left -= ENDPOINTS_A_TENANT) {
    const name = `t${tenants.length}`
    const { key } = await createKey(ledger, { tenant: name, mode: 'live' })
    const count = Math.min(left, ENDPOINTS_A_TENANT)
    tenants.push({ name, key, endpoints: Array.from({ length: count }, (_, i) => `/${name}/${i}`) })
  }
  await ledger.close()
  return tenants
}

/** Over HTTP, as their owners would. */
async function subscribe(tenants: readonly Tenant[], client: Client, receiver: ChildProcess, port: number) {
  const waiting = tenants.flatMap(({ key, endpoints }) => endpoints.map((path) => ({ key, path })))
  const secrets: Record<string, string> = {}
  const one = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { key, path } = next
      const body = { url: `http://127.0.0.1:${port}${path}`, subscribed_events: ['custom.*'] }
      const answer = await ask(client, key, '/api/webhooks/endpoints', body)
      if (answer.status !== 201) throw new Error(`an endpoint was refused: ${JSON.stringify(answer.body)}`)
      secrets[path] = answer.body.endpoint.secret
    }
  }
  await Promise.all(Array.from({ length: CREATED_TOGETHER }, one))
  receiver.send({ kind: 'secrets', secrets } satisfies ReceiverHears)
}

const ask = (client: Client, key: string, path: string, body: unknown) =>
  client.ask({ method: 'POST', path, key, body }, AbortSignal.timeout(60_000))

/** One event of each tenant every second; gives the endpoints of each that was accepted. */
async function tell(
  tenants: readonly Tenant[],
  client: Client,
  seconds: number,
): Promise<Map<string, readonly string[]>> {
  const expected = new Map<string, readonly string[]>()
  const startedAt = performance.now()
  const one = async ({ name, key, endpoints }: Tenant, second: number) => {
    const event = `${name}-${second}`
    // Under a name of its own, so that a request without an answer can be repeated.
    const events = [
      {
        type: 'custom.told',
        user_id: event,
        id: event,
        data: { event, value: 20, currency: 'USD' },
      },
    ]
    const answer = await ask(client, key, '/api/external/events', { events })
    if (answer.status !== 202) throw new Error(`an event was refused: ${JSON.stringify(answer.body)}`)
    expected.set(event, endpoints)
  }
  const asked: Promise<void>[] = []
  for (let second = 0; second < seconds; second++) {
    for (const [i, tenant] of tenants.entries())
      asked.push(sleep((i * 1_000) / tenants.length).then(() => one(tenant, second)))
    await sleep(Math.max(0, startedAt + (second + 1) * 1_000 - performance.now()))
  }
  await Promise.all(asked)
  return expected
}

/** Kills a worker, each time another one, spread over the run; gives when. */
async function killNowAndThen(
  workers: readonly VolleyProcess[],
  { seconds, kills, seed, say }: RunOptions,
): Promise<number[]> {
  const chance = new Chance(seed)
  const at: number[] = []
  const everyMs = (seconds * 1_000) / (kills + 1)
  for (let i = 0; i < kills; i++) {
    await sleep(everyMs * chance.between(0.9, 1.1))
    const worker = workers[i % workers.length]!
    if (!worker.isUp) continue
    at.push(Date.now())
    await worker.kill()
    say(`${worker.name} was killed`)
  }
  return at
}

/** Returns once everything came, and nothing for a while; or when nothing has come for too long. */
async function arrived(receipts: readonly Receipt[], pairs: number): Promise<void> {
  let known = -1
  for (let quietMs = 0; quietMs < PATIENCE_MS; ) {
    await sleep(500)
    quietMs = receipts.length === known ? quietMs + 500 : 0
    known = receipts.length
    if (quietMs < QUIET_MS) continue
    if (new Set(receipts.map(({ event, endpoint }) => `${event} ${endpoint}`)).size >= pairs) return
  }
}

/** What the ledger itself made twice of one event for one endpoint: no kill explains that. */
async function toldTwice(databaseUrl: string): Promise<string[]> {
  const ledger = await Ledger.open({ databaseUrl, poolMax: 1 })
  const { rows } = await ledger.pool.query<{ n: number; type: string; event: string }>(
    `select count(*)::int as n, type, parameters->>'id' as event from action where type >= 'we_' group by 2, 3 having count(*) > 1`,
  )
  await ledger.close()
  return rows.map(({ n, type, event }) => `${event} stands ${n} times in the ledger for ${type}`)
}
