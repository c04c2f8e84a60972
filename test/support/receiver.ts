import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One POST that a receiver got. */
export interface Received {
  at: number
  headers: IncomingHttpHeaders
  text: string
  body: {
    action_id: string
    action_type: string
    user_id: string
    parameters: Record<string, unknown>
    confidence: string | null
    reasoning: string | null
    tenant_id: string
    timestamp: string
  }
}

/** A stand-in for an outside system, strict about what it takes: JSON by POST, with the headers of a dispatch. */
export class Receiver {
  readonly received: Received[] = []
  /** What it answers; it may also keep the response open. */
  answer: (received: Received, response: ServerResponse) => void = (_received, response) =>
    response.end('{"ok":true}')
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8')
      const id = request.headers['x-retivo-action-id']
      if (
        request.method !== 'POST' ||
        request.headers['content-type'] !== 'application/json' ||
        id === undefined
      ) {
        response.writeHead(400).end('not a dispatch')
        return
      }
      const received = { at: Date.now(), headers: request.headers, text, body: JSON.parse(text) }
      this.received.push(received)
      this.answer(received, response)
    })
  })

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/actions`
  }

  /** Ids of the actions it got, each as often as it came. */
  get ids(): string[] {
    return this.received.map(({ body }) => body.action_id)
  }

  isSignedBy(received: Received, secret: string): boolean {
    return (
      received.headers['x-retivo-signature'] ===
      createHmac('sha256', secret).update(received.text).digest('hex')
    )
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
