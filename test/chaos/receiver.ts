/** An outside system in a process of its own that fails, is slow, and hangs, by its seed; it tells of each POST it got. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Chance } from './chance.ts'
import type { Receipt, ReceiverAnswer } from './observed.ts'
import { SLOWEST_MS } from './sends.ts'

const FAILED_SHARE = 0.2
const HUNG_SHARE = 0.02
/** Longer than the timeout of every type. */
const HANG_MS = 2_500
/** A little less than the timeout of every type. */
const OVER_MS = 900
const TELL_MS = 50

export type ReceiverSays = { kind: 'listening'; port: number } | { kind: 'received'; receipts: Receipt[] }

/** When the POSTs that are not answered yet came, by path; past their timeout they are over for whoever sent them. */
const busy = new Map<string, Set<number>>()

const chance = new Chance(Number(process.argv[2]), Number(process.argv[3]))
let untold: Receipt[] = []

const say = (message: ReceiverSays) => process.send?.(message)

function draw(): ReceiverAnswer {
  const drawn = chance.next()
  if (drawn < HUNG_SHARE) return 'hung'
  return drawn < HUNG_SHARE + FAILED_SHARE ? 'failed' : 'ok'
}

/** How many POSTs of a path there are now with this one, which counts until its response is closed. */
function together(path: string, response: ServerResponse): number {
  const now = performance.now()
  const own = busy.get(path) ?? new Set()
  busy.set(path, own.add(now))
  response.once('close', () => own.delete(now))
  return [...own].filter((at) => now - at < OVER_MS).length
}

const server = createServer((request, response) => {
  const beside = together(request.url ?? '', response)
  request.resume()
  request.once('end', () => {
    const answer = draw()
    untold.push({
      id: String(request.headers['x-retivo-action-id']),
      at: Date.now(),
      answer,
      together: beside,
    })
    if (answer === 'hung') setTimeout(() => response.destroy(), HANG_MS)
    else
      setTimeout(
        () => response.writeHead(answer === 'ok' ? 200 : 500).end('{}'),
        chance.between(0, SLOWEST_MS),
      )
  })
})
server.keepAliveTimeout = 60_000

setInterval(() => {
  if (untold.length === 0) return
  say({ kind: 'received', receipts: untold })
  untold = []
}, TELL_MS)

process.on('disconnect', () => process.exit(0))
server.listen(0, '127.0.0.1', () => say({ kind: 'listening', port: (server.address() as AddressInfo).port }))
