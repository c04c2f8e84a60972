import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Chance } from './chance.ts'

/** How the driver ends a transaction: the text of a simple query, with its final zero. */
const COMMIT = 'commit\0'
/** A commit has happened after this, on a machine that is busy. */
const COMMITTED_MS = 300

interface Pair {
  client: Socket
  server: Socket
  /** Neither side learns what becomes of the other. */
  isFrozen: boolean
}

/** A TCP proxy before a server, whose connections can be cut or left half-open. */
export class TcpProxy {
  readonly #listener: Server
  /** Commits whose answer was cut off. */
  unheard = 0
  readonly #pairs = new Set<Pair>()
  #isUnhearing = false

  private constructor(listener: Server) {
    this.#listener = listener
  }

  /** Listens on a free port of 127.0.0.1 and passes on to `port` there. */
  static async start(port: number): Promise<TcpProxy> {
    const listener = createServer()
    const proxy = new TcpProxy(listener)
    listener.on('connection', (client) => proxy.#join(client, connect(port, '127.0.0.1')))
    listener.listen(0, '127.0.0.1')
    await once(listener, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port
  }

  /** Destroys a share of the connections; what was under way may have arrived or not. */
  cut(share: number, chance: Chance): void {
    for (const pair of this.#some(share, chance)) destroy(pair)
  }

  /**
   * Keeps a share of the connections open for a while although they are dead, and destroys them then. Some pass nothing,
   * some still pass what the client says: the server does it, and the client never hears.
   */
  async halfOpen(share: number, ms: number, chance: Chance): Promise<void> {
    const chosen = this.#some(share, chance)
    for (const pair of chosen) freeze(pair, chance.isLucky(0.5))
    await sleep(ms, undefined, { ref: false })
    for (const pair of chosen) destroy(pair)
  }

  /** For a while, every commit is passed on to the server, and its connection dies before the client hears of it. */
  async unhearCommits(ms: number): Promise<void> {
    this.#isUnhearing = true
    await sleep(ms)
    this.#isUnhearing = false
  }

  async stop(): Promise<void> {
    for (const pair of this.#pairs) destroy(pair)
    await new Promise((resolve) => this.#listener.close(resolve))
  }

  #some(share: number, chance: Chance): Pair[] {
    return [...this.#pairs].filter((pair) => !pair.isFrozen && chance.isLucky(share))
  }

  #join(client: Socket, server: Socket): void {
    const pair: Pair = { client, server, isFrozen: false }
    this.#pairs.add(pair)
    client.on('data', (bytes) => {
      if (this.#isUnhearing && !pair.isFrozen && bytes.includes(COMMIT)) {
        this.unheard++
        void unhear(pair)
      }
    })
    const sides: [Socket, Socket][] = [
      [client, server],
      [server, client],
    ]
    for (const [side, other] of sides) {
      side.setNoDelay(true)
      side.on('error', () => undefined)
      side.on('close', () => {
        if (!pair.isFrozen) other.destroy()
        if (client.destroyed && server.destroyed) this.#pairs.delete(pair)
      })
      side.pipe(other)
    }
  }
}

function freeze(pair: Pair, isHeard: boolean): void {
  pair.isFrozen = true
  // Read and dropped: a server whose answers are not taken would wait for its client to read.
  pair.server.unpipe(pair.client)
  pair.server.resume()
  if (isHeard) return
  pair.client.unpipe(pair.server)
  pair.client.resume()
}

async function unhear(pair: Pair): Promise<void> {
  freeze(pair, true)
  await sleep(COMMITTED_MS)
  destroy(pair)
}

function destroy({ client, server }: Pair): void {
  client.destroy()
  server.destroy()
}
