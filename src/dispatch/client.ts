import { readFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import { EXCERPT_BYTES, inflatedExcerpt, plainExcerpt } from './excerpt.ts'
import { failureOf } from './failures.ts'
import type { AddressGuard } from './guard.ts'
import { Pools } from './pools.ts'
import { retryAfterMs } from './retry-after.ts'

/** Where POSTs go; made once for a URL. */
export interface Target {
  origin: string
  path: string
}

/**
 * What one POST came to. Latency is in ms, from `send` to the end of the body. `wasSent`: it had begun on a connection,
 * so the receiver may have acted on it.
 */
export type SendAnswer =
  | { kind: 'answered'; status: number; latencyMs: number; retryAfterMs: number | null; excerpt: string }
  | { kind: 'failed'; reason: FailureKind; message: string; latencyMs: number; wasSent: boolean }

export type FailureKind = 'timeout' | 'refused_address' | 'connection' | 'tls' | 'dns' | 'protocol'

export interface SendCall {
  target: Target
  body: string
  /** Flat list of names and values. */
  headers: string[]
  /** Over connecting, headers and body together. */
  timeoutMs: number
  /** Called exactly once. */
  onDone(answer: SendAnswer): void
}

export interface ClientOptions {
  guard: AddressGuard
  /** Most connections to one origin. */
  connectionsPerOrigin: number
}

/** Of a body that is longer than the excerpt, this much is read so that the connection can be used again. */
const DRAIN_BYTES = 64 * 1024

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}
/** The headers that every POST carries, whatever it sends; a flat list of names and values. */
export const FIXED_HEADERS: readonly string[] = [
  'content-type',
  'application/json',
  'user-agent',
  `Volley/${version}`,
]

/** Sends POSTs to the outside: one `send`, one POST, one answer. Redirects are answers like any other. */
export class Client {
  readonly #pools: Pools

  constructor(options: ClientOptions) {
    this.#pools = new Pools(options)
  }

  target(url: string): Target {
    const { origin, pathname, search } = new URL(url)
    return { origin, path: pathname + search }
  }

  send(call: SendCall): void {
    const running = new Call(call)
    const options: Dispatcher.DispatchOptions = {
      path: call.target.path,
      method: 'POST',
      headers: [...FIXED_HEADERS, ...call.headers],
      body: call.body,
      // The call's own timer covers everything; undici's would only cover parts of it.
      headersTimeout: 0,
      bodyTimeout: 0,
    }
    try {
      this.#pools.of(call.target.origin).dispatch(options, running)
    } catch (error) {
      running.onResponseError(null, error as Error)
    }
  }

  /** Ends every connection; what is still on the wire is answered as a failed connection. */
  async close(): Promise<void> {
    await this.#pools.close()
  }
}

/** One POST on its way, as undici calls it back. */
class Call implements Dispatcher.DispatchHandler {
  readonly #call: SendCall
  readonly #startedAt = performance.now()
  readonly #timer: NodeJS.Timeout
  #controller: Dispatcher.DispatchController | null = null
  #status = 0
  #headers: IncomingHttpHeaders = {}
  #chunks: Buffer[] = []
  #size = 0
  /** The status and enough of the body are known; whatever happens to the connection now changes nothing. */
  #isAnswered = false
  #isDone = false

  constructor(call: SendCall) {
    this.#call = call
    this.#timer = setTimeout(() => this.#timedOut(), call.timeoutMs)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // A call that timed out while it waited for a connection must not be sent any more.
    if (this.#isDone) controller.abort(new Error('timed out before a connection was free'))
    this.#controller = controller
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    this.#status = status
    this.#headers = headers
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isDone || this.#isAnswered) return
    if (this.#size < EXCERPT_BYTES) this.#chunks.push(chunk)
    this.#size += chunk.length
    if (this.#size <= DRAIN_BYTES) return
    // The answer is known; a body without an end is not worth its connection.
    this.#answered()
    controller.abort(new Error('the body is longer than is read'))
  }

  onResponseEnd(): void {
    this.#answered()
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#isAnswered) return
    this.#end(() => ({
      kind: 'failed',
      ...failureOf(error),
      latencyMs: this.#latencyMs(),
      wasSent: this.#controller !== null,
    }))
  }

  #timedOut(): void {
    const message = `no complete answer within ${this.#call.timeoutMs} ms`
    this.#end(() => ({
      kind: 'failed',
      reason: 'timeout',
      message,
      latencyMs: this.#latencyMs(),
      wasSent: this.#controller !== null,
    }))
    this.#controller?.abort(new Error(message))
  }

  #answered(): void {
    if (this.#isAnswered) return
    this.#isAnswered = true
    const coding = single(this.#headers['content-encoding'])?.trim().toLowerCase() ?? 'identity'
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    if (coding === 'identity' || body.length === 0) this.#endAnswered(plainExcerpt(body))
    else void inflatedExcerpt(body, coding).then((excerpt) => this.#endAnswered(excerpt))
  }

  #endAnswered(excerpt: string): void {
    this.#end(() => ({
      kind: 'answered',
      status: this.#status,
      latencyMs: this.#latencyMs(),
      retryAfterMs: retryAfterMs(single(this.#headers['retry-after']), Date.now()),
      excerpt,
    }))
  }

  #latencyMs(): number {
    return Math.round((performance.now() - this.#startedAt) * 10) / 10
  }

  #end(answer: () => SendAnswer): void {
    if (this.#isDone) return
    this.#isDone = true
    clearTimeout(this.#timer)
    this.#chunks = []
    this.#call.onDone(answer())
  }
}

const single = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value)
