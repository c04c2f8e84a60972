import { expect } from 'chai'
import { Repeated } from '../../src/clock.ts'
import { eventually } from '../support/eventually.ts'

describe('what is repeated', () => {
  it('runs once at a time, for all who ask meanwhile', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    let runs = 0
    const repeated = new Repeated(60_000, () => {
      runs++
      return promise
    })
    const asked = [repeated.now(), repeated.now()]
    repeated.begin(() => undefined)
    expect(repeated.isFresh(60_000)).to.equal(false)
    resolve()
    await Promise.all(asked)
    expect(runs).to.equal(1)
    expect(repeated.isFresh(60_000)).to.equal(true)
    await repeated.now()
    expect(runs).to.equal(2)
  })

  it('goes on after a failure, which is told once, and stops when it is told to', async () => {
    const told: unknown[] = []
    let runs = 0
    const repeated = new Repeated(5, async () => {
      if (++runs === 1) throw new Error('away')
    })
    repeated.start((error) => told.push(error))
    await eventually(() => expect(runs).to.be.above(2))
    await repeated.stop()
    expect(repeated.isStopped).to.equal(true)
    expect(told.map(String)).to.deep.equal(['Error: away'])
    const before = runs
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(runs).to.equal(before)
  })

  it('ends only when the run under way has, though that fails', async () => {
    const { promise, reject } = Promise.withResolvers<void>()
    const repeated = new Repeated(60_000, () => promise)
    const asked = repeated.now().catch((error) => error)
    let isStopped = false
    const stopping = repeated.stop().then(() => {
      isStopped = true
    })
    await Promise.resolve()
    expect(isStopped).to.equal(false)
    reject(new Error('away'))
    await stopping
    expect(await asked).to.be.an('error')
  })
})
