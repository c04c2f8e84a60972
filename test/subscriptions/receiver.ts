/** An outside system in a process of its own with any number of endpoints, one a path; it tells of each POST it got. */
import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Receipt } from './judge.ts'

export type ReceiverSays = { kind: 'listening'; port: number } | { kind: 'received'; receipts: Receipt[] }
/** The secret of each endpoint, by its path. */
export type ReceiverHears = { kind: 'secrets'; secrets: Record<string, string> }

const TELL_MS = 100
/** An answer takes up to this. */
const SLOWEST_MS = 20

const secrets = new Map<string, string>()
let untold: Receipt[] = []

const say = (message: ReceiverSays) => process.send?.(message)

/** Whether it is signed by the secret of its endpoint, and says in its body what it says in its headers. */
function isGenuine(headers: IncomingHttpHeaders, path: string, text: string, id: string): boolean {
  const signed = createHmac('sha256', secrets.get(path) ?? '')
    .update(text)
    .digest('hex')
  return headers['x-retivo-signature'] === signed && headers['webhook-id'] === id
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.once('end', () => {
    const text = Buffer.concat(chunks).toString('utf8')
    const path = request.url ?? ''
    const { id, data } = JSON.parse(text) as { id: string; data: { data: { event: string } } }
    const receipt = { endpoint: path, event: data.data.event, id, at: Date.now() }
    untold.push({ ...receipt, isGenuine: isGenuine(request.headers, path, text, id) })
    setTimeout(() => response.end('{}'), Math.random() * SLOWEST_MS)
  })
})
server.keepAliveTimeout = 60_000

setInterval(() => {
  if (untold.length === 0) return
  say({ kind: 'received', receipts: untold })
  untold = []
}, TELL_MS)

process.on('message', (message: ReceiverHears) => {
  for (const [path, secret] of Object.entries(message.secrets)) secrets.set(path, secret)
})
process.on('disconnect', () => process.exit(0))
server.listen(0, '127.0.0.1', () => say({ kind: 'listening', port: (server.address() as AddressInfo).port }))
