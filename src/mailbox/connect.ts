import { Cluster, type CommonRedisOptions, Redis, type RedisOptions } from 'ioredis'
import type { RedisTls } from '../config.ts'
import type { Log } from '../log.ts'
import { parseRedisUrl, type RedisTarget } from '../redis-url.ts'
import { reportClusterFaults, reportFaults } from './faults.ts'

/** What a connection is for: sending must fail fast, reading blocks on purpose. */
export type Purpose = 'send' | 'read'

/** To one server, or to the nodes of a cluster. */
export type Connection = Redis | Cluster

export const NO_TLS: RedisTls = { ca: null, cert: null, key: null }

/** The answers of a server that was made a replica: what is behind its address now is a new connection away. */
const DEMOTED = /^(READONLY|UNBLOCKED)/
const REDIRECTIONS_MAX = 5

const COMMON: CommonRedisOptions = {
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 2_000,
  maxLoadingRetryTime: 1_000,
}

const OPTIONS: Record<Purpose, CommonRedisOptions> = {
  // A command that cannot be answered now is dropped: the sweep finds what it would have said. A server that stands
  // still loses the connection, and with it everything that was queued for it.
  send: { ...COMMON, commandTimeout: 1_000, socketTimeout: 1_500 },
  // Longer than the longest BLOCK, so that a half-open socket is noticed.
  read: { ...COMMON, socketTimeout: 3_000 },
}

/** A connection that keeps reconnecting, never repeats a command by itself, and reports a fault once until it is over. */
export function connect(url: string, purpose: Purpose, log: Log, tls: RedisTls = NO_TLS): Connection {
  const target = parseRedisUrl(url)
  const options = { ...OPTIONS[purpose], ...access(target, tls) }
  const about = log.child({ purpose })
  if (target.kind === 'server') {
    const redis = openServer({ ...options, ...target.nodes[0] })
    reportFaults(redis, about)
    return redis
  }
  const cluster = openCluster(target, options, backoffMs)
  reportClusterFaults(cluster, about)
  return cluster
}

const QUEUELESS = { enableOfflineQueue: false }

function openServer(options: RedisOptions): Redis {
  let isLeaving = false
  const redis = new Redis({
    ...options,
    ...QUEUELESS,
    retryStrategy: backoffMs,
    reconnectOnError(error) {
      // Once for a connection, however many commands are refused on it before it is closed.
      if (isLeaving || !DEMOTED.test(error.message)) return false
      isLeaving = true
      return true
    },
  })
  redis.on('close', () => {
    isLeaving = false
  })
  return redis
}

function backoffMs(times: number): number {
  return Math.min(50 * times, 1_000)
}

/** Nodes are asked for again with every MOVED; a slot without a server refuses at once instead of being waited for. */
export function openCluster(
  { nodes }: RedisTarget,
  redisOptions: CommonRedisOptions,
  clusterRetryStrategy: (times: number) => number | null,
): Cluster {
  return new Cluster([...nodes], {
    ...QUEUELESS,
    redisOptions,
    clusterRetryStrategy,
    maxRedirections: REDIRECTIONS_MAX,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    // Names are left to the sockets, since a certificate is checked against the name.
    dnsLookup: (name, done) => done(null, name),
  })
}

/** Who we are and how we know the server, as the driver wants it. */
export function access(
  { isTls, username, password, database }: RedisTarget,
  tls: RedisTls,
): CommonRedisOptions {
  const given = Object.entries(tls).filter(([, text]) => text !== null)
  return {
    ...(username === null ? {} : { username }),
    ...(password === null ? {} : { password }),
    ...(isTls ? { tls: Object.fromEntries(given) } : {}),
    db: database,
  }
}
