import { connect, type Socket } from 'node:net'

/** What is sent: one whole HTTP/1.1 request each, and the status that each must be answered with. */
export interface Volleys {
  port: number
  connections: number
  requests: readonly Buffer[]
  status: number
}

/** A request as bytes, with what a client's library would send along. */
export function requestBytes(path: string, key: string, body: string): Buffer {
  const lines = [
    `POST ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    `authorization: Bearer ${key}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: keep-alive',
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`)
}

/**
 * Sends every request over so many connections, each connection the next one once the last was answered; gives the
 * seconds it took. It reads just enough HTTP to know where an answer ends, so that little of the machine goes to the
 * client. Throws where an answer has another status.
 */
export async function hammer({ port, connections, requests, status }: Volleys): Promise<number> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => opened(port)))
  const expected = `HTTP/1.1 ${status} `
  let next = 0
  const startedAt = performance.now()
  await Promise.all(
    sockets.map(async (socket) => {
      while (next < requests.length) await answered(socket, requests[next++]!, expected)
    }),
  )
  const seconds = (performance.now() - startedAt) / 1_000
  for (const socket of sockets) socket.destroy()
  return seconds
}

/** A connection to this machine. */
export function opened(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.once('error', reject)
  })
}

/** Sends one request and resolves once its answer is here; throws where it does not begin as expected. */
export function answered(socket: Socket, request: Buffer, expected: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = ''
    const end = (error?: Error) => {
      socket.off('data', hear)
      socket.off('close', gone)
      if (error === undefined) resolve()
      else reject(error)
    }
    const gone = () => end(new Error('the connection was closed before the answer'))
    const hear = (chunk: Buffer) => {
      text += chunk.toString('latin1')
      const head = text.indexOf('\r\n\r\n')
      if (head === -1) return
      const length = Number(/content-length: (\d+)/i.exec(text.slice(0, head))?.[1] ?? 0)
      if (text.length < head + 4 + length) return
      end(text.startsWith(expected) ? undefined : new Error(`answered with ${text.slice(0, 600)}`))
    }
    socket.on('data', hear)
    socket.once('close', gone)
    socket.write(request)
  })
}
