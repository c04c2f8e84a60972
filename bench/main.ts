/**
 * `npm run bench`: the same actions sent by each contender in turn, round after round on one machine, so that ratios
 * hold although the machine's speed drifts. docs/performance.md says what is measured.
 */
import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import pg from 'pg'
import { readConfig } from '../src/config.ts'
import { createDatabase, dropDatabase } from '../src/ledger/database.ts'
import { startPostgres } from '../src/local/postgres.ts'
import { findRedis, startRedis } from '../src/local/redis.ts'
import { contenders } from './contenders/all.ts'
import type { Contender, Measured } from './contenders/contender.ts'
import { makeJobs } from './job.ts'
import { table } from './statistics.ts'

const { values } = parseArgs({
  options: {
    n: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string' },
    json: { type: 'string' },
  },
})
const n = whole('n', values.n, 1_000_000)
const rounds = whole('rounds', values.rounds, 100)
const chosen = choose(values.only)

function refuse(text: string): never {
  process.stderr.write(`bench: ${text}\n`)
  process.exit(1)
}

function whole(name: string, text: string, max: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > max)
    refuse(`--${name} ${text}: expected a whole number from 1 to ${max}`)
  return value
}

function choose(only: string | undefined): readonly Contender[] {
  if (only === undefined) return contenders
  const names = only.split(',')
  const known = contenders.map(({ name }) => name)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) refuse(`--only ${unknown}: expected a comma list of ${known.join(', ')}`)
  return contenders.filter(({ name }) => names.includes(name))
}

const say = (line: string) => process.stderr.write(`${line}\n`)
const home = mkdtempSync(join(tmpdir(), 'volley-bench-'))
chmodSync(home, 0o755)
const postgres = await startPostgres({ home, isThrowaway: true, say })
const program = findRedis({ path: readConfig().path, isRoot: process.getuid?.() === 0, say })
const redis = await startRedis({ program, home: join(home, 'redis'), isThrowaway: true })
const receiver = fork(new URL('./receiver.ts', import.meta.url))

function heard<T extends { kind: string }>(kind: string): Promise<T> {
  return new Promise((resolve) => {
    const listen = (message: T) => {
      if (message.kind !== kind) return
      receiver.off('message', listen)
      resolve(message)
    }
    receiver.on('message', listen)
  })
}

const { port } = await heard<{ kind: string; port: number }>('listening')

/** One round of one contender, on an empty database and an empty Redis. */
async function runOnce(contender: Contender, round: number): Promise<Measured> {
  const name = `bench_${contender.name}_${round}`
  const databaseUrl = postgres.url.replace(/[^/]*$/, name)
  await createDatabase(postgres.url, name)
  await withRedis((client) => client.flushall())
  const secret = randomBytes(32).toString('hex')
  const isReset = heard('reset')
  const allReceived = heard('all').then(() => undefined)
  receiver.send({ kind: 'reset', secret, expect: n })
  await isReset
  const prepared = await contender.prepare({
    url: `http://127.0.0.1:${port}/actions`,
    secret,
    n,
    databaseUrl,
    redisUrl: redis.url,
    jobs: contender.name === 'raw' ? [] : makeJobs(n),
    allReceived,
  })
  const measured = await prepared.run()
  await prepared.end()
  await checkReceiver(contender.name)
  await dropDatabase(postgres.url, name)
  // What one contender left to write must not be written in the next one's time.
  await withPostgres((client) => client.query('checkpoint'))
  return measured
}

async function withPostgres<T>(use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: postgres.url })
  await client.connect()
  return use(client).finally(() => client.end())
}

async function withRedis<T>(use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(redis.url)
  return use(client).finally(() => client.disconnect())
}

/** What the figures hold for, in one line. */
async function machine(): Promise<string> {
  const { rows } = await withPostgres((client) =>
    client.query<{ server_version: string }>('show server_version'),
  )
  const redisInfo = await withRedis((client) => client.info('server'))
  const redisVersion = /redis_version:(\S+)/.exec(redisInfo)?.[1]
  return `${cpus().length} cores (${cpus()[0]?.model.trim()}), Node ${process.version}, PostgreSQL ${rows[0]?.server_version}, Redis ${redisVersion}, ${n} actions a round, ${rounds} rounds`
}

async function checkReceiver(name: string): Promise<void> {
  const reported = heard<{ kind: string; count: number; distinct: number; bad: number }>('report')
  receiver.send({ kind: 'report' })
  const { count, distinct, bad } = await reported
  if (count !== n || distinct !== n || bad > 0)
    throw new Error(`${name}: ${count} POSTs, ${distinct} distinct of ${n}, ${bad} badly signed`)
}

let described = ''
const results = new Map<string, Measured[]>(chosen.map(({ name }) => [name, []]))
try {
  for (let round = 1; round <= rounds; round++) {
    for (const contender of chosen) {
      const measured = await runOnce(contender, round)
      results.get(contender.name)!.push(measured)
      say(`round ${round} ${contender.name}: ${Math.round(n / measured.seconds)} actions/s`)
    }
  }
  described = await machine()
} finally {
  receiver.disconnect()
  await redis.stop()
  await postgres.stop()
  rmSync(home, { recursive: true, force: true })
}
process.stdout.write(`${table(results, n)}\n${described}\n`)
if (values.json !== undefined)
  writeFileSync(
    values.json,
    JSON.stringify({ machine: described, n, rounds, results: Object.fromEntries(results) }, null, 2),
  )
