/**
 * The receiver of every contender, in its own process. It reads just enough HTTP/1.1 to answer a POST with a
 * content-length, so that what is compared is who sends and not node:http on the other side; it counts every id, checks
 * the signature of every 50th body, and notes when each id came first. It listens on as many ports as it is told.
 */
import { createHmac } from 'node:crypto'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/** What the process is told; `delays`: ms before an answer on the n-th port, null to hang; none: at once. */
export type ReceiverOrder =
  | { kind: 'reset'; secret: string; expect: number; delays?: (number | null)[] }
  | { kind: 'report' }
  | { kind: 'listen'; ports: number }

/** Everything since the last reset. `times`: first arrival of each id, in ns of the machine's monotonic clock. */
export interface ReceiverReport {
  kind: 'report'
  count: number
  distinct: number
  bad: number
  times: [string, string][]
}

const ANSWER = Buffer.from(
  'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"ok":true}',
)
const HEAD_END = Buffer.from('\r\n\r\n')

let secret = ''
let count = 0
let bad = 0
let expected = 0
let delays: (number | null)[] = []
const first = new Map<string, bigint>()

/** One connection: requests may come in parts, or several in one chunk. */
function serve(socket: Socket, index: number): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.setNoDelay(true)
  socket.on('error', () => undefined)
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (;;) {
      const headEnd = rest.indexOf(HEAD_END)
      if (headEnd === -1) return
      const head = rest.toString('latin1', 0, headEnd)
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1])
      if (!head.startsWith('POST ') || Number.isNaN(length)) {
        socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
        return
      }
      const end = headEnd + HEAD_END.length + length
      if (rest.length < end) return
      received(head, rest.subarray(headEnd + HEAD_END.length, end))
      rest = rest.subarray(end)
      answer(socket, index)
    }
  })
}

function received(head: string, body: Buffer): void {
  const action = /\r\nx-retivo-action-id: *(\S+)/i.exec(head)?.[1] ?? ''
  // Endpoints are told of the same event; each has its own query.
  const query = head.indexOf('?')
  const id =
    query === -1 || query > head.indexOf('\r\n')
      ? action
      : action + head.slice(query, head.indexOf(' ', query))
  count++
  if (!first.has(id)) first.set(id, process.hrtime.bigint())
  if (count % 50 === 0) {
    const signature = /\r\nx-retivo-signature: *(\S+)/i.exec(head)?.[1]
    if (createHmac('sha256', secret).update(body).digest('hex') !== signature) bad++
  }
  if (first.size === expected) process.send?.({ kind: 'all' })
}

function answer(socket: Socket, index: number): void {
  const delay = delays[index]
  if (delay === null) return
  if (delay === undefined || delay === 0) socket.write(ANSWER)
  else setTimeout(() => socket.write(ANSWER), delay)
}

async function listen(ports: number): Promise<void> {
  const listening = Array.from({ length: ports }, async (_, index) => {
    const server = createServer((socket) => serve(socket, index))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 1_024, resolve))
    return (server.address() as AddressInfo).port
  })
  process.send?.({ kind: 'listening', ports: await Promise.all(listening) })
}

process.on('message', (message: ReceiverOrder) => {
  switch (message.kind) {
    case 'listen':
      void listen(message.ports)
      return
    case 'report':
      process.send?.({
        kind: 'report',
        count,
        distinct: first.size,
        bad,
        times: [...first].map(([id, at]) => [id, String(at)]),
      })
      return
    case 'reset':
      secret = message.secret
      expected = message.expect
      delays = message.delays ?? []
      count = 0
      bad = 0
      first.clear()
      process.send?.({ kind: 'reset' })
      return
    default:
      message satisfies never
  }
})
process.on('disconnect', () => process.exit(0))
