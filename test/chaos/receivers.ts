import { type ChildProcess, fork } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Receipt } from './observed.ts'
import type { ReceiverSays } from './receiver.ts'

/** Some receiver processes, and every POST they got. */
export class Receivers {
  readonly receipts: Receipt[] = []
  readonly #children: ChildProcess[] = []
  readonly #ports: number[] = []
  readonly #onReceipt: (receipt: Receipt) => void

  private constructor(onReceipt: (receipt: Receipt) => void) {
    this.#onReceipt = onReceipt
  }

  static async start(options: {
    seed: number
    /** The first of their streams of chance. */
    stream: number
    count: number
    onReceipt(receipt: Receipt): void
  }): Promise<Receivers> {
    const receivers = new Receivers(options.onReceipt)
    for (let i = 0; i < options.count; i++) await receivers.#add(options.seed, options.stream + i)
    return receivers
  }

  /** The address of one of them, with a path of its own for each `name`. */
  url(index: number, name: string): string {
    return `http://127.0.0.1:${this.#ports[index % this.#ports.length]}/${name}`
  }

  /** Returns once what was received has been told of. */
  async settled(): Promise<void> {
    for (let known = -1; known !== this.receipts.length; ) {
      known = this.receipts.length
      await sleep(500)
    }
  }

  stop(): void {
    for (const child of this.#children) child.disconnect()
  }

  #add(seed: number, stream: number): Promise<void> {
    const child = fork(new URL('./receiver.ts', import.meta.url), [String(seed), String(stream)])
    this.#children.push(child)
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code) => reject(new Error(`a receiver ended with ${code}`)))
      child.on('message', (message: ReceiverSays) => {
        if (message.kind === 'listening') {
          this.#ports.push(message.port)
          resolve()
          return
        }
        this.receipts.push(...message.receipts)
        for (const receipt of message.receipts) this.#onReceipt(receipt)
      })
    })
  }
}
