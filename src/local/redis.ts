import { execFileSync, spawn } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { delimiter, join } from 'node:path'
import { VolleyError } from '../errors.ts'
import { freePort } from './ports.ts'
import { commandOf, endProcess, isAlive } from './processes.ts'
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

function installed({ path, usualFolders = USUAL_FOLDERS, isRoot, say }: FindOptions): string {
  const apt = onPath(['apt-get'], path)
  const brew = onPath(['brew'], path)
  if (apt !== null && isRoot) {
    say('Redis is not installed: installing redis-server with apt-get')
    // The distribution would start a service of its own; at this run level it does not.
    const env = { ...aptEnvironment(path), DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
    run(apt, ['update'], env)
    run(apt, ['install', '-y', 'redis-server'], env)
  } else if (brew !== null) {
    say('Redis is not installed: installing it with brew')
    run(brew, ['install', 'redis'], aptEnvironment(path))
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

const aptEnvironment = (path: string) => ({ PATH: path, HOME: '/', LANG: 'C.UTF-8' })

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
  const port = await freePort()
  const args = [
    ...['--bind', '127.0.0.1', '--port', String(port), '--dir', data, '--pidfile', join(data, 'redis.pid')],
    ...['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', '', '--maxmemory-policy', 'noeviction'],
  ]
  const server = await PrivateServer.start({
    name: 'Redis',
    url: `redis://127.0.0.1:${port}`,
    logFile: join(home, 'redis.log'),
    spawn: (fd) => spawn(program, args, { cwd: data, detached: true, stdio: ['ignore', fd, fd] }),
    ping: () => ping(port),
    ending: { signal: 'SIGTERM', graceMs: 5_000, last: 'SIGKILL' },
    remove: isThrowaway ? [home] : [],
  })
  writeFileSync(join(data, 'volley.pid'), String(server.pid))
  return server
}

/** A server that an earlier start left behind would hold the same files. */
async function endLeftover(data: string): Promise<void> {
  const file = join(data, 'volley.pid')
  if (!existsSync(file)) return
  const pid = Number(readFileSync(file, 'utf8'))
  const command = isAlive(pid) ? commandOf(pid) : null
  if (command !== null && /(redis|valkey)-server/.test(command)) {
    await endProcess(pid, { signal: 'SIGTERM', graceMs: 5_000, last: 'SIGKILL' })
  }
  rmSync(file, { force: true })
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
