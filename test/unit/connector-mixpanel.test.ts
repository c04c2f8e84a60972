import { expect } from 'chai'
import { isUnusable, usersUpserted } from '../../src/connectors/canonical.ts'
import { brief, dedupeIdIn, NOW, read } from '../support/connector.ts'

const PAGE_TIME = 1_743_782_400_000
const event = (name: string, properties: object) => ({ event: name, properties })
const engage = (fields: object) => ({ $token: 'mp-1', $distinct_id: 'u', ...fields })

/** Title, body, and what it says. */
const cases: [string, unknown, object[]][] = [
  [
    "the page's event keeps its name and Mixpanel's own properties",
    event('Project Created', {
      distinct_id: 'user-123',
      time: 1743782400,
      projectName: 'Q1 Roadmap',
      $city: 'San Francisco',
    }),
    [
      {
        kind: 'event',
        type: 'Project Created',
        userId: 'user-123',
        data: { projectName: 'Q1 Roadmap', $city: 'San Francisco' },
        at: PAGE_TIME,
      },
    ],
  ],
  [
    'a list is taken, and neither token nor what has a place of its own is kept in the data',
    [
      event('e', {
        distinct_id: 'u',
        token: 'mp-1',
        time: 1743782400,
        $insert_id: 'i-1',
        $browser: 'Chrome',
      }),
    ],
    [
      {
        kind: 'event',
        type: 'e',
        userId: 'u',
        data: { $insert_id: 'i-1', $browser: 'Chrome' },
        at: PAGE_TIME,
      },
    ],
  ],
  [
    'the id may be called $distinct_id or $user_id',
    [event('e', { $distinct_id: 'u' }), event('e', { $user_id: 'v', $device_id: 'd' })],
    [
      { kind: 'event', type: 'e', userId: 'u', data: { $distinct_id: 'u' } },
      { kind: 'event', type: 'e', userId: 'v', data: { $user_id: 'v', $device_id: 'd' } },
    ],
  ],
  [
    "a device's event is a visitor's",
    [event('e', { distinct_id: '$device:d-1' }), event('e', { distinct_id: '', $device_id: 'd-1' })],
    [
      { kind: 'event', type: 'e', anonymousId: 'd-1', data: {} },
      { kind: 'event', type: 'e', anonymousId: 'd-1', data: { $device_id: 'd-1' } },
    ],
  ],
  [
    'a placeholder gives way to an id that names somebody',
    event('e', { distinct_id: 'undefined', $user_id: 'u' }),
    [{ kind: 'event', type: 'e', userId: 'u', data: { $user_id: 'u' } }],
  ],
  [
    'an $identify is kept, and joins',
    [
      event('$identify', { $identified_id: 'u', $anon_id: '$device:d-1' }),
      event('$identify', { distinct_id: 'u', $anon_distinct_id: 'a-1' }),
    ],
    [
      {
        kind: 'event',
        type: '$identify',
        userId: 'u',
        data: { $identified_id: 'u', $anon_id: '$device:d-1' },
      },
      { kind: 'join', previousId: 'd-1', userId: 'u' },
      { kind: 'event', type: '$identify', userId: 'u', data: { $anon_distinct_id: 'a-1' } },
      { kind: 'join', previousId: 'a-1', userId: 'u' },
    ],
  ],
  [
    'a $create_alias is kept, and joins what there was to the new name',
    event('$create_alias', { distinct_id: 'a-1', alias: 'u' }),
    [
      { kind: 'event', type: '$create_alias', userId: 'a-1', data: { alias: 'u' } },
      { kind: 'join', previousId: 'a-1', userId: 'u' },
    ],
  ],
  [
    'a $merge is kept, and joins the device to the user',
    event('$merge', { $distinct_ids: ['$device:d-1', 'u'] }),
    [
      { kind: 'event', type: '$merge', anonymousId: 'd-1', data: { $distinct_ids: ['$device:d-1', 'u'] } },
      { kind: 'join', previousId: 'd-1', userId: 'u' },
    ],
  ],
  [
    'an identity event by an id that stands for nobody is kept and joins nobody',
    event('$create_alias', { distinct_id: 'u', alias: 'null' }),
    [{ kind: 'event', type: '$create_alias', userId: 'u', data: { alias: 'null' } }],
  ],
  ['what Mixpanel is told to ignore is skipped', event('e', { distinct_id: 'u', $ignore: true }), []],
  [
    'engage sets, with plain names for what everybody has',
    engage({ $set: { $email: 'j@example.com', $first_name: 'J', $city: 'SF', plan: 'pro' } }),
    [
      {
        kind: 'traits',
        userId: 'u',
        set: { email: 'j@example.com', first_name: 'J', $city: 'SF', plan: 'pro' },
      },
    ],
  ],
  [
    'a plain name counts more than that of Mixpanel',
    engage({ $set: { email: 'mine', $email: 'theirs' } }),
    [{ kind: 'traits', userId: 'u', set: { email: 'mine' } }],
  ],
  [
    'engage has one operation an item',
    [
      engage({ $set_once: { $created: '2026-01-01' } }),
      engage({ $add: { visits: 1, points: -2.5 } }),
      engage({ $append: { orders: { id: 7 } } }),
      engage({ $union: { tags: ['a', 'b'] } }),
      engage({ $remove: { tags: 'a' } }),
      engage({ $unset: ['$phone', 'plan'] }),
      engage({ $delete: '' }),
    ],
    [
      { kind: 'traits', userId: 'u', set: {}, setOnce: { created: '2026-01-01' } },
      { kind: 'traits', userId: 'u', set: {}, add: { visits: 1, points: -2.5 } },
      { kind: 'traits', userId: 'u', set: {}, append: { orders: { id: 7 } } },
      { kind: 'traits', userId: 'u', set: {}, union: { tags: ['a', 'b'] } },
      { kind: 'traits', userId: 'u', set: {}, remove: { tags: 'a' } },
      { kind: 'traits', userId: 'u', set: {}, unset: ['phone', 'plan'] },
      { kind: 'delete', userId: 'u', what: 'traits' },
    ],
  ],
  [
    'engage of a device changes traits of the visitor',
    { $distinct_id: '$device:d-1', $set: { a: 1 } },
    [{ kind: 'traits', anonymousId: 'd-1', set: { a: 1 } }],
  ],
  ['a group is skipped', [{ $token: 't', $group_key: 'company', $group_id: 'acme', $set: { a: 1 } }], []],
  ['an empty list says nothing', [], []],
]

/** Body, where the mistake is, and its reason. */
const mistakes: [unknown, string, RegExp][] = [
  [event('e', {}), '/properties/distinct_id', /^is missing$/],
  [{ event: 'e' }, '/properties/distinct_id', /^is missing$/],
  [event('e', { distinct_id: '' }), '/properties/distinct_id', /^is missing$/],
  [event('e', { distinct_id: {} }), '/properties/distinct_id', /^must be a text or a number$/],
  [event('', { distinct_id: 'u' }), '/event', /^is missing/],
  [{ event: 'e', properties: [] }, '/properties', /^must be an object$/],
  [{ properties: { distinct_id: 'u' } }, '/event', /^is missing/],
  [{ $set: { a: 1 } }, '/$distinct_id', /^is missing$/],
  [engage({}), '', /^must have one of \$set, \$set_once, /],
  [engage({ $set: [] }), '/$set', /^must be an object$/],
  [engage({ $add: { a: '1' } }), '/$add', /^must have numbers only$/],
  ['{"$distinct_id":"u","$add":{"a":1e999}}', '/$add', /^must have numbers only$/],
  [engage({ $union: { a: 'b' } }), '/$union', /^must have lists only$/],
  [engage({ $unset: { a: 1 } }), '/$unset', /^must be a list of names$/],
  [
    [event('e', { distinct_id: 'null' })],
    '/0/properties/distinct_id',
    /^is "null", which stands for nobody$/,
  ],
]

const PLACEHOLDERS = [
  ...['00000000-0000-0000-0000-000000000000', 'anon', 'Anonymous', 'nil', 'none', 'null', 'n/a', 'NA'],
  ...['undefined', 'unknown', '0', '-1', 'true', 'false', '[]', '{}', '<nil>', 0, -1],
]

describe('the Mixpanel connector', () => {
  for (const [title, body, expected] of cases)
    it(title, () => {
      const result = read('mixpanel', body)
      expect(brief(result.items)).to.deep.equal(expected)
      expect(result.rejected).to.deep.equal([])
      expect(result.cohort).to.equal(null)
      expect(isUnusable(result)).to.equal(false)
      expect(result.items.every((item) => item.source === 'mixpanel')).to.equal(true)
    })

  for (const [body, where, reason] of mistakes)
    it(`refuses ${(typeof body === 'string' ? body : JSON.stringify(body)).slice(0, 70)}, at ${where || 'the item'}`, () => {
      const result = read('mixpanel', body)
      expect(result.items).to.deep.equal([])
      expect(result.rejected).to.have.length(1)
      expect(result.rejected[0]).to.include({ index: 0, where })
      expect(result.rejected[0]!.reason).to.match(reason)
      expect(isUnusable(result)).to.equal(true)
    })

  for (const id of PLACEHOLDERS)
    it(`takes ${JSON.stringify(id)} for no user`, () =>
      expect(read('mixpanel', event('e', { distinct_id: id })).rejected[0]!.reason).to.match(
        /stands for nobody$/,
      ))

  it('takes what is good beside what is not', () => {
    const good = event('e', { distinct_id: 'u' })
    const result = read('mixpanel', [good, event('e', {}), engage({}), engage({ $set: { a: 1 } }), good])
    expect(result.items).to.have.length(3)
    expect(result.rejected.map(({ index }) => index)).to.deep.equal([1, 2])
  })

  it('counts whose profile changes', () => {
    const { items } = read('mixpanel', [
      engage({ $add: { a: 1 } }),
      engage({ $delete: '' }),
      event('e', { distinct_id: 'v' }),
    ])
    expect(usersUpserted(items)).to.equal(1)
  })

  it('gives the token apart', () => {
    for (const body of [event('e', { distinct_id: 'u', token: 'mp-1' }), [engage({ $set: { a: 1 } })]]) {
      const { key, items } = read('mixpanel', body)
      expect(key).to.equal('mp-1')
      expect(JSON.stringify(items)).to.not.include('mp-1')
    }
    expect(read('mixpanel', event('e', { distinct_id: 'u' }), { query: { api_key: 'q' } })).to.include({
      key: 'q',
    })
  })
})

describe('the time of a Mixpanel event', () => {
  const at = (properties: object) =>
    (read('mixpanel', event('e', { distinct_id: 'u', ...properties })).items[0] as { at: number | null }).at
  for (const [title, properties, expected] of [
    ['is in seconds', { time: 1743782400 }, PAGE_TIME],
    ['may have parts of a second', { time: 1743782400.25 }, PAGE_TIME + 250],
    ['may be in milliseconds', { time: 1743782400123 }, PAGE_TIME + 123],
    ['may be digits in a text', { time: '1743782400' }, PAGE_TIME],
    ['may be in ISO 8601', { time: '2025-04-04T16:00:00Z' }, PAGE_TIME],
    ['may be called $time', { $time: 1743782400 }, PAGE_TIME],
    ['is in milliseconds from 1e11 on', { time: 1e11 }, 1e11],
    ['is when it came before 1971', { time: 1 }, null],
    ['is when it came where it is more than a day ahead', { time: NOW / 1_000 + 90_000 }, null],
    ['is when it came where it cannot be read', { time: 'now' }, null],
    ['is when it came where it is not said', {}, null],
  ] as [string, object, number | null][])
    it(title, () => expect(at(properties)).to.equal(expected))
})

describe('the id of a Mixpanel event', () => {
  const id = (change: object, name = 'e') =>
    dedupeIdIn(
      'mixpanel',
      event(name, { distinct_id: 'u', time: 1743782400, a: 1, $insert_id: 'i-1', ...change }),
    )

  it('is of its name, user, time and $insert_id together', () => {
    expect(id({})).to.match(/^sha256:[\w-]{43}$/)
    expect(id({ a: 2 })).to.equal(id({}))
    expect(id({ time: 1743782400000 })).to.equal(id({}))
    for (const other of [
      id({}, 'f'),
      id({ distinct_id: 'v' }),
      id({ time: 1743782401 }),
      id({ $insert_id: 'i-2' }),
    ])
      expect(other).to.not.equal(id({}))
  })

  it('is one of its contents without an $insert_id, and none where nothing says when it was', () => {
    expect(id({ $insert_id: '' })).to.match(/^sha256:[\w-]{43}$/)
    expect(id({ $insert_id: '', a: 2 })).to.not.equal(id({ $insert_id: '' }))
    expect(id({ $insert_id: '', time: undefined })).to.equal(null)
  })
})
