import { expect } from 'chai'
import { isUnusable, type Normalised, usersUpserted } from '../../src/connectors/canonical.ts'
import { normalise } from '../../src/connectors/connect.ts'
import { brief, dedupeIdIn, NOW, read } from '../support/connector.ts'

const NOON = Date.parse('2026-04-04T12:00:00Z')
const MINUTE = 60_000
const iso = (ms: number) => new Date(ms).toISOString()

const jane = {
  name: 'Jane Smith',
  email: 'jane@example.com',
  plan: 'pro',
  company: { name: 'Acme Inc' },
}

/** Title, body, and what it says. */
const cases: [string, unknown, object[]][] = [
  [
    "the page's identify changes traits",
    { type: 'identify', userId: 'user-123', traits: jane, timestamp: '2026-04-04T12:00:00Z' },
    [{ kind: 'traits', userId: 'user-123', set: jane, at: NOON }],
  ],
  [
    "the page's track is an event of its own name",
    {
      type: 'track',
      userId: 'user-123',
      event: 'Project Created',
      properties: { projectName: 'Q1 Roadmap', templateUsed: true },
      timestamp: '2026-04-04T12:00:00Z',
    },
    [
      {
        kind: 'event',
        type: 'Project Created',
        userId: 'user-123',
        data: { projectName: 'Q1 Roadmap', templateUsed: true },
        at: NOON,
      },
    ],
  ],
  [
    "the page's page is page_viewed with its name and URL",
    {
      type: 'page',
      userId: 'user-123',
      name: 'Dashboard',
      properties: { url: 'https://app.example.com/dashboard' },
    },
    [
      {
        kind: 'event',
        type: 'page_viewed',
        userId: 'user-123',
        data: { name: 'Dashboard', url: 'https://app.example.com/dashboard' },
      },
    ],
  ],
  [
    'a page takes category and URL from beside its properties where they are not in them',
    {
      type: 'page',
      userId: 'u',
      name: 'Plans',
      category: 'Docs',
      context: { page: { url: 'https://a.example/' } },
    },
    [
      {
        kind: 'event',
        type: 'page_viewed',
        userId: 'u',
        data: { category: 'Docs', url: 'https://a.example/', name: 'Plans' },
      },
    ],
  ],
  [
    'a page without a name keeps the one among its properties',
    {
      type: 'page',
      userId: 'u',
      properties: { name: 'Home', url: 'x', category: 'c' },
      category: 'd',
      context: { page: { url: 'y' } },
    },
    [{ kind: 'event', type: 'page_viewed', userId: 'u', data: { name: 'Home', url: 'x', category: 'c' } }],
  ],
  [
    'an anonymous event is kept under its anonymous id',
    { type: 'track', userId: null, anonymousId: 'a-1', event: 'Seen' },
    [{ kind: 'event', type: 'Seen', anonymousId: 'a-1', data: {} }],
  ],
  [
    "a known visitor's event is the user's",
    { type: 'track', userId: 'u', anonymousId: 'a-1', event: 'Seen' },
    [{ kind: 'event', type: 'Seen', userId: 'u', anonymousId: 'a-1', data: {} }],
  ],
  [
    'an identify with both ids joins them before the traits are changed',
    { type: 'identify', userId: 'u', anonymousId: 'a-1', traits: { plan: 'pro' } },
    [
      { kind: 'join', previousId: 'a-1', userId: 'u' },
      { kind: 'traits', userId: 'u', anonymousId: 'a-1', set: { plan: 'pro' } },
    ],
  ],
  [
    'an identify without traits makes a user all the same',
    { type: 'identify', userId: 'u' },
    [{ kind: 'traits', userId: 'u', set: {} }],
  ],
  [
    'an identify of a visitor changes traits of the visitor',
    { type: 'identify', anonymousId: 'a-1', traits: { plan: 'pro' } },
    [{ kind: 'traits', anonymousId: 'a-1', set: { plan: 'pro' } }],
  ],
  [
    'an alias joins',
    { type: 'alias', previousId: 'a-1', userId: 'u', timestamp: '2026-04-04T12:00:00Z' },
    [{ kind: 'join', previousId: 'a-1', userId: 'u', at: NOON }],
  ],
  ['an alias of oneself says nothing', { type: 'alias', previousId: 'u', userId: 'u' }, []],
  [
    'an alias by an id that stands for nobody joins nobody',
    { type: 'alias', previousId: 'undefined', userId: 'u' },
    [],
  ],
  ['a screen is skipped', { type: 'screen', userId: 'u', name: 'Home' }, []],
  ['a group is skipped', { type: 'group', userId: 'u', groupId: 'g', traits: { a: 1 } }, []],
  ['a type that Segment may invent is skipped', { type: 'hologram' }, []],
  [
    'a request to be forgotten erases the person',
    { type: 'delete', userId: 'u' },
    [{ kind: 'delete', userId: 'u', what: 'person' }],
  ],
  [
    'a numeric user id is its digits',
    { type: 'track', userId: 4711, event: 'e' },
    [{ kind: 'event', type: 'e', userId: '4711', data: {} }],
  ],
  [
    'a mapped call without a type is known by its fields',
    [
      { userId: 'u', event: 'e' },
      { userId: 'u', traits: { a: 1 } },
      { userId: 'u', previousId: 'a-1' },
      { userId: 'u', groupId: 'g' },
    ],
    [
      { kind: 'event', type: 'e', userId: 'u', data: {} },
      { kind: 'traits', userId: 'u', set: { a: 1 } },
      { kind: 'join', previousId: 'a-1', userId: 'u' },
    ],
  ],
  [
    'a bare list keeps its order',
    [
      { type: 'track', userId: 'u', event: 'one' },
      { type: 'track', userId: 'u', event: 'two' },
    ],
    [
      { kind: 'event', type: 'one', userId: 'u', data: {} },
      { kind: 'event', type: 'two', userId: 'u', data: {} },
    ],
  ],
  [
    'a batch lends its context to its pages',
    {
      batch: [{ type: 'page', userId: 'u' }],
      context: { page: { url: 'https://a.example/' } },
      writeKey: 'k',
    },
    [{ kind: 'event', type: 'page_viewed', userId: 'u', data: { url: 'https://a.example/' } }],
  ],
  ['an empty batch says nothing', { batch: [] }, []],
]

/** Body, where the mistake is, and its reason. */
const mistakes: [unknown, string, RegExp][] = [
  [{ type: 'track', event: 'e' }, '/userId', /^is missing, and so is anonymousId$/],
  [{ type: 'track', userId: '', anonymousId: '', event: 'e' }, '/userId', /^is missing/],
  [{ type: 'identify', traits: {} }, '/userId', /^is missing/],
  [{ type: 'track', userId: 'u' }, '/event', /^is missing; the name of the event was expected$/],
  [{ type: 'track', userId: 'u', event: 7 }, '/event', /^must be a text$/],
  [{ type: 'track', userId: 'u', event: 'e'.repeat(256) }, '/event', /^must be at most 255 characters$/],
  [{ type: 'track', userId: 'u', event: 'e', properties: [1] }, '/properties', /^must be an object$/],
  [{ type: 'identify', userId: 'u', traits: 'pro' }, '/traits', /^must be an object$/],
  [{ type: 'track', userId: { id: 'u' }, event: 'e' }, '/userId', /^must be a text or a number$/],
  [{ type: 'track', userId: 'u'.repeat(257), event: 'e' }, '/userId', /^must be at most 256 characters$/],
  ['{"type":"track","userId":12345678901234567890,"event":"e"}', '/userId', /loses digits$/],
  [{ type: 'track', userId: 'u\0', event: 'e' }, '/userId', /cannot be stored$/],
  [{ type: 'track', userId: 'u\ufffd', event: 'e' }, '/userId', /cannot be stored$/],
  [{ type: 'track', userId: ' ', event: 'e' }, '/userId', /^is missing/],
  [{ type: 'track', userId: '\ud800', event: 'e' }, '/userId', /cannot be stored$/],
  [{ type: 'track', anonymousId: [], event: 'e' }, '/anonymousId', /^must be a text or a number$/],
  [{ type: 'alias', userId: 'u' }, '/previousId', /^is missing$/],
  [{ type: 'alias', previousId: 'a' }, '/userId', /^is missing$/],
  [{ type: 'delete' }, '/userId', /^is missing$/],
  [{}, '/type', /^is missing; track, page or identify was expected$/],
  [null, '', /^must be an object$/],
  ['"text"', '', /^must be an object$/],
  [{ batch: [7] }, '/batch/0', /^must be an object$/],
  [[{ type: 'track', event: 'e' }], '/0/userId', /^is missing/],
]

describe('the Segment connector', () => {
  for (const [title, body, expected] of cases)
    it(title, () => {
      const result = read('segment', body)
      expect(brief(result.items)).to.deep.equal(expected)
      expect(result.rejected).to.deep.equal([])
      expect(isUnusable(result)).to.equal(false)
      expect(result.items.every((item) => item.source === 'segment')).to.equal(true)
    })

  for (const [body, where, reason] of mistakes)
    it(`refuses ${(typeof body === 'string' ? body : JSON.stringify(body)).slice(0, 70)}, at ${where || 'the item'}`, () => {
      const result = read('segment', body)
      expect(result.items).to.deep.equal([])
      expect(result.rejected[0]).to.include({ index: 0, where })
      expect(result.rejected[0]!.reason).to.match(reason)
      expect(isUnusable(result)).to.equal(true)
    })

  it('takes what is good beside what is not', () => {
    const good = { type: 'track', userId: 'u', event: 'e' }
    const result = read('segment', {
      batch: [good, { type: 'track', event: 'e' }, { type: 'screen' }, 7, good],
    })
    expect(brief(result.items)).to.have.length(2)
    expect(result.skipped).to.equal(1)
    expect(result.rejected.map(({ index, where }) => [index, where])).to.deep.equal([
      [1, '/batch/1/userId'],
      [3, '/batch/3'],
    ])
    expect(isUnusable(result)).to.equal(false)
  })

  it('finds a body usable of which nothing is kept, so that Segment does not drop it as a mistake', () => {
    expect(isUnusable(read('segment', [{ type: 'screen', userId: 'u' }, { type: 'track' }]))).to.equal(false)
  })

  it('counts a user once, and no visitor', () => {
    const { items } = read('segment', [
      { type: 'identify', userId: 'u' },
      { type: 'identify', userId: 'u', traits: { a: 1 } },
      { type: 'identify', userId: 'v' },
      { type: 'identify', anonymousId: 'a-1', traits: { a: 1 } },
      { type: 'track', userId: 'w', event: 'e' },
    ])
    expect(usersUpserted(items)).to.equal(2)
  })

  it('gives the write key apart, from the batch or else from an item', () => {
    expect(
      read('segment', { writeKey: 'k', batch: [{ type: 'track', userId: 'u', event: 'e', writeKey: 'l' }] }),
    ).to.include({ key: 'k' })
    expect(read('segment', [{ type: 'track', userId: 'u', event: 'e', writeKey: 'l' }])).to.include({
      key: 'l',
    })
    expect(JSON.stringify(read('segment', { writeKey: 'secret', batch: [] }).items)).to.not.include('secret')
    for (const writeKey of [undefined, '', 7, {}])
      expect(read('segment', { type: 'track', userId: 'u', event: 'e', writeKey })).to.include({ key: null })
  })
})

describe('the time of a Segment call', () => {
  const at = (fields: object, outer?: object) => {
    const item = { type: 'track', userId: 'u', event: 'e', ...fields }
    const [event] = read('segment', outer === undefined ? item : { ...outer, batch: [item] }).items
    return (event as { at: number | null }).at
  }
  const SEEN = { receivedAt: iso(NOW) }
  for (const [title, expected, fields, outer] of [
    ['is its timestamp', NOON, { timestamp: iso(NOON) }],
    [
      'is its timestamp although Segment saw it at another time',
      NOON,
      { timestamp: iso(NOON), originalTimestamp: iso(NOON - 5), sentAt: iso(NOON), ...SEEN },
    ],
    ['is its original timestamp where there is no other', NOON, { originalTimestamp: iso(NOON), ...SEEN }],
    [
      'is its timestamp once Segment has received it',
      NOON,
      { timestamp: iso(NOON), sentAt: iso(NOON + 5 * MINUTE), ...SEEN },
    ],
    [
      'is its timestamp once Segment has kept the original',
      NOON,
      { timestamp: iso(NOON), sentAt: iso(NOON + 5 * MINUTE), originalTimestamp: iso(NOON) },
    ],
    ['may be west of UTC', NOON, { timestamp: '2026-04-04T07:00:00-05:00' }],
    ['may be east of UTC', NOON, { timestamp: '2026-04-04T17:30:00.000+0530' }],
    ['is when Segment received it where it says no other', NOW, SEEN],
    ['is when it came where nothing says so', null, {}],
    ['is never when it was sent', null, { sentAt: iso(NOON) }],
    ['is not what cannot be read', null, { timestamp: 'yesterday' }],
    ['is not a date that no calendar has', null, { timestamp: '2026-02-30T00:00:00Z' }],
    ['is not more than a day ahead', null, { timestamp: iso(NOW + 25 * 60 * MINUTE) }],
    ['may be a day ahead', NOW + 23 * 60 * MINUTE, { timestamp: iso(NOW + 23 * 60 * MINUTE) }],
    ['is not before clocks were set', null, { timestamp: '1970-01-01T00:00:00Z' }],
    [
      'is put right by how far the clock of the sender is off',
      NOW - MINUTE,
      { timestamp: iso(NOON) },
      { sentAt: iso(NOON + MINUTE) },
    ],
    [
      'is put right by the clock in the item too',
      NOW - MINUTE,
      { timestamp: iso(NOON), sentAt: iso(NOON + MINUTE) },
    ],
    [
      'is put right where the clock is ahead',
      NOW - MINUTE,
      { timestamp: iso(NOW + 59 * MINUTE) },
      { sentAt: iso(NOW + 60 * MINUTE) },
    ],
    [
      'is as it was written where the request was only slow',
      NOW - 3_000,
      { timestamp: iso(NOW - 3_000) },
      { sentAt: iso(NOW - 2_000) },
    ],
  ] as [string, number | null, object, object?][])
    it(title, () => expect(at(fields, outer)).to.equal(expected))
})

describe('a call of Segment in a file', () => {
  it('is of the time that it says, however long ago it was sent', () => {
    const value = [
      { type: 'track', userId: 'u', event: 'e', timestamp: iso(NOON), sentAt: iso(NOON + MINUTE) },
    ]
    const arrival = { receivedAt: NOW, isLive: false }
    const result = normalise('segment', { kind: 'json', value }, { query: {}, arrival })
    expect(result).to.have.property('items').that.has.length(1)
    expect((result as Normalised).items[0]).to.include({ at: NOON })
  })
})

describe('the id of a Segment call', () => {
  const call = {
    type: 'track',
    userId: 'u',
    event: 'e',
    properties: { a: 1, b: 2 },
    timestamp: '2026-04-04T12:00:00Z',
  }
  const id = (change: object) => dedupeIdIn('segment', { ...call, ...change })

  it('is its messageId', () => expect(id({ messageId: 'ajs-1' })).to.equal('ajs-1'))

  it('is short and plain whatever its messageId is', () => {
    for (const messageId of ['x'.repeat(201), 'a\0b', '\ud800', 'ä ö'])
      expect(id({ messageId })).to.match(/^sha256:[\w-]{43}$/)
    expect(id({ messageId: 'a\0b' })).to.not.equal(id({ messageId: 'a\0c' }))
  })

  it('is one of its contents where it has none, in whatever order its names come', () => {
    expect(id({})).to.match(/^sha256:[\w-]{43}$/)
    expect(id({ messageId: '' })).to.equal(id({}))
    expect(id({ properties: { b: 2, a: 1 } })).to.equal(id({}))
    expect(id({ sentAt: '2026-04-04T11:00:00Z' })).to.equal(id({}))
    for (const change of [
      { event: 'f' },
      { userId: 'v' },
      { properties: { a: 1 } },
      { timestamp: '2026-04-04T12:00:00.001Z' },
    ])
      expect(id(change)).to.not.equal(id({}))
  })

  it('is none where nothing says when it was', () => expect(id({ timestamp: undefined })).to.equal(null))
})
