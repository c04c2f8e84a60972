import { expect } from 'chai'
import { isUnusable, usersUpserted } from '../../src/connectors/canonical.ts'
import { brief, dedupeIdIn, NOW, read } from '../support/connector.ts'

const NOON = Date.parse('2026-04-04T12:00:00Z')
const HOUR = 3_600_000
const iso = (ms: number) => new Date(ms).toISOString()

/** Title, body, and what it says. */
const cases: [string, unknown, object[]][] = [
  [
    "the page's event keeps its name and its properties",
    {
      event: 'project_created',
      distinct_id: 'user-123',
      properties: { projectName: 'Q1 Roadmap', $current_url: 'https://app.example.com/projects' },
      timestamp: '2026-04-04T12:00:00.000Z',
    },
    [
      {
        kind: 'event',
        type: 'project_created',
        userId: 'user-123',
        data: { projectName: 'Q1 Roadmap', $current_url: 'https://app.example.com/projects' },
        at: NOON,
      },
    ],
  ],
  [
    "the page's $identify changes traits and is no event",
    {
      event: '$identify',
      distinct_id: 'user-123',
      properties: { $set: { name: 'Jane Smith', email: 'jane@example.com' } },
    },
    [{ kind: 'traits', userId: 'user-123', set: { name: 'Jane Smith', email: 'jane@example.com' } }],
  ],
  [
    'an $identify joins the visitor first, and sets once',
    {
      event: '$identify',
      distinct_id: 'u',
      properties: { $anon_distinct_id: 'a-1', $set: { plan: 'pro' }, $set_once: { source: 'ad' } },
    },
    [
      { kind: 'join', previousId: 'a-1', userId: 'u' },
      { kind: 'traits', userId: 'u', set: { plan: 'pro' }, setOnce: { source: 'ad' } },
    ],
  ],
  [
    'an $identify without traits makes a user all the same',
    { event: '$identify', distinct_id: 'u' },
    [{ kind: 'traits', userId: 'u', set: {} }],
  ],
  [
    'a $pageview is page_viewed',
    { event: '$pageview', distinct_id: 'u', properties: { $current_url: 'https://a.example/' } },
    [{ kind: 'event', type: 'page_viewed', userId: 'u', data: { $current_url: 'https://a.example/' } }],
  ],
  [
    'an $identify is of a user, whatever its event says of persons',
    { event: '$identify', distinct_id: 'u', properties: { $process_person_profile: false, $set: { a: 1 } } },
    [{ kind: 'traits', userId: 'u', set: { a: 1 } }],
  ],
  [
    'an $identify as oneself joins nobody',
    { event: '$identify', distinct_id: 'u', properties: { $anon_distinct_id: 'u' } },
    [{ kind: 'traits', userId: 'u', set: {} }],
  ],
  [
    'an event that only unsets changes traits',
    { event: '$set', distinct_id: 'u', properties: { $unset: ['trial'] } },
    [{ kind: 'traits', userId: 'u', set: {}, unset: ['trial'] }],
  ],
  [
    'an event of its own name changes traits as well, and keeps them out of its data',
    { event: 'paid', distinct_id: 'u', properties: { $set: { plan: 'pro' }, $unset: ['trial'], sum: 3 } },
    [
      { kind: 'traits', userId: 'u', set: { plan: 'pro' }, unset: ['trial'] },
      { kind: 'event', type: 'paid', userId: 'u', data: { sum: 3 } },
    ],
  ],
  [
    'traits beside the properties count, and those inside win',
    {
      event: 'paid',
      distinct_id: 'u',
      $set: { a: 1, b: 1 },
      $set_once: { c: 1 },
      properties: { $set: { b: 2 } },
    },
    [
      { kind: 'traits', userId: 'u', set: { a: 1, b: 2 }, setOnce: { c: 1 } },
      { kind: 'event', type: 'paid', userId: 'u', data: {} },
    ],
  ],
  ['an internal event is skipped', { event: '$autocapture', distinct_id: 'u', properties: { x: 1 } }, []],
  ['a $groupidentify is skipped', { event: '$groupidentify', distinct_id: 'u' }, []],
  ['a $screen is skipped', { event: '$screen', distinct_id: 'u' }, []],
  [
    'an internal event that is skipped leaves its traits',
    { event: '$set', distinct_id: 'u', properties: { $set: { plan: 'pro' } } },
    [{ kind: 'traits', userId: 'u', set: { plan: 'pro' } }],
  ],
  [
    'a $create_alias joins its alias to the user',
    { event: '$create_alias', distinct_id: 'u', properties: { alias: 'a-1' } },
    [{ kind: 'join', previousId: 'a-1', userId: 'u' }],
  ],
  [
    'a $merge_dangerously joins as an alias does',
    { event: '$merge_dangerously', distinct_id: 'u', properties: { alias: 'v' } },
    [{ kind: 'join', previousId: 'v', userId: 'u' }],
  ],
  [
    'an alias by an id that stands for nobody joins nobody',
    { event: '$create_alias', distinct_id: 'u', properties: { alias: 'null' } },
    [],
  ],
  [
    "an event without a person is a visitor's and changes no traits",
    {
      event: 'seen',
      distinct_id: 'a-1',
      properties: { $process_person_profile: false, $set: { plan: 'pro' } },
    },
    [{ kind: 'event', type: 'seen', anonymousId: 'a-1', data: { $process_person_profile: false } }],
  ],
  [
    'the id may stand among the properties, as browsers send it',
    { event: 'seen', properties: { distinct_id: 'u', token: 'phc_1', x: 1 } },
    [{ kind: 'event', type: 'seen', userId: 'u', data: { x: 1 } }],
  ],
  [
    "PostHog's webhook has the event inside, and the person's traits beside it",
    {
      event: {
        uuid: 'e-1',
        event: '$pageview',
        distinct_id: 'u',
        properties: { $current_url: 'https://a.example/' },
        timestamp: '2026-04-04T12:00:00Z',
        elements_chain: '',
        url: 'https://posthog.example/e-1',
      },
      person: { id: 'p', name: 'Jane', url: 'x', properties: { email: 'jane@example.com' } },
    },
    [
      { kind: 'traits', userId: 'u', set: { email: 'jane@example.com' }, at: NOON },
      {
        kind: 'event',
        type: 'page_viewed',
        userId: 'u',
        data: { $current_url: 'https://a.example/' },
        at: NOON,
      },
    ],
  ],
  [
    'what the event itself sets counts more than the person beside it, and an early webhook said name',
    {
      event: { name: 'paid', distinct_id: 'u', properties: { $set: { plan: 'pro' } } },
      person: { properties: { plan: 'free' } },
    },
    [
      { kind: 'traits', userId: 'u', set: { plan: 'pro' } },
      { kind: 'event', type: 'paid', userId: 'u', data: {} },
    ],
  ],
  [
    'a webhook without a person is an event',
    { event: { event: 'paid', distinct_id: 'u' }, person: null },
    [{ kind: 'event', type: 'paid', userId: 'u', data: {} }],
  ],
  [
    'an action hook has them in camel case',
    {
      hook: { id: 'h', event: 'action_performed', target: 'https://volley.example/' },
      data: {
        eventUuid: 'e-1',
        event: 'paid',
        teamId: 1,
        distinctId: 'u',
        properties: { sum: 3 },
        timestamp: '2026-04-04T12:00:00Z',
        person: { uuid: 'p', properties: { plan: 'pro' }, created_at: 'x' },
      },
    },
    [
      { kind: 'traits', userId: 'u', set: { plan: 'pro' }, at: NOON },
      { kind: 'event', type: 'paid', userId: 'u', data: { sum: 3 }, at: NOON },
    ],
  ],
  [
    'a batch keeps its order',
    {
      api_key: 'phc_1',
      historical_migration: false,
      batch: [
        { event: 'one', distinct_id: 'u' },
        { event: 'two', distinct_id: 7 },
      ],
    },
    [
      { kind: 'event', type: 'one', userId: 'u', data: {} },
      { kind: 'event', type: 'two', userId: '7', data: {} },
    ],
  ],
  [
    'a bare list is a batch',
    [{ event: 'one', distinct_id: 'u' }],
    [{ kind: 'event', type: 'one', userId: 'u', data: {} }],
  ],
]

/** Body, where the mistake is, and its reason. */
const mistakes: [unknown, string, RegExp][] = [
  [{ event: 'e' }, '/distinct_id', /^is missing$/],
  [{ event: 'e', distinct_id: '', properties: {} }, '/distinct_id', /^is missing$/],
  [{ event: '$identify', properties: { $set: {} } }, '/distinct_id', /^is missing$/],
  [{ event: { event: 'e' } }, '/event/distinct_id', /^is missing$/],
  [{ event: { distinct_id: 'u' } }, '/event/name', /^is missing; the name of the event was expected$/],
  [{ hook: {}, data: { event: 'e' } }, '/data/distinctId', /^is missing$/],
  [{ text: 'Somebody did something' }, '/event', /^is missing; the name of the event was expected$/],
  [{ event: 'e', distinct_id: ['u'] }, '/distinct_id', /^must be a text or a number$/],
  [
    { event: 'e', properties: { distinct_id: true } },
    '/properties/distinct_id',
    /^must be a text or a number$/,
  ],
  [{ event: 'e', distinct_id: 'u', properties: 'x' }, '/properties', /^must be an object$/],
  [{ event: 'e', distinct_id: 'u', properties: { $set: 'x' } }, '/properties/$set', /^must be an object$/],
  [{ event: 'e', distinct_id: 'u', $set_once: [] }, '/$set_once', /^must be an object$/],
  [
    { event: 'e', distinct_id: 'u', properties: { $unset: [1] } },
    '/properties/$unset',
    /^must be a list of names$/,
  ],
  [{ event: { event: 'e', distinct_id: 'u', $set: 1 } }, '/event/$set', /^must be an object$/],
  [
    { event: { event: 'e', distinct_id: 'u' }, person: { properties: 1 } },
    '/person/properties',
    /^must be an object$/,
  ],
  [{ api_key: 'k', batch: [{ event: 'e' }] }, '/batch/0/distinct_id', /^is missing$/],
]

describe('the PostHog connector', () => {
  for (const [title, body, expected] of cases)
    it(title, () => {
      const result = read('posthog', body)
      expect(brief(result.items)).to.deep.equal(expected)
      expect(result.rejected).to.deep.equal([])
      expect(isUnusable(result)).to.equal(false)
      expect(result.items.every((item) => item.source === 'posthog')).to.equal(true)
    })

  for (const [body, where, reason] of mistakes)
    it(`refuses ${JSON.stringify(body).slice(0, 70)}, at ${where}`, () => {
      const result = read('posthog', body)
      expect(result.items).to.deep.equal([])
      expect(result.rejected).to.have.length(1)
      expect(result.rejected[0]).to.include({ index: 0, where })
      expect(result.rejected[0]!.reason).to.match(reason)
      expect(isUnusable(result)).to.equal(true)
    })

  it('takes what is good beside what is not', () => {
    const good = { event: 'e', distinct_id: 'u' }
    const result = read('posthog', {
      batch: [good, { event: 'e' }, { event: '$autocapture', distinct_id: 'u' }, good],
    })
    expect(result.items).to.have.length(2)
    expect(result.skipped).to.equal(1)
    expect(result.rejected.map(({ index }) => index)).to.deep.equal([1])
    expect(isUnusable(result)).to.equal(false)
  })

  it('counts whose traits change, and nobody for an event alone', () => {
    expect(usersUpserted(read('posthog', { event: 'e', distinct_id: 'u' }).items)).to.equal(0)
    expect(usersUpserted(read('posthog', { event: '$identify', distinct_id: 'u' }).items)).to.equal(1)
    expect(
      usersUpserted(
        read('posthog', { event: 'e', distinct_id: 'u', properties: { $set_once: { a: 1 } } }).items,
      ),
    ).to.equal(1)
  })

  it('gives the key apart, wherever a library puts it', () => {
    const event = { event: 'e', distinct_id: 'u' }
    for (const body of [
      { api_key: 'phc_1', batch: [event] },
      { ...event, api_key: 'phc_1' },
      { ...event, token: 'phc_1' },
      [{ ...event, properties: { token: 'phc_1' } }],
      { ...event, properties: { api_key: 'phc_1', token: 'phc_1' } },
    ]) {
      const { key, items } = read('posthog', body)
      expect(key).to.equal('phc_1')
      expect(items).to.have.length(1)
      expect(JSON.stringify(items)).to.not.include('phc_1')
    }
    expect(read('posthog', { event: 'e', distinct_id: 'u' }, { query: { api_key: 'q' } })).to.include({
      key: 'q',
    })
    expect(read('posthog', event)).to.include({ key: null })
  })
})

describe('the time of a PostHog event', () => {
  const at = (fields: object, outer?: object, query = {}) => {
    const item = { event: 'e', distinct_id: 'u', ...fields }
    const [event] = read('posthog', outer === undefined ? item : { ...outer, batch: [item] }, { query }).items
    return (event as { at: number | null }).at
  }
  for (const [title, expected, fields, outer, query] of [
    ['is its timestamp', NOON, { timestamp: iso(NOON) }],
    ['is in UTC where it names no zone', NOON, { timestamp: '2026-04-04T12:00:00' }],
    ['may be written with a space and an offset', NOON, { timestamp: '2026-04-04 14:00:00.000000+02:00' }],
    ['is when it came where it says nothing', null, {}],
    ['is when it came where it says nothing that can be read', null, { timestamp: 'soon' }],
    ['is when it came where it is more than a day ahead', null, { timestamp: iso(NOW + 25 * HOUR) }],
    [
      'is put right by how far the clock of the sender is off',
      NOW - HOUR,
      { timestamp: iso(NOON) },
      { sent_at: iso(NOON + HOUR) },
    ],
    [
      'is put right by the clock in the event',
      NOW - HOUR,
      { timestamp: iso(NOON), sent_at: iso(NOON + HOUR) },
    ],
    [
      'is put right by the clock in the query',
      NOW - HOUR,
      { timestamp: iso(NOON) },
      undefined,
      { _: String(NOON + HOUR) },
    ],
    [
      'is as it was written where the sender asks for that',
      NOON,
      { timestamp: iso(NOON), properties: { $ignore_sent_at: true } },
      { sent_at: iso(NOON + HOUR) },
    ],
    [
      'is as it was written where the request was only slow',
      NOON,
      { timestamp: iso(NOON) },
      { sent_at: iso(NOW - 5_000) },
    ],
    ['is so many ms before it came where it has an offset instead', NOW - 1_500, { offset: 1_500.4 }],
    ['is when it came where its offset is nonsense', null, { offset: 1e300 }],
  ] as [string, number | null, object, object?, object?][])
    it(title, () => expect(at(fields, outer, query)).to.equal(expected))
})

describe('the id of a PostHog event', () => {
  const event = {
    event: 'e',
    distinct_id: 'u',
    properties: { a: 1, b: 2 },
    timestamp: '2026-04-04T12:00:00Z',
  }
  const id = (change: object) => dedupeIdIn('posthog', { ...event, ...change })

  it('is its uuid, in each shape', () => {
    expect(id({ uuid: 'e-1' })).to.equal('e-1')
    expect(dedupeIdIn('posthog', { event: { ...event, uuid: 'e-1' } })).to.equal('e-1')
    expect(dedupeIdIn('posthog', { data: { event: 'e', distinctId: 'u', eventUuid: 'e-1' } })).to.equal('e-1')
  })

  it('is one of its contents where it has none', () => {
    expect(id({})).to.match(/^sha256:[\w-]{43}$/)
    expect(id({ properties: { b: 2, a: 1 } })).to.equal(id({}))
    for (const change of [
      { event: 'f' },
      { distinct_id: 'v' },
      { $set: { a: 1 } },
      { timestamp: '2026-04-04T12:00:01Z' },
    ])
      expect(id(change)).to.not.equal(id({}))
  })

  it('is none where nothing says when it was', () => expect(id({ timestamp: undefined })).to.equal(null))
})
