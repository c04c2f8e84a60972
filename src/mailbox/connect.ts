import { Redis, type RedisOptions } from 'ioredis'
import type { Log } from '../log.ts'

/** What a connection is for: sending must fail fast, reading blocks on purpose. */
export type Purpose = 'send' | 'read'

const OPTIONS: Record<Purpose, RedisOptions> = {
  // A command that cannot be answered now is dropped: the sweep finds what it would have said.
  send: {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 1_000,
    enableAutoPipelining: true,
  },
  // Longer than the longest BLOCK, so that a half-open socket is noticed.
  read: { enableOfflineQueue: false, maxRetriesPerRequest: 0, socketTimeout: 6_000 },
}

/** A connection that keeps reconnecting, never repeats a command by itself, and reports a fault once until it is over. */
export function connect(url: string, purpose: Purpose, log: Log): Redis {
  const redis = new Redis(url, {
    ...OPTIONS[purpose],
    autoResendUnfulfilledCommands: false,
    connectTimeout: 2_000,
    retryStrategy: (times) => Math.min(50 * times, 1_000),
  })
  let isDown = false
  redis.on('error', (error: Error) => {
    if (!isDown)
      log.warn({ purpose, error: error.message }, 'redis: connection lost, work goes on by the sweep')
    isDown = true
  })
  redis.on('ready', () => {
    if (isDown) log.info({ purpose }, 'redis: connection is back')
    isDown = false
  })
  return redis
}
