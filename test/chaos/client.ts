import { setTimeout as sleep } from 'node:timers/promises'

/** A call gives up on one web process after this, and asks another one. */
const PATIENCE_MS = 4_000
const PAUSE_MS = { first: 50, longest: 1_000 }

export interface Call {
  method: 'GET' | 'POST'
  path: string
  key: string
  body?: unknown
  headers?: Record<string, string>
}

export interface Answer {
  status: number
  body: any
}

/** A client that repeats a call, at each web process in turn, until one of them answers with less than 500. */
export class Client {
  /** How often a call had to be repeated, by what it got instead of an answer. */
  readonly repeats: Record<string, number> = {}
  readonly #urls: readonly string[]
  #turn = 0

  constructor(urls: readonly string[]) {
    this.#urls = urls
  }

  /** Throws where `signal` ended before there was an answer. */
  async ask(call: Call, signal: AbortSignal): Promise<Answer> {
    for (let pauseMs = PAUSE_MS.first; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS.longest)) {
      signal.throwIfAborted()
      const got = await this.#askOnce(call)
      if (typeof got !== 'string') return got
      this.repeats[got] = (this.repeats[got] ?? 0) + 1
      await sleep(pauseMs)
    }
  }

  /** The answer, or why there is none worth having. */
  async #askOnce({ method, path, key, body, headers }: Call): Promise<Answer | string> {
    const url = this.#urls[this.#turn++ % this.#urls.length]
    try {
      const answer = await fetch(url + path, {
        method,
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(PATIENCE_MS),
      })
      const text = await answer.text()
      return answer.status >= 500 ? String(answer.status) : { status: answer.status, body: JSON.parse(text) }
    } catch (error) {
      return (error as Error).name === 'TimeoutError' ? 'no answer' : 'cut'
    }
  }
}
