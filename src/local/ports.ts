import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { VolleyError } from '../errors.ts'

function listenOnce(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address()
      const taken = typeof address === 'object' && address !== null ? address.port : port
      server.close(() => resolve(taken))
    })
  })
}

/** A TCP port of 127.0.0.1 that nobody listens on just now; another process may still be faster. */
export function freePort(): Promise<number> {
  return listenOnce('127.0.0.1', 0)
}

/** Throws `port_taken` where nothing could listen on the port, so that a start fails before it has started anything. */
export async function requirePort(host: string, port: number): Promise<void> {
  try {
    await listenOnce(host, port)
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code
    const reason = why === 'EADDRINUSE' ? 'another program listens there' : `it cannot be used (${why})`
    throw new VolleyError('port_taken', `PORT=${port} on ${host}: ${reason}; set PORT to a free one`, {
      cause: error,
    })
  }
}

/** Messages of servers whose port another program took between our look and their bind. */
const PORT_LOST = /address already in use/i

/**
 * Starts something on a free port, again on another port where a program was faster, and again for up to 20 s where
 * its error matches `passes`; throws the last error otherwise.
 */
export async function withFreePort<T>(start: (port: number) => Promise<T>, passes = PORT_LOST): Promise<T> {
  const end = performance.now() + 20_000
  for (;;) {
    try {
      return await start(await freePort())
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      if (!(PORT_LOST.test(why) || passes.test(why)) || performance.now() > end) throw error
      await sleep(250)
    }
  }
}
