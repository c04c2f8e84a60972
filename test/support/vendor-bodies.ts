import fc from 'fast-check'
import type { Source } from '../../src/connectors/canonical.ts'

const context = {
  library: { name: 'analytics-node', version: '3.1.0' },
  page: { url: 'https://a.example/', title: 'A' },
}
const segment = [
  {
    type: 'track',
    userId: 'u',
    anonymousId: 'a',
    event: 'Paid',
    properties: { sum: 3, list: [{ id: 1 }] },
    context,
  },
  {
    type: 'identify',
    userId: 'u',
    anonymousId: 'a',
    traits: { plan: 'pro', company: { name: 'Acme' } },
    messageId: 'm-1',
  },
  { type: 'page', anonymousId: 'a', name: 'Home', category: 'Docs', properties: { url: 'x' }, context },
  { type: 'alias', userId: 'u', previousId: 'a', timestamp: '2026-04-04T12:00:00Z' },
  { type: 'group', userId: 'u', groupId: 'g', traits: {} },
  { type: 'delete', userId: 'u' },
  {
    type: 'track',
    userId: 'u',
    event: 'e',
    timestamp: '2026-04-04T12:00:00Z',
    sentAt: '2026-04-04T12:05:00Z',
  },
]
const posthog = [
  {
    event: 'paid',
    distinct_id: 'u',
    uuid: 'e-1',
    properties: { sum: 3, $set: { a: 1 }, $set_once: { b: { c: 1 } } },
  },
  { event: '$identify', distinct_id: 'u', properties: { $anon_distinct_id: 'a', $set: { plan: 'pro' } } },
  { event: '$pageview', properties: { distinct_id: 'u', token: 't', $unset: ['x'] }, offset: 100 },
  { event: '$create_alias', distinct_id: 'u', properties: { alias: 'a' }, timestamp: '2026-04-04T12:00:00' },
  { event: '$autocapture', distinct_id: 'u', properties: { $process_person_profile: false } },
  {
    event: {
      uuid: 'e-2',
      event: 'seen',
      distinct_id: 'u',
      properties: { x: [1] },
      timestamp: '2026-04-04T12:00:00Z',
    },
    person: { id: 'p', properties: { email: 'x@example.com' } },
  },
  {
    hook: { id: 'h' },
    data: {
      eventUuid: 'e-3',
      event: 'seen',
      distinctId: 'u',
      properties: {},
      person: { properties: { a: 1 } },
    },
  },
]
const mixpanel = [
  {
    event: 'Paid',
    properties: { distinct_id: 'u', time: 1743782400, $insert_id: 'i-1', token: 't', $city: 'SF' },
  },
  { event: '$identify', properties: { $identified_id: 'u', $anon_id: '$device:d', $device_id: 'd' } },
  { event: '$create_alias', properties: { distinct_id: 'a', alias: 'u' } },
  { event: '$merge', properties: { $distinct_ids: ['$device:d', 'u', 'v'] } },
  { $token: 't', $distinct_id: 'u', $set: { $email: 'x', plan: { name: 'pro' } } },
  { $distinct_id: 'u', $set_once: { a: 1 }, $add: { b: 1 }, $append: { c: 1 } },
  { $distinct_id: 'u', $union: { tags: ['a', { b: 1 }] }, $remove: { tags: 'a' }, $unset: ['x'] },
  { $distinct_id: 'u', $delete: '' },
  { $group_key: 'company', $group_id: 'acme', $set: { a: 1 } },
]
const cohort = {
  action: 'members',
  parameters: {
    mixpanel_cohort_id: '42',
    mixpanel_cohort_name: 'Power users',
    page_info: { total_pages: 2, page_count: 1 },
    members: [{ mixpanel_distinct_id: 'u', email: 'x', tags: ['a'] }, { mixpanel_distinct_id: '$device:d' }],
  },
}

/** Items as the vendors send them, none of them refused. */
export const ITEMS: Record<Source, readonly object[]> = { segment, posthog, mixpanel }

/** Whole bodies as the vendors send them. */
export const BODIES: Record<Source, readonly object[]> = {
  segment: [...segment, segment, { batch: segment, writeKey: 'w', sentAt: '2026-04-04T12:00:00Z', context }],
  posthog: [...posthog, posthog, { api_key: 'k', batch: posthog, sent_at: '2026-04-04T12:00:00Z' }],
  mixpanel: [...mixpanel, mixpanel, { batch: mixpanel }, cohort],
}

/** A number that no double holds, put into the text in place of this. */
const HUGE = '"@huge@"'

const hostile = fc.oneof(
  fc.constantFrom<unknown>(
    ...[
      '',
      ' ',
      '\0',
      'a\0',
      '\ud800',
      '\udc00x',
      '\ufffd',
      'null',
      'undefined',
      '__proto__',
      '$device:',
      '@huge@',
    ],
    ...[0, -1, -0, 1e308, 5e-324, 2 ** 60, 0.1, 1e13, true, false, null, [], {}, [[]], [null]],
    ...['2026-02-30', '9999-12-31T23:59:59Z', '0000-00-00', '99999999999999999999', 'x'.repeat(300)],
    JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'),
    JSON.parse(`${'['.repeat(70)}${']'.repeat(70)}`),
  ),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.jsonValue({ maxDepth: 2 }),
)
const names = fc.oneof(
  fc.constantFrom(
    ...[
      '__proto__',
      'constructor',
      'toString',
      '',
      'a\0',
      '\ud800',
      '$set',
      '$unset',
      '$add',
      '$delete',
      '$ignore',
    ],
    ...[
      'event',
      'type',
      'properties',
      'traits',
      'userId',
      'distinct_id',
      'batch',
      'action',
      'parameters',
      'data',
      'kind',
    ],
  ),
  fc.string({ unit: 'binary', maxLength: 3 }),
)
const change = fc.record({
  way: fc.array(fc.nat(12), { maxLength: 6 }),
  what: fc.constantFrom('replace', 'remove', 'add', 'rename'),
  name: names,
  value: hostile,
})
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never

/** JSON texts that began as one of `values` and were changed in up to `changesMax` places. */
export function mutated(values: readonly object[], changesMax = 4): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(...values), fc.array(change, { maxLength: changesMax }))
    .map(([value, changes]) =>
      JSON.stringify(changes.reduce(changed, value as unknown)).replaceAll(HUGE, '1e999'),
    )
}

/** The value with one place in it changed: `way` leads there, each step one of the names that there are. */
function changed(value: unknown, { way, ...rest }: Change): unknown {
  const [step, ...further] = way
  if (typeof value !== 'object' || value === null) return rest.what === 'replace' ? rest.value : value
  const entries = Object.entries(value)
  if (step === undefined || entries.length === 0) return changedHere(value, entries, { way, ...rest })
  const place = step % entries.length
  const inside = entries.map(([name, each], i): [string, unknown] => [
    name,
    i === place ? changed(each, { way: further, ...rest }) : each,
  ])
  return rebuilt(value, inside)
}

function changedHere(
  value: object,
  entries: [string, unknown][],
  { what, name, value: put }: Change,
): unknown {
  if (what === 'replace') return put
  if (what === 'remove') return rebuilt(value, entries.slice(1))
  if (what === 'add') return rebuilt(value, [...entries, [name, put]])
  return rebuilt(
    value,
    entries.map(([old, each], i) => [i === 0 ? name : old, each]),
  )
}

function rebuilt(like: object, entries: [string, unknown][]): unknown {
  return Array.isArray(like) ? entries.map(([, each]) => each) : Object.fromEntries(entries)
}
