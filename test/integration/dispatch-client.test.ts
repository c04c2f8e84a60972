import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { Client, type SendAnswer } from '../../src/dispatch/client.ts'
import { createGuard } from '../../src/dispatch/guard.ts'

const servers: { close(): unknown; closeAllConnections?(): void }[] = []
const sockets = new Set<Socket>()

function listen(listener: RequestListener): Promise<string> {
  return started(createServer(listener))
}

/** A server that answers with raw bytes, or does what `answer` does with the socket. */
function listenRaw(answer: (socket: Socket) => void): Promise<string> {
  return started(
    createTcpServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.once('data', () => answer(socket))
    }) as unknown as Server,
  )
}

function started(server: Server): Promise<string> {
  servers.push(server)
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?x=1`),
    )
  })
}

describe('the HTTP client of dispatch', () => {
  let client: Client
  const send = (url: string, timeoutMs = 2_000, body = '{"a":1}') =>
    new Promise<SendAnswer>((resolve) => {
      client.send({
        target: client.target(url),
        body,
        headers: ['x-test', 'yes'],
        timeoutMs,
        onDone: resolve,
      })
    })

  beforeEach(() => {
    client = new Client({ guard: createGuard(['127.0.0.0/8']), connectionsPerOrigin: 4 })
  })
  afterEach(async () => {
    await client.close()
    for (const socket of sockets) socket.destroy()
    for (const server of servers.splice(0)) {
      server.closeAllConnections?.()
      server.close()
    }
  })

  it('posts exactly the body and headers it was given, to path and query', async () => {
    const seen: { url?: string; method?: string; type?: string; test?: unknown; body: string } = { body: '' }
    const url = await listen((request, response) => {
      Object.assign(seen, {
        url: request.url,
        method: request.method,
        type: request.headers['content-type'],
        test: request.headers['x-test'],
      })
      request.on('data', (chunk) => {
        seen.body += chunk
      })
      request.on('end', () => response.end('ok'))
    })
    const answer = await send(url, 2_000, '{"ü":"✓"}')
    expect(answer).to.include({ kind: 'answered', status: 200, excerpt: 'ok' })
    expect(seen).to.deep.equal({
      url: '/hook?x=1',
      method: 'POST',
      type: 'application/json',
      test: 'yes',
      body: '{"ü":"✓"}',
    })
  })

  it('does not follow a redirect', async () => {
    let calls = 0
    const url = await listen((_request, response) => {
      calls++
      response.writeHead(302, { location: '/elsewhere' }).end()
    })
    expect(await send(url)).to.include({ kind: 'answered', status: 302 })
    expect(calls).to.equal(1)
  })

  it('gives the wish of Retry-After', async () => {
    const url = await listen((_request, response) =>
      response.writeHead(503, { 'retry-after': '7' }).end('busy'),
    )
    expect(await send(url)).to.include({ status: 503, retryAfterMs: 7_000, excerpt: 'busy' })
  })

  it('cuts a long body at 4 KiB and can use the connection again', async () => {
    const url = await listen((_request, response) => response.end('x'.repeat(20_000)))
    for (let i = 0; i < 3; i++) {
      const answer = await send(url)
      expect(answer.kind === 'answered' && answer.excerpt.length).to.equal(4_096)
    }
  })

  it('stops reading a body without an end, and keeps the status', async () => {
    const url = await listen((_request, response) => {
      const timer = setInterval(() => response.write('x'.repeat(16_384)), 1)
      response.on('close', () => clearInterval(timer))
    })
    expect(await send(url)).to.include({ kind: 'answered', status: 200 })
  })

  it('inflates no more of a compressed body than it keeps', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000, 'a'))
    const url = await listen((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
    )
    const answer = await send(url)
    expect(answer.kind === 'answered' && answer.excerpt).to.equal('a'.repeat(4_096))
  })

  it('ends a call whose answer does not begin in time', async () => {
    const url = await listen(() => undefined)
    const answer = await send(url, 150)
    expect(answer).to.include({ kind: 'failed', reason: 'timeout' })
    expect(answer.latencyMs).to.be.within(140, 1_500)
  })

  it('counts a body that drips towards the same timeout', async () => {
    const url = await listen((_request, response) => {
      const timer = setInterval(() => response.write('.'), 20)
      response.on('close', () => clearInterval(timer))
    })
    expect(await send(url, 200)).to.include({ kind: 'failed', reason: 'timeout' })
  })

  it('never sends a call that timed out while it waited for a connection', async () => {
    const seen: string[] = []
    const url = await listen((request) => {
      request.on('data', (chunk) => seen.push(String(chunk)))
    })
    const first = Array.from({ length: 4 }, () => send(url, 600, '"first"'))
    const late = await send(url, 100, '"late"')
    expect(late).to.include({ reason: 'timeout' })
    await Promise.all(first)
    expect(seen).to.deep.equal(Array(4).fill('"first"'))
  })

  it('names a connection that is refused', async () => {
    expect(await send('http://127.0.0.1:1/')).to.include({ kind: 'failed', reason: 'connection' })
  })

  it('names a name that does not resolve', async () => {
    expect(await send('http://no-such-host.invalid/')).to.include({ kind: 'failed', reason: 'dns' })
  })

  it('names an answer that is not HTTP, one that ends early, and headers without end', async () => {
    const garbage = await listenRaw((socket) => socket.end('hello\r\n\r\n'))
    expect(await send(garbage)).to.include({ kind: 'failed', reason: 'protocol' })
    const short = await listenRaw((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'))
    expect(await send(short)).to.include({ kind: 'failed', reason: 'connection' })
    const headers = await listenRaw((socket) =>
      socket.end(`HTTP/1.1 200 OK\r\n${'x-a: b\r\n'.repeat(20_000)}`),
    )
    expect(await send(headers)).to.include({ kind: 'failed', reason: 'protocol' })
  })

  it('refuses an address at the socket, literal or resolved', async () => {
    const url = await listen((_request, response) => response.end('reached'))
    const strict = new Client({ guard: createGuard([]), connectionsPerOrigin: 1 })
    const sendStrict = (to: string) =>
      new Promise<SendAnswer>((resolve) => {
        strict.send({ target: strict.target(to), body: '{}', headers: [], timeoutMs: 1_000, onDone: resolve })
      })
    expect(await sendStrict(url)).to.include({ kind: 'failed', reason: 'refused_address' })
    expect(await sendStrict(url.replace('127.0.0.1', 'localhost'))).to.include({
      kind: 'failed',
      reason: 'refused_address',
    })
    await strict.close()
  })

  it('does not ask a proxy of the environment', async () => {
    process.env.HTTP_PROXY = 'http://127.0.0.1:1'
    try {
      const url = await listen((_request, response) => response.end('direct'))
      expect(await send(url)).to.include({ status: 200, excerpt: 'direct' })
    } finally {
      delete process.env.HTTP_PROXY
    }
  })
})
