import { expect } from 'chai'
import { PostHog } from 'posthog-node'
import { Installation } from '../support/installation.ts'
import { type KeptEvent, keptEvents } from '../support/kept-events.ts'
import { lossyWay } from '../support/lossy.ts'

type Seven = [KeptEvent, KeptEvent, KeptEvent, KeptEvent, KeptEvent, KeptEvent, KeptEvent]

const AT = new Date('2026-04-04T12:00:00.123Z')

describe('posthog-node', () => {
  let here: Installation

  before(async () => {
    here = await Installation.start()
  })
  after(() => here.stop())

  /** The library as its users set it up: a key and an address. */
  const client = (key = here.keys.live) => new PostHog(key, { host: here.url })

  /** What the library adds by itself. */
  const own = ({ data }: KeptEvent): string[] =>
    Object.keys(data).filter((name) => name.startsWith('$') && name !== '$current_url')
  const given = ({ data }: KeptEvent) =>
    Object.fromEntries(Object.entries(data).filter(([name]) => !name.startsWith('$')))

  describe('tells of a user', () => {
    let kept: KeptEvent[]

    before(async () => {
      const posthog = client()
      const errors: unknown[] = []
      posthog.on('error', (error) => errors.push(error))
      posthog.identify({
        distinctId: 'user-1',
        properties: {
          $set: { name: 'Jane Smith', plan: 'pro', company: { name: 'Acme Inc' } },
          $set_once: { signed_up: '2026-01-01' },
          $anon_distinct_id: 'visitor-1',
        },
      })
      posthog.capture({
        distinctId: 'user-1',
        event: 'project_created',
        properties: { projectName: 'Q1 Roadmap', sum: 12.5, tags: ['a'], none: null, $set: { projects: 1 } },
        timestamp: AT,
        uuid: '0190a6f2-1111-7000-8000-000000000001',
      })
      posthog.capture({
        distinctId: 'user-1',
        event: '$pageview',
        properties: { $current_url: 'https://app.example.com/' },
        timestamp: AT,
      })
      posthog.alias({ distinctId: 'user-1', alias: 'old-user-1' })
      posthog.capture({
        distinctId: 'visitor-2',
        event: 'offer_seen',
        properties: { $process_person_profile: false },
        timestamp: AT,
      })
      posthog.capture({ distinctId: 'user-1', event: '$autocapture', properties: { x: 1 } })
      posthog.groupIdentify({ groupType: 'company', groupKey: 'acme', properties: { size: 5 } })
      await posthog.shutdown(5_000)
      expect(errors).to.deep.equal([])
      kept = (await keptEvents(here, 'posthog')).filter(({ user_id }) => /-[12]$/.test(user_id))
    })

    it('in rows of their kinds, in the order of the calls', () => {
      expect(
        kept.map(({ kind, type, user_id, is_anonymous }) => [kind, type, user_id, is_anonymous]),
      ).to.deep.equal([
        ['join', '$join', 'user-1', false],
        ['traits', '$traits', 'user-1', false],
        ['traits', '$traits', 'user-1', false],
        ['event', 'project_created', 'user-1', false],
        ['event', 'page_viewed', 'user-1', false],
        ['join', '$join', 'user-1', false],
        ['event', 'offer_seen', 'visitor-2', true],
      ])
      for (const { source, test } of kept) expect([source, test]).to.deep.equal(['posthog', false])
    })

    it('with the traits, the ids and the times that were given', () => {
      const [joined, identified, counted, created, viewed, aliased, seen] = kept as Seven
      expect(joined.data).to.deep.equal({ previousId: 'visitor-1' })
      expect(identified.data).to.deep.include({
        set: { name: 'Jane Smith', plan: 'pro', company: { name: 'Acme Inc' } },
        setOnce: { signed_up: '2026-01-01' },
      })
      expect(given(created)).to.deep.equal({ projectName: 'Q1 Roadmap', sum: 12.5, tags: ['a'], none: null })
      expect(own(created)).to.include.members(['$lib', '$lib_version'])
      expect(created).to.deep.include({
        time: AT.getTime(),
        dedupe_id: '0190a6f2-1111-7000-8000-000000000001',
      })
      expect(counted.data).to.deep.include({ set: { projects: 1 } })
      expect(viewed).to.deep.include({ time: AT.getTime() })
      expect(viewed.data.$current_url).to.equal('https://app.example.com/')
      expect(aliased.data).to.deep.equal({ previousId: 'old-user-1' })
      expect(seen).to.deep.include({ time: AT.getTime() })
      for (const { time, received } of [joined, identified, aliased])
        expect(time).to.be.closeTo(received, 60_000)
    })

    it('and of the key nothing is kept', async () => {
      const { rows } = await here.ledger.pool.query('select e::text as text from event e')
      for (const { text } of rows) expect(text).to.not.match(/rt_(live|test)_/)
    })
  })

  it('sends many in batches, each of which arrives once, in order', async () => {
    const posthog = client()
    const calls = Array.from({ length: 130 }, (_, n) => n)
    for (const n of calls) posthog.capture({ distinctId: 'many', event: 'counted', properties: { n } })
    await posthog.shutdown(5_000)
    const kept = (await keptEvents(here, 'posthog')).filter(({ user_id }) => user_id === 'many')
    expect(kept.map(({ data }) => data.n)).to.deep.equal(calls)
  })

  it('hears that there are no flags', async () => {
    const posthog = client()
    const errors: unknown[] = []
    posthog.on('error', (error) => errors.push(error))
    expect(await posthog.getAllFlags('user-1')).to.deep.equal({})
    await posthog.shutdown(5_000)
    expect(errors).to.deep.equal([])
  })

  it('repeats what it heard no answer to, and it counts once', async () => {
    const way = await lossyWay(here.url, 2)
    const posthog = new PostHog(here.keys.live, { host: way.url, fetchRetryDelay: 50 })
    posthog.capture({ distinctId: 'lost', event: 'repeated' })
    posthog.capture({ distinctId: 'lost', event: 'repeated too' })
    await posthog.shutdown(10_000)
    expect(way.requests()).to.equal(3)
    const kept = (await keptEvents(here, 'posthog')).filter(({ user_id }) => user_id === 'lost')
    expect(kept.map(({ type }) => type)).to.deep.equal(['repeated', 'repeated too'])
    await way.close()
  })

  it('has what it sends with a test key kept apart', async () => {
    const posthog = client(here.keys.test)
    posthog.capture({ distinctId: 'tested', event: 'tried' })
    await posthog.shutdown(5_000)
    const kept = (await keptEvents(here, 'posthog')).filter(({ user_id }) => user_id === 'tested')
    expect(kept.map(({ type, test }) => [type, test])).to.deep.equal([['tried', true]])
  })

  it('speaks the newer protocol too', async () => {
    process.env.POSTHOG_CAPTURE_MODE = 'v1'
    const posthog = client()
    delete process.env.POSTHOG_CAPTURE_MODE
    const errors: unknown[] = []
    posthog.on('error', (error) => errors.push(error))
    posthog.capture({ distinctId: 'v1', event: 'newer', properties: { a: 1 }, timestamp: AT })
    posthog.capture({
      distinctId: 'v1-visitor',
      event: 'newer',
      properties: { $process_person_profile: false },
      timestamp: AT,
    })
    await posthog.shutdown(5_000)
    expect(errors).to.deep.equal([])
    const kept = (await keptEvents(here, 'posthog')).filter(({ type }) => type === 'newer')
    expect(kept.map(({ user_id, is_anonymous, time }) => [user_id, is_anonymous, time])).to.deep.equal([
      ['v1', false, AT.getTime()],
      ['v1-visitor', true, AT.getTime()],
    ])
    expect(given(kept[0]!)).to.deep.equal({ a: 1 })
  })

  it('hears of a wrong key', async () => {
    const posthog = client('rt_live_wrong')
    // It prints what it also tells.
    const { error: print } = console
    console.error = () => undefined
    const errors: unknown[] = []
    posthog.on('error', (error) => errors.push(error))
    posthog.capture({ distinctId: 'refused', event: 'refused' })
    await posthog.shutdown(5_000).catch(() => undefined)
    console.error = print
    expect(errors).to.not.be.empty
    expect((await keptEvents(here, 'posthog')).filter(({ user_id }) => user_id === 'refused')).to.be.empty
  })
})
