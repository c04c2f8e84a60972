import { connect, type Socket } from 'node:net'

/**
 * How a request ends: `answered`; `halfway`: its connection is cut in the middle of the body; `unanswered`: it is cut once
 * the whole request is on its way, and before any of the answer is read.
 */
export type Ending = 'answered' | 'halfway' | 'unanswered'

/** A client with one connection at a time, which it cuts when it is told to. */
export class RudeClient {
  readonly #port: number
  readonly #key: string
  #socket: Socket | undefined

  constructor(url: string, key: string) {
    this.#port = Number(new URL(url).port)
    this.#key = key
  }

  /** Sends a body; gives status and answer, or null where it was cut off. */
  async post(path: string, body: string, ending: Ending): Promise<{ status: number; body: unknown } | null> {
    const bytes =
      Buffer.from(`POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${this.#key}\r
content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
    this.#socket ??= await opened(this.#port)
    const socket = this.#socket
    if (ending === 'answered') return answerTo(socket, bytes)
    this.#socket = undefined
    const part = ending === 'halfway' ? bytes.subarray(0, bytes.length - Math.ceil(body.length / 2)) : bytes
    await new Promise<void>((resolve, reject) =>
      socket.write(part, (error) => (error ? reject(error) : resolve())),
    )
    socket.destroy()
    return null
  }

  close(): void {
    this.#socket?.destroy()
  }
}

function opened(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => resolve(socket))
    socket.once('error', reject)
  })
}

function answerTo(socket: Socket, request: Buffer): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    let text = ''
    const gone = () => reject(new Error('the connection was closed before the answer'))
    const hear = (chunk: Buffer) => {
      text += chunk.toString('latin1')
      const head = text.indexOf('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(text.slice(0, head))?.[1])
      if (head === -1 || text.length < head + 4 + length) return
      socket.off('data', hear)
      socket.off('close', gone)
      resolve({ status: Number(text.slice(9, 12)), body: JSON.parse(text.slice(head + 4)) })
    }
    socket.on('data', hear)
    socket.once('close', gone)
    socket.write(request)
  })
}
