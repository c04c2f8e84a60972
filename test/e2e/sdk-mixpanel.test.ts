import { promisify } from 'node:util'
import { expect } from 'chai'
import Mixpanel from 'mixpanel'
import { Installation } from '../support/installation.ts'
import { type KeptEvent, keptEvents } from '../support/kept-events.ts'

/** Its types leave out some of what it takes, and what it really takes to import. */
type Options = Partial<Mixpanel.InitConfig> & { port?: number; key?: string }

const AT = new Date('2026-04-04T12:00:00.123Z')

describe('mixpanel', () => {
  let here: Installation

  before(async () => {
    here = await Installation.start()
  })
  after(() => here.stop())

  /** The library as its users set it up: a key and an address. */
  const client = (key = here.keys.live, options: Options = {}) => {
    const { hostname, port } = new URL(here.url)
    const logger = { ...console, warn: () => undefined }
    const config: Options = { host: hostname, port: Number(port), protocol: 'http', logger, ...options }
    return Mixpanel.init(key, config)
  }

  const kept = async (user: string): Promise<KeptEvent[]> =>
    (await keptEvents(here, 'mixpanel')).filter(({ user_id }) => user_id === user)

  /** Calls the library and waits for what it was told; throws what the library takes for an error. */
  const told = (call: (callback: (error?: Error) => void) => void) => promisify(call)()

  for (const verbose of [false, true]) {
    describe(verbose ? 'told to be verbose' : 'as it is', () => {
      const user = verbose ? 'verbose' : 'brief'
      const mixpanel = () => client(here.keys.live, { verbose })

      it('tracks an event, of which each field arrives as it was given', async () => {
        const properties = {
          distinct_id: user,
          time: AT,
          projectName: 'Q1 Roadmap',
          sum: 12.5,
          tags: ['ä', '+/?'],
          $city: 'San Francisco',
          none: null,
        }
        await told((callback) => mixpanel().track('Project Created', properties, callback))
        const [row] = await kept(user)
        expect(row!.data).to.deep.include({
          projectName: 'Q1 Roadmap',
          sum: 12.5,
          tags: ['ä', '+/?'],
          $city: 'San Francisco',
          none: null,
          mp_lib: 'node',
        })
        expect(row!.data).to.not.have.any.keys('token', 'distinct_id', 'time')
        expect(row).to.deep.include({
          kind: 'event',
          type: 'Project Created',
          is_anonymous: false,
          source: 'mixpanel',
          test: false,
        })
        expect(row!.time).to.equal(AT.getTime())
      })

      it('tracks a batch, each event once', async () => {
        const many = `${user}-many`
        const calls = Array.from({ length: 120 }, (_, n) => n)
        const events = calls.map((n) => ({
          event: 'Counted',
          properties: { distinct_id: many, n, text: '+ and ~~~' },
        }))
        await told((callback) =>
          mixpanel().track_batch(events, { max_batch_size: 50 }, (errors) => callback(errors?.[0])),
        )
        const rows = await kept(many)
        expect(rows.map(({ data }) => data.n).sort((one, other) => one - other)).to.deep.equal(calls)
        expect(rows[0]!.data.text).to.equal('+ and ~~~')
      })

      it('changes a profile', async () => {
        const person = `${user}-person`
        const { people } = mixpanel()
        await told((callback) => people.set(person, { $first_name: 'Jane', plan: 'pro' }, callback))
        await told((callback) => people.set_once(person, { signed_up: '2026-01-01' }, callback))
        await told((callback) => people.increment(person, { visits: 2 }, callback))
        await told((callback) => people.append(person, { pages: 'start' }, callback))
        await told((callback) => people.union(person, { teams: ['red', 'blue'] }, callback))
        await told((callback) => people.remove(person, { teams: 'red' }, callback))
        await told((callback) => people.unset(person, 'plan', callback))
        await told((callback) => people.delete_user(person, callback))
        const rows = await kept(person)
        expect(rows.map(({ kind, data }) => (kind === 'traits' ? brief(data) : data))).to.deep.equal([
          { set: { first_name: 'Jane', plan: 'pro' } },
          { setOnce: { signed_up: '2026-01-01' } },
          { add: { visits: 2 } },
          { append: { pages: 'start' } },
          { union: { teams: ['red', 'blue'] } },
          { remove: { teams: 'red' } },
          { unset: ['plan'] },
          { what: 'traits' },
        ])
      })

      it('joins by an alias, keeps the event, and is told that a group is fine', async () => {
        const alias = `${user}-alias`
        await told((callback) => mixpanel().alias(`${user}-before`, alias, callback))
        await told((callback) => mixpanel().groups.set('company', 'acme', { size: 5 }, callback))
        const rows = [...(await kept(`${user}-before`)), ...(await kept(alias))]
        expect(rows.map(({ kind, type }) => [kind, type])).to.deep.include.members([
          ['event', '$create_alias'],
          ['join', '$join'],
        ])
        expect(rows.find(({ kind }) => kind === 'join')!.data).to.have.keys('previousId')
      })
    })
  }

  it('imports what happened long ago, with the key that its documentation asks for', async () => {
    const mixpanel = client(here.keys.live, { key: here.keys.live })
    await told((callback) =>
      mixpanel.import('Old Sale', AT, { distinct_id: 'imported', $insert_id: 'i-1', sum: 3 }, callback),
    )
    const events = [1, 2].map((n) => ({
      event: 'Old Sale',
      properties: { distinct_id: 'imported', time: AT, $insert_id: `b-${n}`, n },
    }))
    const importAll = () =>
      told((callback) =>
        mixpanel.import_batch(events as unknown as string[], {}, (errors) => callback(errors?.[0])),
      )
    await importAll()
    const rows = await kept('imported')
    expect(rows.map(({ type, time }) => [type, time])).to.deep.equal(
      Array(3).fill(['Old Sale', AT.getTime()]),
    )
    // Sent again, it counts no more.
    await importAll()
    expect(await kept('imported')).to.have.length(3)
  })

  it('has what it sends with a test key kept apart, and of no key anything', async () => {
    await told((callback) => client(here.keys.test).track('Tried', { distinct_id: 'tested' }, callback))
    expect((await kept('tested')).map(({ type, test }) => [type, test])).to.deep.equal([['Tried', true]])
    const { rows } = await here.ledger.pool.query('select e::text as text from event e')
    for (const { text } of rows) expect(text).to.not.match(/rt_(live|test)_/)
  })

  it('hears of a wrong key and of an event without a user', async () => {
    for (const [key, properties, said] of [
      ['rt_live_wrong', { distinct_id: 'u' }, /key is not known/],
      [here.keys.live, {}, /Missing user_id/],
    ] as const) {
      const error = await told((callback) => client(key).track('Refused', { ...properties }, callback)).then(
        () => null,
        (thrown: Error) => thrown,
      )
      expect(error?.message).to.match(said)
    }
  })
})

const brief = (data: object) =>
  Object.fromEntries(Object.entries(data).filter(([, value]) => Object.keys(value).length > 0))
