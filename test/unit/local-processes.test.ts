import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect } from 'chai'
import { freePort, requirePort, withFreePort } from '../../src/local/ports.ts'
import { commandOf, endProcess, gone, isAlive, startMark } from '../../src/local/processes.ts'

describe('a process', () => {
  it('is alive with a mark of its own until it ends', async () => {
    const child = spawn('sleep', ['60'])
    await once(child, 'spawn')
    const mark = startMark(child.pid!)
    expect(isAlive(child.pid!)).to.equal(true)
    expect(mark).to.be.a('string').and.not.equal(startMark(process.ppid))
    expect(startMark(child.pid!)).to.equal(mark)
    expect(await gone(child.pid!, 0)).to.equal(false)
    await endProcess(child.pid!, { signal: 'SIGTERM', graceMs: 1_000, last: 'SIGKILL' })
    expect(isAlive(child.pid!)).to.equal(false)
    expect(startMark(child.pid!)).to.equal(null)
    expect(commandOf(child.pid!)).to.equal(null)
  })

  it('is ended by the last signal where it does not heed the first', async () => {
    const child = spawn('sh', ['-c', 'trap "" TERM; echo on; while :; do sleep 1; done'])
    await once(child.stdout, 'data')
    await endProcess(child.pid!, { signal: 'SIGTERM', graceMs: 50, last: 'SIGKILL' })
    expect(isAlive(child.pid!)).to.equal(false)
  })
})

describe('a port', () => {
  it('that another program listens on is refused, naming it', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const error = await requirePort('127.0.0.1', port).catch((thrown) => thrown)
    server.close()
    expect(error.code).to.equal('port_taken')
    expect(error.message).to.equal(
      `PORT=${port} on 127.0.0.1: another program listens there; set PORT to a free one`,
    )
    await requirePort('127.0.0.1', await freePort())
  })

  it('that was lost to a faster program is tried again elsewhere, another failure is not', async () => {
    const tried: number[] = []
    const port = await withFreePort(async (free) => {
      tried.push(free)
      if (tried.length === 1) throw new Error('bind: Address already in use')
      return free
    })
    expect(tried).to.have.length(2)
    expect(port).to.equal(tried[1])
    const error = await withFreePort(() => Promise.reject(new Error('no disk'))).catch((thrown) => thrown)
    expect(error.message).to.equal('no disk')
  })
})
