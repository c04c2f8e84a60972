import { Analytics } from '@segment/analytics-node'
import { expect } from 'chai'
import { Installation } from '../support/installation.ts'
import { type KeptEvent, keptEvents } from '../support/kept-events.ts'
import { lossyWay } from '../support/lossy.ts'

/** The library as its users set it up: an address and a key. */
const client = (here: Installation, options: { writeKey?: string; flushAt?: number } = {}) =>
  new Analytics({ host: here.url, path: '/v1/batch', writeKey: here.keys.live, ...options })

const AT = new Date('2026-04-04T12:00:00.123Z')

describe('@segment/analytics-node', () => {
  let here: Installation

  before(async () => {
    here = await Installation.start()
  })
  after(() => here.stop())

  describe('tells of a user', () => {
    const sent: { type: string; messageId: string; errors: unknown[] }[] = []
    let kept: KeptEvent[]

    before(async () => {
      const analytics = client(here)
      const errors: unknown[] = []
      analytics.on('error', (error) => errors.push(error))
      analytics.on('http_request', ({ body }) => {
        for (const { type, messageId } of JSON.parse(body).batch) sent.push({ type, messageId, errors })
      })
      analytics.track({
        anonymousId: 'visitor-1',
        event: 'Offer Seen',
        properties: { offer: 'spring' },
        timestamp: AT,
      })
      analytics.identify({
        userId: 'user-1',
        anonymousId: 'visitor-1',
        traits: { name: 'Jane Smith', email: 'jane@example.com', company: { name: 'Acme Inc' }, logins: 7 },
        timestamp: AT,
      })
      analytics.track({
        userId: 'user-1',
        event: 'Project Created',
        properties: {
          projectName: 'Q1 Roadmap',
          templateUsed: true,
          sum: 12.5,
          tags: ['a', 'b'],
          none: null,
        },
        timestamp: AT,
      })
      analytics.page({
        userId: 'user-1',
        name: 'Dashboard',
        category: 'App',
        properties: { url: 'https://app.example.com/dashboard', title: 'Übersicht' },
        timestamp: AT,
      })
      analytics.alias({ userId: 'user-1', previousId: 'old-user-1', timestamp: AT })
      analytics.group({ userId: 'user-1', groupId: 'g-1', traits: { plan: 'pro' } })
      analytics.screen({ userId: 'user-1', name: 'Start' })
      await analytics.closeAndFlush({ timeout: 5_000 })
      expect(errors).to.deep.equal([])
      kept = (await keptEvents(here, 'segment')).filter(({ user_id }) => /-1$/.test(user_id))
    })

    const idOf = (type: string, n = 0) => sent.filter((item) => item.type === type)[n]!.messageId
    const same = { source: 'segment', test: false, time: AT.getTime() }

    it('of which each field arrives as it was given, in the order of the calls', () => {
      expect(kept.map(({ received, ...row }) => row)).to.deep.equal([
        {
          ...same,
          kind: 'event',
          type: 'Offer Seen',
          user_id: 'visitor-1',
          is_anonymous: true,
          data: { offer: 'spring' },
          dedupe_id: idOf('track'),
        },
        {
          ...same,
          kind: 'join',
          type: '$join',
          user_id: 'user-1',
          is_anonymous: false,
          data: { previousId: 'visitor-1' },
          dedupe_id: null,
        },
        {
          ...same,
          kind: 'traits',
          type: '$traits',
          user_id: 'user-1',
          is_anonymous: false,
          data: {
            set: {
              name: 'Jane Smith',
              email: 'jane@example.com',
              company: { name: 'Acme Inc' },
              logins: 7,
            },
            setOnce: {},
            unset: [],
            add: {},
            append: {},
            union: {},
            remove: {},
          },
          dedupe_id: idOf('identify'),
        },
        {
          ...same,
          kind: 'event',
          type: 'Project Created',
          user_id: 'user-1',
          is_anonymous: false,
          data: {
            projectName: 'Q1 Roadmap',
            templateUsed: true,
            sum: 12.5,
            tags: ['a', 'b'],
            none: null,
          },
          dedupe_id: idOf('track', 1),
        },
        {
          ...same,
          kind: 'event',
          type: 'page_viewed',
          user_id: 'user-1',
          is_anonymous: false,
          data: {
            url: 'https://app.example.com/dashboard',
            title: 'Übersicht',
            category: 'App',
            name: 'Dashboard',
          },
          dedupe_id: idOf('page'),
        },
        {
          ...same,
          kind: 'join',
          type: '$join',
          user_id: 'user-1',
          is_anonymous: false,
          data: { previousId: 'old-user-1' },
          dedupe_id: null,
        },
      ])
    })

    it('with the time of receipt beside that of the event, and no key anywhere', async () => {
      for (const { received } of kept) expect(received).to.be.closeTo(Date.now(), 60_000)
      const { rows } = await here.ledger.pool.query('select e::text as text from event e')
      for (const { text } of rows) expect(text).to.not.match(/rt_(live|test)_/)
    })
  })

  it('sends many in batches, each of which arrives once', async () => {
    const analytics = client(here, { flushAt: 20 })
    const calls = Array.from({ length: 130 }, (_, n) => n)
    for (const n of calls) analytics.track({ userId: 'many', event: 'Counted', properties: { n } })
    await analytics.closeAndFlush({ timeout: 5_000 })
    const kept = (await keptEvents(here, 'segment')).filter(({ user_id }) => user_id === 'many')
    // Batches go off side by side, so there is no order between them.
    expect(kept.map(({ data }) => data.n).sort((one, other) => one - other)).to.deep.equal(calls)
  })

  it('repeats what it heard no answer to, and it counts once', async () => {
    const way = await lossyWay(here.url, 2)
    const analytics = new Analytics({ host: way.url, path: '/v1/batch', writeKey: here.keys.live })
    analytics.track({ userId: 'lost', event: 'Repeated' })
    analytics.track({ userId: 'lost', event: 'Repeated too' })
    await analytics.closeAndFlush({ timeout: 10_000 })
    expect(way.requests()).to.equal(3)
    const kept = (await keptEvents(here, 'segment')).filter(({ user_id }) => user_id === 'lost')
    expect(kept.map(({ type }) => type)).to.deep.equal(['Repeated', 'Repeated too'])
    await way.close()
  })

  it('has what it sends with a test key kept apart', async () => {
    const analytics = client(here, { writeKey: here.keys.test })
    analytics.track({ userId: 'tested', event: 'Tried' })
    await analytics.closeAndFlush({ timeout: 5_000 })
    const kept = (await keptEvents(here, 'segment')).filter(({ user_id }) => user_id === 'tested')
    expect(kept.map(({ type, test }) => [type, test])).to.deep.equal([['Tried', true]])
  })

  it('hears of a wrong key, and does not try again', async () => {
    const analytics = client(here, { writeKey: 'rt_live_wrong' })
    const answers: number[] = []
    const errors: { code: string }[] = []
    analytics.on('http_response', ({ status }) => answers.push(status))
    analytics.on('error', (error) => errors.push(error))
    analytics.track({ userId: 'refused', event: 'Refused' })
    await analytics.closeAndFlush({ timeout: 5_000 })
    expect(answers).to.deep.equal([401])
    expect(errors).to.have.length(1)
  })
})
