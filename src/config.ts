import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { durationMs } from './duration.ts'
import { VolleyError } from './errors.ts'
import { parseRedisUrl, shownRedisUrl } from './redis-url.ts'

/** PEM texts for `rediss://`; null: the authorities of the system, and no certificate of our own. */
export interface RedisTls {
  ca: string | null
  cert: string | null
  key: string | null
}

/** What one process was told, parsed once, validated and frozen. Durations are milliseconds, sizes bytes. */
export interface Config {
  /** PostgreSQL, `postgres://…`; null: the platform finds or starts its own. */
  databaseUrl: string | null
  /** Redis 7.0 or later, as `redis-url.ts` reads it; null: the platform finds or starts its own. */
  redisUrl: string | null
  redisTls: RedisTls
  /** Folder of data that a platform started here keeps between starts. */
  home: string
  /** Folder with the documents people write. */
  rulesDir: string
  /** Address to listen on; null: every one for a web process, loopback for a platform on one machine. */
  host: string | null
  port: number
  /** 32 bytes for AES-256-GCM; null until one is given or generated into `home`. */
  secretKey: Buffer | null
  /** Number of logical partitions; set once for a database. */
  partitions: number
  /** CIDRs that may be dialled although they are private, loopback or reserved. */
  egressAllow: readonly string[]
  /** Prefix of the signature, timestamp and action-id headers of a dispatch. */
  headerPrefix: string
  /** Most POSTs on the wire at a time in one worker. */
  wireMax: number
  /** The share of failed POSTs at which a destination's breaker opens; null: it never does. */
  breakerShare: number | null
  /** Most actions of a tenant that may wait to be sent, where its operator set no other number. */
  backlogMax: number
  /** How long a worker's beat keeps it alive without another. */
  beatMs: number
  /** An endpoint that does nothing but fail for so long is disabled. */
  endpointFailingMs: number
  /** How long events, and actions with their history, stay after the end of their month, in ms; null: for ever. */
  keep: Readonly<{ eventsMs: number | null; actionsMs: number | null }>
  logLevel: string
  bodyLimitBytes: number
  /** The search path for programs. */
  path: string
  /** Ends the process when its standard input does: set for the children of a platform. */
  isLeashed: boolean
}

/** A repeat of what came in a week ago is still told from something new. */
const KEEP_MS_MIN = 7 * 86_400_000

type Env = Record<string, string | undefined>

function refuse(name: string, value: string, expected: string): never {
  throw new VolleyError('config_invalid', `${name}=${JSON.stringify(value)}: expected ${expected}`)
}

function whole(env: Env, name: string, fallback: number, min: number, max: number): number {
  const text = env[name]
  if (text === undefined || text === '') return fallback
  const value = Number(text)
  if (!Number.isInteger(value) || value < min || value > max)
    refuse(name, text, `a whole number from ${min} to ${max}`)
  return value
}

function duration(env: Env, name: string, fallback: number): number {
  const text = env[name]
  if (text === undefined || text === '') return fallback
  return durationMs(text) ?? refuse(name, text, 'a duration such as "15s"')
}

function keeping(env: Env, name: string): number | null {
  const text = env[name] || '400d'
  if (text === 'off') return null
  const ms = durationMs(text)
  if (ms === null || ms < KEEP_MS_MIN) refuse(name, text, '"off" or a duration of at least "7d"')
  return ms
}

function share(env: Env, name: string, fallback: number): number | null {
  const text = env[name]
  if (text === undefined || text === '') return fallback
  if (text === 'off') return null
  const value = Number(text)
  if (!(value >= 0.05 && value <= 1)) refuse(name, text, '"off" or a share from 0.05 to 1')
  return value
}

function url(env: Env, name: string, schemes: string[]): string | null {
  const text = env[name]
  if (text === undefined || text === '') return null
  const scheme = URL.canParse(text) ? new URL(text).protocol : ''
  // The value may hold a password, so only its form is named.
  if (!schemes.includes(scheme))
    throw new VolleyError('config_invalid', `${name}: expected a URL with ${schemes.join(' or ')}`)
  return text
}

function redisUrl(env: Env): string | null {
  const text = env.REDIS_URL
  if (text === undefined || text === '') return null
  parseRedisUrl(text)
  return text
}

function pem(env: Env, name: string): string | null {
  const file = env[name]
  if (file === undefined || file === '') return null
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    return refuse(name, file, `a file that can be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

function redisTls(env: Env): RedisTls {
  const [ca, cert, key] = ['REDIS_CA_FILE', 'REDIS_CERT_FILE', 'REDIS_KEY_FILE'].map((name) => pem(env, name))
  const tls = { ca: ca ?? null, cert: cert ?? null, key: key ?? null }
  if ((tls.cert === null) !== (tls.key === null))
    throw new VolleyError('config_invalid', 'REDIS_CERT_FILE and REDIS_KEY_FILE: expected both, or neither')
  requirePem('REDIS_CA_FILE', () => tls.ca !== null && new X509Certificate(tls.ca))
  requirePem('REDIS_CERT_FILE and REDIS_KEY_FILE', () => {
    if (tls.cert !== null && tls.key !== null) createSecureContext({ cert: tls.cert, key: tls.key })
  })
  return tls
}

function requirePem(names: string, parse: () => unknown): void {
  try {
    parse()
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new VolleyError('config_invalid', `${names}: expected PEM that can be used (${why})`, { cause })
  }
}

function secretKey(env: Env, home: string): Buffer | null {
  const file = join(home, 'secret-key')
  const text = env.VOLLEY_SECRET_KEY || (existsSync(file) ? readFileSync(file, 'utf8').trim() : '')
  if (text === '') return null
  if (!/^[0-9a-fA-F]{64}$/.test(text))
    throw new VolleyError('config_invalid', 'VOLLEY_SECRET_KEY: expected 64 hex characters (32 bytes)')
  return Buffer.from(text, 'hex')
}

function cidrs(env: Env): string[] {
  const text = env.VOLLEY_EGRESS_ALLOW ?? ''
  const list = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  for (const item of list) {
    if (!/^[0-9a-fA-F.:]+\/\d{1,3}$/.test(item))
      refuse('VOLLEY_EGRESS_ALLOW', item, 'a list of CIDRs such as "127.0.0.0/8,::1/128"')
  }
  return list
}

/** Reads the whole environment of a process; refuses a value that cannot be used, naming the variable. */
export function readConfig(env: Env = process.env): Config {
  const home = resolve(env.VOLLEY_HOME || '.volley')
  const prefix = env.VOLLEY_HEADER_PREFIX || 'X-Retivo-'
  if (!/^[A-Za-z][A-Za-z0-9-]*-$/.test(prefix))
    refuse('VOLLEY_HEADER_PREFIX', prefix, 'letters, digits and hyphens, ending in a hyphen')
  const level = env.LOG_LEVEL || 'info'
  if (!/^(fatal|error|warn|info|debug|trace|silent)$/.test(level))
    refuse('LOG_LEVEL', level, 'a level of pino')
  return Object.freeze({
    databaseUrl: url(env, 'DATABASE_URL', ['postgres:', 'postgresql:']),
    redisUrl: redisUrl(env),
    redisTls: Object.freeze(redisTls(env)),
    home,
    rulesDir: resolve(env.VOLLEY_RULES || join(import.meta.dirname, '..', 'rules')),
    host: env.HOST || null,
    port: whole(env, 'PORT', 3000, 0, 65_535),
    secretKey: secretKey(env, home),
    partitions: whole(env, 'VOLLEY_PARTITIONS', 64, 1, 4_096),
    egressAllow: Object.freeze(cidrs(env)),
    headerPrefix: prefix,
    wireMax: whole(env, 'VOLLEY_WIRE_MAX', 512, 8, 10_000),
    breakerShare: share(env, 'VOLLEY_BREAKER', 0.5),
    backlogMax: whole(env, 'VOLLEY_BACKLOG_MAX', 1_000_000, 1, 1_000_000_000),
    beatMs: duration(env, 'VOLLEY_BEAT', 15_000),
    endpointFailingMs: duration(env, 'VOLLEY_ENDPOINT_FAILING', 5 * 86_400_000),
    keep: Object.freeze({
      eventsMs: keeping(env, 'VOLLEY_KEEP_EVENTS'),
      actionsMs: keeping(env, 'VOLLEY_KEEP_ACTIONS'),
    }),
    logLevel: level,
    bodyLimitBytes: whole(env, 'VOLLEY_BODY_LIMIT', 5_000_000, 1_000, 100_000_000),
    path: env.PATH ?? '',
    isLeashed: env.VOLLEY_LEASH === '1',
  })
}

/** The environment of a child process: this one's, with what it is told besides. */
export function childEnvironment(extra: Record<string, string>): Record<string, string> {
  const own = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return { ...Object.fromEntries(own), ...extra }
}

/** The configuration as an operator may see it: no password, no key. */
export function redacted(config: Config): Record<string, unknown> {
  const hide = (text: string | null) => (text === null ? null : text.replace(/\/\/[^@/]*@/, '//…@'))
  const { ca, cert } = config.redisTls
  return {
    ...config,
    databaseUrl: hide(config.databaseUrl),
    redisUrl: config.redisUrl === null ? null : shownRedisUrl(config.redisUrl),
    redisTls: { ca: ca === null ? null : 'set', cert: cert === null ? null : 'set' },
    secretKey: config.secretKey === null ? null : 'set',
  }
}
