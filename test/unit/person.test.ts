import { expect } from 'chai'
import fc from 'fast-check'
import { ACTIVITIES_MAX, HALF_LIFE_MS, ratePerDay } from '../../actors/activity.ts'
import { EVERY, NAMES_MAX, withheld } from '../../actors/permissions.ts'
import {
  type Person,
  type PersonItem,
  type ProfileChange,
  seenByRules,
  told,
  unknownPerson,
} from '../../actors/person.ts'
import { type Json, TRAITS_BYTES_MAX, TRAITS_MAX } from '../../actors/traits.ts'

const DAY = 86_400_000
const T0 = Date.UTC(2026, 10, 21)

const toldAll = (...items: PersonItem[]): Person => items.reduce(told, unknownPerson(false))
const change = (change: ProfileChange): PersonItem => ({ kind: 'traits', change })
const event = (type: string, at: number): PersonItem => ({ kind: 'event', type, at })

describe('the traits of a person', () => {
  const cases: [string, Record<string, Json>, ProfileChange, Record<string, Json>][] = [
    ['are set', { a: 1 }, { set: { a: 2, b: null } }, { a: 2, b: null }],
    [
      'are set once, where there is no value yet',
      { a: 1, n: null },
      { setOnce: { a: 2, n: 3, c: 4 } },
      { a: 1, n: 3, c: 4 },
    ],
    ['are removed', { a: 1, b: 2 }, { unset: ['a', 'never'] }, { b: 2 }],
    ['are added to', { a: 1 }, { add: { a: 2, b: -1 } }, { a: 3, b: -1 }],
    ['stay where a number is added to what is none', { a: 'x' }, { add: { a: 2 } }, { a: 'x' }],
    ['stay where a sum is no number any more', { a: 1.7e308 }, { add: { a: 1.7e308 } }, { a: 1.7e308 }],
    ['get a value at the end of a list', { l: [1] }, { append: { l: 1, m: 'x' } }, { l: [1, 1], m: ['x'] }],
    ['count as a list of what they are', { l: 'a' }, { append: { l: 'b' } }, { l: ['a', 'b'] }],
    [
      'get what is missing in a list',
      { l: [{ x: 1 }] },
      { union: { l: [{ x: 1 }, 2, 2] } },
      { l: [{ x: 1 }, 2] },
    ],
    ['lose a value of a list wherever it stands', { l: [1, 2, 1] }, { remove: { l: 1, m: 1 } }, { l: [2] }],
    [
      'follow the order set, set once, add, append, union, remove, unset',
      {},
      {
        unset: ['gone'],
        remove: { l: 2 },
        union: { l: [3] },
        append: { l: 2 },
        add: { n: 1 },
        setOnce: { n: 5, s: 2 },
        set: { gone: 1, s: 1 },
      },
      { s: 1, n: 6, l: [3] },
    ],
  ]
  for (const [title, before, said, expected] of cases) {
    it(title, () => {
      expect(toldAll(change({ set: before }), change(said)).traits).to.deep.equal(expected)
    })
  }

  it('may have the names of what objects inherit', () => {
    const traits = JSON.parse('{"__proto__": 1, "constructor": 2}')
    const person = toldAll(change({ set: traits }), change({ add: { constructor: 1 } }))
    expect(Object.entries(person.traits)).to.deep.equal([
      ['__proto__', 1],
      ['constructor', 3],
    ])
  })

  it('beyond their number are not taken, and those that are there can still change', () => {
    const many = Object.fromEntries(Array.from({ length: TRAITS_MAX + 3 }, (_, i) => [`t${i}`, 0]))
    const person = toldAll(change({ set: many }), change({ set: { t0: 1, other: 1 } }))
    expect(Object.keys(person.traits)).to.have.length(TRAITS_MAX)
    expect(person.traits.t0).to.equal(1)
    expect(person.refused).to.equal(4)
  })

  it('beyond their size are not taken, and may shrink', () => {
    const half = 'x'.repeat(TRAITS_BYTES_MAX / 2)
    const full = toldAll(change({ set: { a: half, b: half } }))
    expect(Object.keys(full.traits)).to.deep.equal(['a'])
    expect(full.refused).to.equal(1)
    const smaller = told(full, change({ set: { a: 'x', b: half } }))
    expect(Object.keys(smaller.traits)).to.deep.equal(['a', 'b'])
  })

  it('tell time zone and locale where they can be believed', () => {
    const known = toldAll(change({ set: { timezone: 'Europe/Berlin', locale: 'de_DE' } }))
    expect(known).to.include({ timezone: 'Europe/Berlin', locale: 'de-DE' })
    const odd = told(known, change({ set: { timezone: 'Middle/Earth', locale: '?' } }))
    expect(odd).to.include({ timezone: 'Europe/Berlin', locale: 'de-DE' })
    expect(told(known, change({ timezone: null, locale: 'pt-br' }))).to.include({
      timezone: null,
      locale: 'pt-BR',
    })
  })

  it('are forgotten together, without what was done', () => {
    const person = toldAll(change({ set: { a: 1 }, timezone: 'Asia/Tokyo' }), event('x', T0), {
      kind: 'forget',
    })
    expect(person).to.deep.include({ traits: {}, timezone: null, events: 1 })
  })
})

describe('what a person did', () => {
  it('is counted by type, with the first and the last time, whatever the order', () => {
    const person = toldAll(event('a', T0), event('b', T0 + 2 * DAY), event('a', T0 - DAY))
    expect(person).to.include({ events: 3, firstSeen: T0 - DAY, lastSeen: T0 + 2 * DAY })
    expect(person.activities.a).to.include({ count: 2, firstAt: T0 - DAY, lastAt: T0 })
  })

  it('weighs half after a half-life', () => {
    const { a } = toldAll(event('a', T0), event('a', T0 + HALF_LIFE_MS)).activities
    expect(a!.weight).to.equal(1.5)
    expect(ratePerDay(a!, T0 + 2 * HALF_LIFE_MS) * 2).to.be.closeTo(ratePerDay(a!, T0 + HALF_LIFE_MS), 1e-12)
  })

  it('comes to its own pace a day where it goes on evenly', () => {
    const evenly = Array.from({ length: 600 }, (_, i) => event('a', T0 + (i * DAY) / 3))
    expect(ratePerDay(toldAll(...evenly).activities.a!, T0 + 200 * DAY)).to.be.closeTo(3, 0.1)
  })

  it('is the same in any order', () => {
    const anyEvent = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 400 * DAY }))
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 20 }), (list) => {
        const events = list.map(([type, at]) => event(type, at))
        const [one, other] = [toldAll(...events), toldAll(...events.toReversed())]
        expect({ ...one, activities: null }).to.deep.equal({ ...other, activities: null })
        for (const [type, activity] of Object.entries(one.activities)) {
          const { weight, ...rest } = other.activities[type]!
          expect(activity).to.deep.include(rest)
          expect(activity.weight).to.be.closeTo(weight, 1e-9)
        }
      }),
    )
  })

  it('is forgotten by type, the longest unseen first, and still counted as a whole', () => {
    const types = Array.from({ length: ACTIVITIES_MAX + 2 }, (_, i) => event(`t${i}`, T0 + i))
    const person = toldAll(...types)
    expect(Object.keys(person.activities)).to.have.length(ACTIVITIES_MAX)
    expect(person.activities).to.not.have.any.keys('t0', 't1')
    expect(person.events).to.equal(ACTIVITIES_MAX + 2)
  })

  it('is shown to rules with days since and a pace, dots as underscores', () => {
    const person = toldAll(event('custom.a.b', T0), event('Order Placed', T0 - DAY))
    const seen = seenByRules(person, T0 + 3 * DAY)
    expect(seen).to.include({ events: 2, days_since_last_seen: 3, days_since_first_seen: 4 })
    expect(seen.activity.custom_a_b).to.deep.include({ count: 1, days_since: 3 })
    expect(seen.activity['Order Placed']!.days_since).to.equal(4)
  })
})

describe('what a person allows', () => {
  const asked = { channel: 'email', action: 'grant_points', now: T0 }
  const cases: [string, ProfileChange[], string | null][] = [
    ['is everything as long as nothing was said', [], null],
    [
      'is not what consent was withdrawn from, by channel',
      [{ consent: { channels: { email: false } } }],
      'consent_withdrawn',
    ],
    [
      'is not what consent was withdrawn from, by action',
      [{ consent: { actions: { grant_points: false } } }],
      'consent_withdrawn',
    ],
    [
      'is nothing once consent was withdrawn from every one',
      [{ consent: { channels: { [EVERY]: false } } }],
      'consent_withdrawn',
    ],
    ['is not changed by other channels', [{ consent: { channels: { sms: false } } }], null],
    [
      'is not more for a consent to the action where the channel has none',
      [{ consent: { channels: { email: false }, actions: { grant_points: true } } }],
      'consent_withdrawn',
    ],
    [
      'is free again once consent is given',
      [{ consent: { channels: { email: false } } }, { consent: { channels: { email: true } } }],
      null,
    ],
    [
      'is free again once what was said is forgotten',
      [{ consent: { actions: { grant_points: false } } }, { consent: { actions: { grant_points: null } } }],
      null,
    ],
    [
      'is less while a suppression holds',
      [{ suppression: { actions: { grant_points: T0 + 1 } } }],
      'suppressed',
    ],
    ['is free when a suppression is over', [{ suppression: { actions: { grant_points: T0 } } }], null],
    [
      'is less until a suppression without an end is lifted',
      [{ suppression: { channels: { email: true } } }],
      'suppressed',
    ],
    [
      'is free when a suppression is lifted',
      [{ suppression: { channels: { email: true } } }, { suppression: { channels: { email: false } } }],
      null,
    ],
  ]
  for (const [title, said, expected] of cases) {
    it(title, () => {
      expect(withheld(toldAll(...said.map(change)).permissions, asked)).to.equal(expected)
    })
  }

  it('never grows by too many names: what is withdrawn then holds for all', () => {
    const names = (value: boolean) =>
      Object.fromEntries(Array.from({ length: NAMES_MAX }, (_, i) => [`${value}${i}`, value]))
    const kept = toldAll(
      change({ consent: { channels: names(true) } }),
      change({ consent: { channels: { email: false } } }),
    )
    expect(kept.permissions.consent.channels).to.deep.equal({ email: false })
    const all = told(kept, change({ consent: { channels: names(false) } }))
    expect(all.permissions.consent.channels).to.deep.equal({ [EVERY]: false })
  })
})

describe('a merge of two people', () => {
  const user = toldAll(change({ set: { a: 1 }, locale: 'de' }), event('x', T0))
  const visitor = toldAll(
    change({
      set: { a: 2, b: 2 },
      timezone: 'Asia/Tokyo',
      locale: 'en',
      consent: { channels: { email: false } },
    }),
    event('x', T0 - DAY),
    event('y', T0 + DAY),
  )
  const merged = told(user, { kind: 'merge', from: visitor })

  it('keeps what the user has, adds what was missing, and counts what both did', () => {
    expect(merged.traits).to.deep.equal({ a: 1, b: 2 })
    expect(merged).to.include({ timezone: 'Asia/Tokyo', locale: 'de', events: 3 })
    expect(merged).to.include({ firstSeen: T0 - DAY, lastSeen: T0 + DAY })
    expect(merged.activities.x).to.include({ count: 2, firstAt: T0 - DAY, lastAt: T0 })
  })

  it('lets what one of them has withdrawn stay withdrawn', () => {
    const given = told(user, change({ consent: { channels: { email: true } } }))
    expect(told(given, { kind: 'merge', from: visitor }).permissions.consent.channels).to.deep.equal({
      email: false,
    })
  })
})

describe('a person', () => {
  const name = fc.constantFrom('a', 'b', 'l', '__proto__', 'timezone')
  const value = fc.jsonValue({ maxDepth: 2 }).map((json) => JSON.parse(JSON.stringify(json)) as Json)
  const anyChange: fc.Arbitrary<ProfileChange> = fc.record(
    {
      set: fc.dictionary(name, value),
      setOnce: fc.dictionary(name, value),
      add: fc.dictionary(name, fc.double({ noNaN: true, noDefaultInfinity: true })),
      append: fc.dictionary(name, value),
      union: fc.dictionary(name, fc.array(value)),
      remove: fc.dictionary(name, value),
      unset: fc.array(name),
      consent: fc.record({ channels: fc.dictionary(name, fc.option(fc.boolean())) }, { requiredKeys: [] }),
      suppression: fc.record({ actions: fc.dictionary(name, fc.boolean()) }, { requiredKeys: [] }),
    },
    { requiredKeys: [] },
  )
  const anyItem: fc.Arbitrary<PersonItem> = fc.oneof(
    anyChange.map(change),
    fc.tuple(name, fc.integer({ min: 0, max: T0 })).map(([type, at]) => event(type, at)),
    fc.constant<PersonItem>({ kind: 'forget' }),
  )
  const kept = (person: Person): Person => JSON.parse(JSON.stringify(person))

  it('goes on the same after it was written down and read again at any point', () => {
    fc.assert(
      fc.property(fc.array(anyItem, { maxLength: 12 }), (items) => {
        const stored = items.reduce((person, item) => kept(told(person, item)), unknownPerson(false))
        expect(JSON.stringify(stored)).to.equal(JSON.stringify(kept(toldAll(...items))))
      }),
      { numRuns: 50 },
    )
  })

  it('is not changed twice by what only says how things are', () => {
    const repeatable = anyChange.map(({ add: _, append: __, ...rest }) => change(rest))
    fc.assert(
      fc.property(fc.array(anyItem, { maxLength: 6 }), repeatable, (items, last) => {
        const once = toldAll(...items, last)
        // A value that a remove or an unset of the same change takes away again is set once more: compare what stays.
        expect(JSON.stringify(kept({ ...told(once, last), refused: 0 }).permissions)).to.equal(
          JSON.stringify(kept(once).permissions),
        )
        expect(sorted(told(once, last).traits)).to.deep.equal(sorted(once.traits))
      }),
      { numRuns: 50 },
    )
  })

  it('stays within its bounds whatever it is told, and the person before is not touched', () => {
    const large = fc.array(fc.tuple(fc.string({ maxLength: 8 }), fc.integer({ min: 0, max: 30_000 })), {
      maxLength: 30,
    })
    fc.assert(
      fc.property(fc.array(large, { maxLength: 4 }), (changes) => {
        let person = unknownPerson(true)
        for (const list of changes) {
          const before = JSON.stringify(person)
          const next = told(
            person,
            change({ set: Object.fromEntries(list.map(([n, size]) => [n, 'é'.repeat(size / 2)])) }),
          )
          expect(JSON.stringify(person)).to.equal(before)
          person = next
        }
        expect(Buffer.byteLength(JSON.stringify(person.traits))).to.be.at.most(TRAITS_BYTES_MAX)
      }),
    )
  })
})

const sorted = (traits: Person['traits']) => Object.entries(traits).sort(([a], [b]) => (a < b ? -1 : 1))
