/** The receiver of every contender, in its own process: answers 200, counts, and checks the signature of every 50th. */
import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

let secret = ''
let count = 0
let bad = 0
let waiting = 0
const ids = new Set<string>()

const server = createServer((request, response) => {
  const id = String(request.headers['x-retivo-action-id'])
  count++
  ids.add(id)
  if (count % 50 === 0) {
    const hmac = createHmac('sha256', secret)
    request.on('data', (chunk) => hmac.update(chunk))
    request.on('end', () => {
      if (hmac.digest('hex') !== request.headers['x-retivo-signature']) bad++
    })
  } else request.resume()
  request.once('end', () => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end('{"ok":true}')
    if (ids.size === waiting) process.send?.({ kind: 'all' })
  })
})
server.keepAliveTimeout = 60_000

process.on('message', (message: { kind: 'reset'; secret: string; expect: number } | { kind: 'report' }) => {
  if (message.kind === 'report') {
    process.send?.({ kind: 'report', count, distinct: ids.size, bad })
    return
  }
  secret = message.secret
  count = 0
  bad = 0
  ids.clear()
  waiting = message.expect
  process.send?.({ kind: 'reset' })
})
process.on('disconnect', () => process.exit(0))
server.listen(0, '127.0.0.1', () =>
  process.send?.({ kind: 'listening', port: (server.address() as AddressInfo).port }),
)
