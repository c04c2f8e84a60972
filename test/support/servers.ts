import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabase, dropDatabase } from '../../src/ledger/database.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { startPostgres } from '../../src/local/postgres.ts'
import { findRedis, startRedis } from '../../src/local/redis.ts'
import type { PrivateServer } from '../../src/local/server.ts'

/** Partitions of every test database. */
export const PARTITIONS = 64

const say = (line: string) => process.stderr.write(`${line}\n`)
const running: PrivateServer[] = []
const folders: string[] = []

/** A folder that is removed when the run ends; other users may pass it, as PostgreSQL does where root runs the tests. */
export function temporaryHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'volley-test-'))
  chmodSync(home, 0o755)
  folders.push(home)
  return home
}

/** Has a server stopped when the run ends. */
export function stoppedAtEnd(server: PrivateServer): PrivateServer {
  running.push(server)
  return server
}

/** A Postgres of its own, for a test that kills it. */
export async function privatePostgres(): Promise<PrivateServer> {
  return stoppedAtEnd(await startPostgres({ home: temporaryHome(), isThrowaway: true, say }))
}

/** A Redis of its own, for a test that empties or kills it. */
export async function privateRedis(): Promise<PrivateServer> {
  return stoppedAtEnd(await startRedis({ program: redisProgram(), home: temporaryHome(), isThrowaway: true }))
}

/** The Redis of this machine. */
export function redisProgram(): string {
  return findRedis({ path: process.env.PATH ?? '', isRoot: process.getuid?.() === 0, say })
}

let postgres: Promise<{ url(name: string): string }> | undefined
let redis: Promise<PrivateServer> | undefined
let databases = 0

/** The one Postgres of this run, with a migrated template. */
function sharedPostgres(): Promise<{ url(name: string): string }> {
  postgres ??= (async () => {
    const server = await privatePostgres()
    const url = (name: string) => server.url.replace(/[^/]*$/, name)
    await createDatabase(url('postgres'), 'template_volley')
    await migrated(url('template_volley'))
    return { url }
  })()
  return postgres
}

export async function migrated(url: string): Promise<void> {
  const ledger = await Ledger.open({ databaseUrl: url, poolMax: 2 })
  await ledger.migrate(PARTITIONS)
  await ledger.close()
}

/** A fresh, migrated database on the run's Postgres. */
export async function testDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const { url } = await sharedPostgres()
  const name = `test_${++databases}`
  await createDatabase(url('postgres'), name, 'template_volley')
  return { url: url(name), drop: () => dropDatabase(url('postgres'), name) }
}

/** The one Redis of this run. */
export async function testRedis(): Promise<{ url: string }> {
  redis ??= privateRedis()
  return { url: (await redis).url }
}

/** Mocha calls it when the run ends, whatever came of it. */
export async function mochaGlobalTeardown(): Promise<void> {
  await Promise.allSettled(running.map((server) => server.stop()))
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
}
