import { isIP } from 'node:net'
import { buildConnector, Pool } from 'undici'
import { type AddressGuard, AddressRefused } from './guard.ts'

/** Most origins with open connections; the one that was used longest ago is closed first. */
const ORIGINS_MAX = 1_000

/**
 * A connector whose every socket was checked: a literal address before it is dialled, a name at its resolution, and
 * what was reached once more. No second resolution comes between, and no proxy of the environment is asked.
 */
export function guardedConnector(guard: AddressGuard, timeoutMs: number): buildConnector.connector {
  const connect = buildConnector({ timeout: timeoutMs, lookup: guard.lookup as never, allowH2: false })
  return (options, callback) => {
    const host = options.hostname.replace(/^\[|\]$/g, '')
    const refusal = isIP(host) === 0 ? null : guard.refusalOfAddress(host)
    if (refusal !== null) return callback(new AddressRefused(refusal), null)
    connect(options, (...[error, socket]) => {
      if (error !== null || socket === null) return callback(error ?? new Error('no socket'), null)
      const reached =
        socket.remoteAddress === undefined
          ? 'the peer has no address'
          : guard.refusalOfAddress(socket.remoteAddress)
      if (reached === null) return callback(null, socket)
      socket.destroy()
      callback(new AddressRefused(reached), null)
    })
  }
}

/** Connections to the origins in use, each with its own pool. */
export class Pools {
  readonly #pools = new Map<string, Pool>()
  readonly #connector: buildConnector.connector
  readonly #connections: number

  constructor(options: { guard: AddressGuard; connectionsPerOrigin: number }) {
    this.#connector = guardedConnector(options.guard, 10_000)
    this.#connections = options.connectionsPerOrigin
  }

  of(origin: string): Pool {
    const known = this.#pools.get(origin)
    if (known !== undefined && !known.destroyed) return known
    const pool = new Pool(origin, {
      connect: this.#connector,
      connections: this.#connections,
      pipelining: 1,
      // Shorter than what servers usually keep, so that a socket is seldom closed by the peer just as it is used.
      keepAliveTimeout: 4_000,
      keepAliveMaxTimeout: 60_000,
    })
    this.#pools.set(origin, pool)
    this.#forgetOldest()
    return pool
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()))
    this.#pools.clear()
  }

  #forgetOldest(): void {
    if (this.#pools.size <= ORIGINS_MAX) return
    for (const [origin, pool] of this.#pools) {
      if (pool.stats.running + pool.stats.pending + pool.stats.queued > 0) continue
      this.#pools.delete(origin)
      void pool.close()
      return
    }
  }
}
