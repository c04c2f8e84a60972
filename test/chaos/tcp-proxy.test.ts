import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { Chance } from './chance.ts'
import { TcpProxy } from './tcp-proxy.ts'

describe('the proxy that chaos cuts connections with', () => {
  let server: Server
  let proxy: TcpProxy
  let client: Socket
  /** What either side has heard, and whether it knows that the connection is over. */
  let heard: { client: string; server: string; isClientOver: boolean; isServerOver: boolean }

  beforeEach(async () => {
    heard = { client: '', server: '', isClientOver: false, isServerOver: false }
    // Answers each text with itself.
    server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.on('close', () => {
        heard.isServerOver = true
      })
      socket.on('data', (bytes) => {
        heard.server += bytes
        socket.write(bytes)
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    proxy = await TcpProxy.start((server.address() as AddressInfo).port)
    client = connect(proxy.port, '127.0.0.1')
    client.on('error', () => undefined)
    client.on('data', (bytes) => {
      heard.client += bytes
    })
    client.on('close', () => {
      heard.isClientOver = true
    })
    client.write('one ')
    await eventually(() => expect(heard.client).to.equal('one '))
  })
  afterEach(async () => {
    client.destroy()
    await proxy.stop()
    server.close()
  })

  it('tells both sides of a cut', async () => {
    proxy.cut(1, new Chance(1))
    await eventually(() => expect([heard.isClientOver, heard.isServerOver]).to.deep.equal([true, true]))
  })

  it('leaves both in the dark while a connection is half-open, and ends it then', async () => {
    const over = proxy.halfOpen(1, 300, new Chance(1))
    client.write('two ')
    const { isClientOver, isServerOver } = heard
    expect([isClientOver, isServerOver]).to.deep.equal([false, false])
    await over
    await eventually(() => expect([heard.isClientOver, heard.isServerOver]).to.deep.equal([true, true]))
    expect(heard.client).to.equal('one ')
  })

  it('lets a commit arrive and its answer not', async () => {
    const over = proxy.unhearCommits(500)
    client.write('other ')
    await eventually(() => expect(heard.client).to.equal('one other '))
    client.write('commit\0')
    await eventually(() => expect([heard.isClientOver, heard.isServerOver]).to.deep.equal([true, true]))
    expect(heard).to.include({ client: 'one other ', server: 'one other commit\0' })
    expect(proxy.unheard).to.equal(1)
    await over
  })
})
