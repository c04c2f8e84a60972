import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import { readConfig } from '../src/config.ts'
import { createDatabase, dropDatabase } from '../src/ledger/database.ts'
import { startPostgres } from '../src/local/postgres.ts'
import { findRedis, startRedis } from '../src/local/redis.ts'
import { Receiving } from './receiving.ts'

/** Ports of the receiver: one for most scenarios, a hundred destinations for some. */
export const DESTINATIONS = 100

/** What all scenarios share: a PostgreSQL and a Redis of their own, and the receiver. */
export interface Machine {
  redisUrl: string
  receiver: Receiving
  /** An empty database, and an empty Redis with it; `drop` ends both, and writes to disk what is left to write. */
  fresh(name: string): Promise<{ url: string; drop(): Promise<void> }>
  emptyRedis(): Promise<void>
  checkpoint(): Promise<void>
  /** What the figures hold for, in one line. */
  describe(): Promise<string>
  stop(): Promise<void>
}

export const say = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

export async function startMachine(): Promise<Machine> {
  const home = mkdtempSync(join(tmpdir(), 'volley-bench-'))
  chmodSync(home, 0o755)
  const postgres = await startPostgres({ home, isThrowaway: true, say })
  const program = findRedis({ path: readConfig().path, isRoot: process.getuid?.() === 0, say })
  const redis = await startRedis({ program, home: join(home, 'redis'), isThrowaway: true })
  const receiver = await Receiving.start(DESTINATIONS)
  const query = async <T extends pg.QueryResultRow>(text: string): Promise<T[]> => {
    const client = new pg.Client({ connectionString: postgres.url })
    await client.connect()
    const { rows } = await client.query<T>(text).finally(() => client.end())
    return rows
  }
  const withRedis = async <T>(use: (client: Redis) => Promise<T>): Promise<T> => {
    const client = new Redis(redis.url)
    return use(client).finally(() => client.disconnect())
  }
  const emptyRedis = async () => void (await withRedis((client) => client.flushall()))
  // What one round left to write must not be written in the next one's time.
  const checkpoint = async () => void (await query('checkpoint'))
  return {
    redisUrl: redis.url,
    receiver,
    emptyRedis,
    checkpoint,
    async fresh(name) {
      await createDatabase(postgres.url, name)
      await emptyRedis()
      return {
        url: postgres.url.replace(/[^/]*$/, name),
        async drop() {
          await dropDatabase(postgres.url, name)
          await checkpoint()
        },
      }
    },
    async describe() {
      const [version] = await query<{ server_version: string }>('show server_version')
      const redisVersion = /redis_version:(\S+)/.exec(await withRedis((client) => client.info('server')))?.[1]
      return `${cpus().length} cores (${cpus()[0]?.model.trim()}), Node ${process.version}, PostgreSQL ${version?.server_version}, Redis ${redisVersion}`
    },
    async stop() {
      receiver.stop()
      await redis.stop()
      await postgres.stop()
      rmSync(home, { recursive: true, force: true })
    },
  }
}
