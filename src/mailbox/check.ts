import { Redis } from 'ioredis'
import type { RedisTls } from '../config.ts'
import { VolleyError } from '../errors.ts'
import { parseRedisUrl, type RedisTarget, shownRedisUrl } from '../redis-url.ts'
import { access, openCluster } from './connect.ts'
import { isClusterNode, saidBy } from './faults.ts'

/** Of the whole check. */
const TIMEOUT_MS = 5_000
const FLOOR = 7

/** What to do about an answer that does not say it; null: nothing more is known. */
function hintAbout(why: string, { isTls }: RedisTarget): string | null {
  if (/self[- ]signed|unable to (verify|get)/i.test(why))
    return 'REDIS_CA_FILE names the authority of its certificate'
  if (/certificate required/i.test(why))
    return 'REDIS_CERT_FILE and REDIS_KEY_FILE name a certificate of our own'
  if (/cluster support disabled/.test(why))
    return 'it is no node of a cluster: give one URL, without ?cluster=true'
  if (isTls && /no answer|wrong version/.test(why)) return 'rediss:// asks for TLS, which it may not speak'
  if (!isTls && /closed|ECONNRESET/.test(why)) return 'where it speaks TLS, the URL begins with rediss://'
  return null
}

/** Throws `unavailable` with the address and the reason, without the password, where Redis does not answer within 5 s or is too old. */
export async function requireRedis(url: string, tls: RedisTls): Promise<void> {
  const target = parseRedisUrl(url)
  try {
    requireFit(target, await infoOf(target, tls))
  } catch (cause) {
    const why = saidBy(cause)
    const hint = hintAbout(why, target)
    const message = `Redis at ${shownRedisUrl(url)} cannot be used: ${why}${hint === null ? '' : ` (${hint})`}`
    throw new VolleyError('unavailable', message, { cause })
  }
}

function requireFit({ kind }: RedisTarget, info: string): void {
  const version = /^redis_version:(\d+)\.\S*/m.exec(info)
  if (version !== null && Number(version[1]) < FLOOR)
    throw new Error(
      `it is ${version[0].slice('redis_version:'.length)}; Volley needs Redis 7.0 or later, or Valkey`,
    )
  if (kind === 'server' && isClusterNode(info))
    throw new Error('it is a node of a cluster; write ?cluster=true after the URL')
}

/** What one server, or one node of a cluster that is ready, answers to INFO. */
function infoOf(target: RedisTarget, tls: RedisTls): Promise<string> {
  const options = { ...access(target, tls), connectTimeout: TIMEOUT_MS, maxRetriesPerRequest: 0 }
  const connection =
    target.kind === 'cluster'
      ? openCluster(target, options, () => null)
      : new Redis({ ...options, ...target.nodes[0], retryStrategy: null })
  return new Promise<string>((resolve, reject) => {
    let last: unknown = new Error('no node of the cluster is ready')
    const remember = (error: unknown) => {
      last = error
    }
    const timer = setTimeout(() => reject(new Error(`no answer within ${TIMEOUT_MS / 1_000} s`)), TIMEOUT_MS)
    connection.on('error', (error: unknown) => {
      // Of a cluster this says only that all nodes failed, and each has said why before.
      if (target.kind === 'server') remember(error)
    })
    connection.on('node error', remember)
    connection.once('end', () => {
      clearTimeout(timer)
      reject(last)
    })
    connection.once('ready', () => {
      connection
        .info('server')
        .then(resolve, reject)
        .finally(() => clearTimeout(timer))
    })
  }).finally(() => connection.disconnect())
}
