import { execFileSync, spawn } from 'node:child_process'
import { accessSync, constants, mkdirSync } from 'node:fs'
import { createConnection } from 'node:net'
import { delimiter, join } from 'node:path'
import { VolleyError } from '../errors.ts'
import { living, writeHolder } from './home.ts'
import { withFreePort } from './ports.ts'
import { endProcess } from './processes.ts'
import { PrivateServer } from './server.ts'

const PROGRAMS = ['redis-server', 'valkey-server']
/** Where package managers put programs that a PATH may lack. */
const USUAL_FOLDERS = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin']
const FLOOR = 7

export interface FindOptions {
  /** The PATH to search. */
  path: string
  /** Searched after an install, besides the PATH. */
  usualFolders?: readonly string[]
  isRoot: boolean
  /** What a package manager needs besides (a proxy, say). */
  env?: Record<string, string>
  say(line: string): void
}

/**
 * The Redis or Valkey program of this machine; where there is none it is installed, if that works without asking.
 * Throws `program_missing` with the one line to type where it does not.
 */
export function findRedis(options: FindOptions): string {
  const found = onPath(PROGRAMS, options.path) ?? installed(options)
  requireVersion(found)
  return found
}

function onPath(names: readonly string[], path: string): string | null {
  for (const folder of path.split(delimiter)) {
    for (const name of names) {
      if (folder !== '' && isExecutable(join(folder, name))) return join(folder, name)
    }
  }
  return null
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function installed({
  path,
  usualFolders = USUAL_FOLDERS,
  isRoot,
  env: given = {},
  say,
}: FindOptions): string {
  const own = { HOME: '/', LANG: 'C.UTF-8', ...given, PATH: path }
  const apt = onPath(['apt-get'], path)
  const brew = onPath(['brew'], path)
  if (apt !== null && isRoot) {
    say('Redis is not installed: installing redis-server with apt-get')
    // The distribution would start a service of its own; at this run level it does not.
    const env = { ...own, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
    run(apt, ['update'], env)
    run(apt, ['install', '-y', 'redis-server'], env)
  } else if (brew !== null) {
    say('Redis is not installed: installing it with brew')
    run(brew, ['install', 'redis'], own)
  } else {
    throw missing(
      apt !== null
        ? 'sudo apt-get install -y redis-server'
        : 'install redis-server 7.0 or later, or set REDIS_URL',
    )
  }
  const found = onPath(PROGRAMS, [path, ...usualFolders].join(delimiter))
  if (found === null) throw missing('install redis-server 7.0 or later, or set REDIS_URL')
  return found
}

function run(program: string, args: string[], env: Record<string, string>): void {
  try {
    execFileSync(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (cause) {
    const stderr = String((cause as { stderr?: unknown }).stderr ?? cause)
      .trim()
      .split('\n')
      .slice(-3)
      .join(' | ')
    throw new VolleyError('program_missing', `"${[program, ...args].join(' ')}" failed: ${stderr}`, { cause })
  }
}

function missing(line: string): VolleyError {
  return new VolleyError('program_missing', `Redis is not installed. Type: ${line}`)
}

function requireVersion(program: string): void {
  const text = execFileSync(program, ['--version'], { encoding: 'utf8' })
  const version = /v=(\d+)\.(\d+)\.(\d+)/.exec(text)
  if (version !== null && Number(version[1]) < FLOOR) {
    throw new VolleyError(
      'program_missing',
      `${program} is ${version[0].slice(2)}; Volley needs Redis 7.0 or later, or Valkey`,
    )
  }
}

export interface RedisOptions {
  program: string
  /** Folder of this server; made when it is not there. */
  home: string
  /** Removed if this process dies without stopping the server; for tests. */
  isThrowaway: boolean
}

/** Starts a Redis of our own, on a free port of 127.0.0.1; one that already runs on this machine is never touched. */
export async function startRedis({ program, home, isThrowaway }: RedisOptions): Promise<PrivateServer> {
  const data = join(home, 'redis')
  mkdirSync(data, { recursive: true })
  await endLeftover(data)
  const settings = [
    ...['--bind', '127.0.0.1', '--dir', data],
    ...['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', '', '--maxmemory-policy', 'noeviction'],
  ]
  return withFreePort((port) =>
    PrivateServer.start({
      name: 'Redis',
      url: `redis://127.0.0.1:${port}`,
      logFile: join(home, 'redis.log'),
      spawn: (fd) =>
        spawn(program, ['--port', String(port), ...settings], {
          cwd: data,
          detached: true,
          stdio: ['ignore', fd, fd],
        }),
      ping: () => ping(port),
      ending: ENDING,
      remove: isThrowaway ? [home] : [],
      onStart: (pid) => writeHolder(join(data, HOLDER), pid),
    }),
  )
}

const ENDING = { signal: 'SIGTERM', graceMs: 5_000, last: 'SIGKILL' } as const
const HOLDER = 'server.json'

/**
 * A server that an earlier start left behind would write the same files. A pid alone does not tell it from a Redis of
 * this machine that has the same pid since a reboot, so the time of its start is compared too.
 */
async function endLeftover(data: string): Promise<void> {
  const left = living(join(data, HOLDER))
  if (left !== null) await endProcess(left.pid, ENDING)
}

/** Resolves once the server answers PING; one that is still loading its file asks for patience. */
function ping(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: '127.0.0.1', port })
    socket.setTimeout(1_000, () => socket.destroy(new Error('no answer to PING')))
    socket.on('error', reject)
    socket.on('connect', () => socket.write('PING\r\n'))
    socket.on('data', (bytes) => {
      socket.destroy()
      const answer = bytes.toString()
      if (answer.startsWith('+PONG')) resolve()
      else reject(Object.assign(new Error(answer.trim()), { patient: answer.startsWith('-LOADING') }))
    })
  })
}
