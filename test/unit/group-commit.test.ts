import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import fc from 'fast-check'
import { GroupCommit, type GroupCommitOptions } from '../../src/ledger/intake/group-commit.ts'
import { eventually } from '../support/eventually.ts'

interface Request {
  id: number
  size: number
  names: string[]
}

interface Flight {
  ids: number[]
  land(): void
  fail(error: Error): void
}

type Limits = Pick<GroupCommitOptions<Request, string>, 'flightsMax' | 'sizeMax' | 'sizeBeside' | 'waitMsMax'>

/** A group commit whose flights end when the test says so; the answer to a request is its id as text. */
function grouped(options: Partial<Limits> = {}) {
  const flights: Flight[] = []
  const group = new GroupCommit<Request, string>({
    commit: (requests) =>
      new Promise((resolve, reject) => {
        const ids = requests.map(({ id }) => id)
        flights.push({ ids, land: () => resolve(ids.map(String)), fail: reject })
      }),
    sizeOf: ({ size }) => size,
    namesOf: ({ names }) => names,
    ...{ flightsMax: 1, sizeMax: 100, sizeBeside: 1, waitMsMax: 60_000, ...options },
  })
  const told = new Map<number, string>()
  let last = 0
  return {
    flights,
    told,
    send: (request: Partial<Request> = {}) => {
      const id = ++last
      group.accept({ id, size: 1, names: [], ...request }).then(
        (answer) => told.set(id, answer),
        (error: Error) => told.set(id, error.message),
      )
    },
    ids: () => flights.map((flight) => flight.ids),
  }
}

const refused = (code: string) => Object.assign(new Error(`refused ${code}`), { code })

describe('a group commit', () => {
  it('takes what is sent at once together, and answers after the commit and not before', async () => {
    const { send, flights, told } = grouped()
    send()
    send()
    await turn()
    expect(flights.map(({ ids }) => ids)).to.deep.equal([[1, 2]])
    expect(told.size).to.equal(0)
    flights[0]!.land()
    await turn()
    expect([...told]).to.deep.equal([
      [1, '1'],
      [2, '2'],
    ])
  })

  it('takes what comes while a commit runs into the next one, in the order of arrival', async () => {
    const { send, flights, ids } = grouped()
    send()
    await turn()
    send()
    send()
    await turn()
    expect(ids()).to.deep.equal([[1]])
    flights[0]!.land()
    await turn()
    await turn()
    expect(ids()).to.deep.equal([[1], [2, 3]])
  })

  it('goes off beside others that are on their way, and never with more of them than it may', async () => {
    const { send, ids } = grouped({ flightsMax: 2 })
    for (let i = 0; i < 3; i++) {
      send()
      await turn()
      await turn()
    }
    expect(ids()).to.deep.equal([[1], [2]])
  })

  it('goes off beside another only with enough of it, or once it has waited for a moment', async () => {
    const patient = grouped({ flightsMax: 3, sizeBeside: 5 })
    for (const size of [1, 4]) {
      patient.send({ size })
      await turn()
      await turn()
    }
    expect(patient.ids()).to.deep.equal([[1]])
    patient.send({ size: 1 })
    await turn()
    expect(patient.ids()).to.deep.equal([[1], [2, 3]])

    const hasty = grouped({ flightsMax: 3, sizeBeside: 5, waitMsMax: 2 })
    hasty.send()
    await turn()
    hasty.send()
    hasty.send()
    await turn()
    expect(hasty.ids()).to.deep.equal([[1]])
    await eventually(() => expect(hasty.ids()).to.deep.equal([[1], [2, 3]]))
  })

  it('takes no more rows than it may, unless one request alone is larger', async () => {
    const { send, flights, ids } = grouped({ sizeMax: 10 })
    for (const size of [4, 6, 1, 50, 9]) send({ size })
    for (let i = 0; i < 4; i++) {
      await turn()
      flights[i]!.land()
      await turn()
    }
    expect(ids()).to.deep.equal([[1, 2], [3], [4], [5]])
  })

  it('keeps requests with a name in common in order, and lets others pass', async () => {
    const { send, flights, ids } = grouped({ flightsMax: 3 })
    send({ names: ['ann'] })
    await turn()
    send({ names: ['ann', 'bob'] })
    send({ names: ['bob'] })
    send({ names: ['eve'] })
    await turn()
    expect(ids()).to.deep.equal([[1], [4]])
    flights[0]!.land()
    await turn()
    await turn()
    expect(ids()).to.deep.equal([[1], [4], [2, 3]])
  })

  for (const code of ['22P05', '23502'])
    it(`repeats each by itself where Postgres refused what one says (${code}), so that it fails alone`, async () => {
      const { send, flights, told, ids } = grouped()
      for (let i = 0; i < 3; i++) send()
      await turn()
      flights[0]!.fail(refused(code))
      await turn()
      flights[1]!.land()
      await turn()
      flights[2]!.fail(refused(code))
      await turn()
      flights[3]!.land()
      await turn()
      expect(ids()).to.deep.equal([[1, 2, 3], [1], [2], [3]])
      expect([...told.values()]).to.deep.equal(['1', `refused ${code}`, '3'])
    })

  it('tells all of a group whose end is not known, repeats none of them, and goes on', async () => {
    const { send, flights, told, ids } = grouped()
    send({ names: ['ann'] })
    send()
    await turn()
    send({ names: ['ann'] })
    flights[0]!.fail(new Error('Connection terminated unexpectedly'))
    await turn()
    await turn()
    expect([...told.values()]).to.deep.equal(Array(2).fill('Connection terminated unexpectedly'))
    expect(ids()).to.deep.equal([[1, 2], [3]])
  })

  it('commits each request once and each name in order, however requests and ends of commits fall', async () => {
    const request = fc.record({
      size: fc.integer({ min: 1, max: 8 }),
      names: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 2 }),
    })
    const step = fc.oneof(
      request.map((r) => ({ kind: 'send' as const, request: r })),
      fc.nat(3).map((n) => ({ kind: 'land' as const, n })),
      fc.constant({ kind: 'turn' as const }),
    )
    const property = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { send, flights, told } = grouped({ flightsMax: 3, sizeMax: 10 })
      const sent: { size: number; names: string[] }[] = []
      const open = () => flights.filter((_, i) => !landed.has(i))
      const landed = new Set<number>()
      const land = (n: number) => {
        const flight = open()[n % Math.max(1, open().length)]
        if (flight === undefined) return
        landed.add(flights.indexOf(flight))
        flight.land()
      }
      const judge = () => {
        expect(open().length).to.be.at.most(3)
        const names = open().flatMap(({ ids }) => [...new Set(ids.flatMap((id) => sent[id - 1]!.names))])
        expect(names, 'one flight at a time a name').to.have.length(new Set(names).size)
      }
      for (const each of steps) {
        if (each.kind === 'send') {
          sent.push(each.request)
          send(each.request)
        } else if (each.kind === 'land') land(each.n)
        else await turn()
        judge()
      }
      while (told.size < sent.length) {
        await turn()
        judge()
        land(0)
      }
      const order = flights.flatMap(({ ids }) => ids)
      expect(order.toSorted((a, b) => a - b)).to.deep.equal(sent.map((_, i) => i + 1))
      for (const name of 'abcd') {
        const of = order.filter((id) => sent[id - 1]!.names.includes(name))
        expect(of).to.deep.equal(of.toSorted((a, b) => a - b))
      }
      for (const { ids } of flights)
        expect(ids.length === 1 || ids.reduce((sum, id) => sum + sent[id - 1]!.size, 0) <= 10).to.equal(true)
    })
    await fc.assert(property, { numRuns: 300 })
  })
})
