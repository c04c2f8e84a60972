import { type ChildProcess, fork } from 'node:child_process'
import type { ReceiverOrder, ReceiverReport } from './receiver.ts'

/** What a receiver has to know of a round: `delays` in ms before an answer on the n-th port, null to hang. */
export interface Expectation {
  secret: string
  expect: number
  delays?: (number | null)[]
}

/** The process that all POSTs of the bench go to. */
export class Receiving {
  readonly #process: ChildProcess
  readonly #ports: readonly number[]

  private constructor(process: ChildProcess, ports: readonly number[]) {
    this.#process = process
    this.#ports = ports
  }

  /** Starts it, listening on so many ports of loopback. */
  static async start(ports: number): Promise<Receiving> {
    const child = fork(new URL('./receiver.ts', import.meta.url))
    // A scenario that waits for no `all` leaves its listener behind.
    child.setMaxListeners(0)
    const listening = heard<{ ports: number[] }>(child, 'listening')
    child.send({ kind: 'listen', ports } satisfies ReceiverOrder)
    return new Receiving(child, (await listening).ports)
  }

  url(index = 0): string {
    return `http://127.0.0.1:${this.#ports[index]}/actions`
  }

  /** Begins a round; the promise inside resolves when every expected id has come. */
  async reset(expectation: Expectation): Promise<{ all: Promise<void> }> {
    const isReset = heard(this.#process, 'reset')
    const all = heard(this.#process, 'all').then(() => undefined)
    this.#process.send({ kind: 'reset', ...expectation } satisfies ReceiverOrder)
    await isReset
    return { all }
  }

  async report(): Promise<ReceiverReport> {
    const report = heard<ReceiverReport>(this.#process, 'report')
    this.#process.send({ kind: 'report' } satisfies ReceiverOrder)
    return report
  }

  /** Throws unless every expected id came exactly once and no signature was bad. */
  async requireOnce(who: string, expect: number): Promise<void> {
    const { count, distinct, bad } = await this.report()
    if (count !== expect || distinct !== expect || bad > 0)
      throw new Error(`${who}: ${count} POSTs, ${distinct} distinct of ${expect}, ${bad} badly signed`)
  }

  stop(): void {
    this.#process.disconnect()
  }
}

function heard<T>(child: ChildProcess, kind: string): Promise<T> {
  return new Promise((resolve) => {
    const listen = (message: { kind: string }) => {
      if (message.kind !== kind) return
      child.off('message', listen)
      resolve(message as T)
    }
    child.on('message', listen)
  })
}
