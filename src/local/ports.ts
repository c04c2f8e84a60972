import { createServer } from 'node:net'
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
