/** A document, or data under a good one, that was written to hurt the process. */
export interface Hostile {
  name: string
  rule: unknown
  data?: unknown
  /** Compiled as a template; as logic where it is not given. */
  isTemplate?: true
  /** What must come of it: refused when saved, ended while it runs, or finished with a value. */
  ends: 'refused' | 'ended' | 'finished'
}

const v = (path: string) => ({ var: path })
const acc = v('accumulator')
const list = (n: number) => Array.from({ length: n }, (_, i) => i)
const nest = (depth: number, wrap: (inner: unknown) => unknown, core: unknown): unknown =>
  depth === 0 ? core : wrap(nest(depth - 1, wrap, core))
const reduce = (n: number, step: unknown, start: unknown) => ({ reduce: [list(n), step, start] })
const poisoned = {
  toString: 'x',
  valueOf: 1,
  indexOf: 3,
  length: -1,
  toJSON: {},
  join: null,
  concat: 0,
  constructor: { name: 'x' },
}
/** A list that holds itself sixty times over, twice each: 2^60 elements to whoever writes it out. */
const folded = reduce(60, [acc, acc], ['x'])

const ACCESS: Hostile[] = [
  '__proto__',
  'constructor',
  'constructor.constructor',
  '__proto__.polluted',
  'a.constructor.prototype',
  'list.length.constructor',
  'text.length',
  'toString.call',
].map((path) => ({
  name: `reads ${path}`,
  rule: v(path),
  data: { a: {}, list: [], text: 'x' },
  ends: 'finished',
}))

const NAMES: Hostile[] = [
  { name: 'calls a method', rule: { method: ['x', 'toString'] } },
  { name: 'writes to the log', rule: { log: 'x' } },
  { name: 'names a dotted operator', rule: { 'constructor.constructor': ['return process'] } },
  { name: 'names a dotted operator of the library', rule: { '==.call': [null, 1, 1] } },
  { name: 'names an inherited operator', rule: { constructor: ['x'] } },
  { name: 'names hasOwnProperty', rule: { hasOwnProperty: ['x'] } },
  { name: 'names __proto__', rule: JSON.parse('{"__proto__": ["x"]}') },
  { name: 'has two operators in a node', rule: { '==': [1, 1], '!=': [1, 1] } },
  { name: 'hides a second operator behind __proto__', rule: JSON.parse('{"==": [1, 1], "__proto__": {}}') },
  { name: 'has no operator in a node', rule: { and: [{}] } },
  { name: 'looks like an operator: a full-width equals sign', rule: { '＝＝': [1, 1] } },
  { name: 'looks like an operator: a zero-width space', rule: { 'var\u200b': 'a' } },
  { name: 'looks like an operator: a Cyrillic letter', rule: { 'v\u0430r': 'a' } },
  { name: 'has a name of a million characters', rule: { ['x'.repeat(1_000_000)]: 1 } },
  { name: 'has a hundred thousand keys', rule: Object.fromEntries(list(100_000).map((i) => [`k${i}`, i])) },
  {
    name: 'pollutes through a template',
    rule: JSON.parse('{"a": {"__proto__": {"admin": true}}}'),
    isTemplate: true,
  },
  {
    name: 'pollutes through a literal',
    rule: { literal: JSON.parse('{"__proto__": {"admin": true}}') },
    isTemplate: true,
  },
].map((each) => ({ ...each, ends: 'refused' }) as Hostile)

const SIZE: Hostile[] = [
  { name: 'is nested a thousand deep', rule: nest(1_000, (inner) => ({ '!': [inner] }), true) },
  { name: 'is nested a thousand deep in lists', rule: nest(1_000, (inner) => [inner], 1) },
  {
    name: 'is a template nested a thousand deep',
    rule: nest(1_000, (inner) => ({ a: inner }), 1),
    isTemplate: true,
  },
  { name: 'has a literal text of a megabyte', rule: { '==': ['x'.repeat(1_000_000), 1] } },
  { name: 'has a literal list of a million', rule: { in: [1, list(1_000_000)] } },
  {
    name: 'has a template with a literal list of a million',
    rule: { a: { literal: list(1_000_000) } },
    isTemplate: true,
  },
  {
    name: 'is a complete tree of sixteen levels',
    rule: nest(16, (inner) => ({ and: [inner, inner] }), true),
  },
].map((each) => ({ ...each, ends: 'refused' }) as Hostile)

const GROWTH: Hostile[] = [
  { name: 'doubles a list by merge', rule: reduce(200, { merge: [acc, acc] }, [1, 2]) },
  { name: 'doubles a text by cat', rule: reduce(200, { cat: [acc, acc] }, 'x') },
  { name: 'doubles a text by join', rule: reduce(200, { join: [[acc, acc], 'x'] }, 'x') },
  { name: 'doubles a list by lists in a text', rule: { '==': [folded, 'x'] } },
  { name: 'searches a text for a folded list', rule: { in: [folded, 'some text'] } },
  { name: 'takes a folded list for a path', rule: { var: [folded] } },
  { name: 'takes a folded list for a missing name', rule: { missing: [[folded]] } },
  { name: 'computes with a folded list', rule: { '+': [folded, 1] } },
  { name: 'needs as many as a folded list', rule: { missing_some: [folded, ['a']] } },
  { name: 'makes parameters of a folded list', rule: { a: folded }, isTemplate: true },
  { name: 'grows a text by its upper case', rule: reduce(200, { upper: { cat: [acc, acc] } }, 'ß') },
  { name: 'fills a list by map over map', rule: { map: [list(200), { map: [list(200), list(100)] }] } },
  {
    name: 'asks for a part of a time that shadows toString',
    rule: { time_part: [0, v('x')] },
    data: { x: poisoned },
  },
  {
    name: 'copies large facts into parameters',
    rule: { a: v(''), b: v('') },
    data: { texts: list(10_000).map(() => 'x'.repeat(100)) },
    isTemplate: true,
  },
].map((each) => ({ ...each, ends: 'ended' }) as Hostile)

const TIME: Hostile[] = [
  {
    name: 'maps over maps over maps',
    rule: { map: [list(200), { map: [list(200), { map: [list(200), 1] }] }] },
  },
  {
    name: 'filters in filters',
    rule: { filter: [list(500), { some: [list(500), { all: [list(500), true] }] }] },
  },
  { name: 'reduces in reduces', rule: reduce(300, reduce(300, { '+': [acc, 1] }, 0), 0) },
  {
    name: 'merges a list with itself thousands of times',
    rule: { map: [list(300), { merge: list(300).map(() => list(10)) }] },
  },
  {
    name: 'searches a long text for a long one, again and again',
    rule: { filter: [v('l'), { in: [`${'a'.repeat(50_000)}b`, v('')] }] },
    data: { l: list(20).map(() => 'a'.repeat(100_000)) },
  },
  {
    name: 'compares long texts, again and again',
    rule: { map: [v('l'), { '==': [v(''), 1] }] },
    data: { l: list(40).map(() => '1'.repeat(60_000)) },
  },
  {
    name: 'reads long paths, again and again',
    rule: { map: [v('l'), { var: [v('')] }] },
    data: { l: list(40).map(() => 'a.'.repeat(30_000)) },
  },
  { name: 'calls an operator with thousands of arguments', rule: { map: [list(200), { max: list(9_000) }] } },
  { name: 'makes a text of thousands of arguments', rule: { map: [list(200), { cat: list(9_000) }] } },
  {
    name: 'chooses among thousands of branches',
    rule: { map: [list(900), { if: list(9_000).map(() => 0) }] },
  },
  { name: 'names thousands of facts', rule: { map: [list(200), { missing: list(9_000) }] } },
  { name: 'writes long lists again and again', rule: { map: [list(900), { size_of: [list(9_000)] }] } },
  {
    name: 'asks for every time zone',
    rule: { map: [v('l'), { time_part: ['2026-01-01', 'hour', v('')] }] },
    data: { l: Intl.supportedValuesOf('timeZone').concat(list(5_000).map((i) => `Etc/GMT+${i}`)) },
  },
  {
    name: 'measures long texts, again and again',
    rule: { map: [v('l'), { size_of: v('') }] },
    data: { l: list(30).map(() => '😀'.repeat(30_000)) },
  },
].map((each) => ({ ...each, ends: 'ended' }) as Hostile)

const POISON: Hostile[] = [
  { name: 'compares what shadows valueOf', rule: { '==': [v('x'), 'gold'] } },
  { name: 'orders what shadows toString', rule: { '<': [v('x'), 3] } },
  { name: 'computes with what shadows valueOf', rule: { '+': [v('x'), 1] } },
  { name: 'searches what shadows indexOf', rule: { in: ['a', v('x')] } },
  { name: 'takes what shadows toString for a path', rule: { var: [v('x'), 'default'] } },
  { name: 'takes what shadows toString for a missing name', rule: { missing: [v('x'), v('x')] } },
  { name: 'goes through what has a length of its own', rule: { map: [v('x'), 1] } },
  { name: 'merges what shadows concat', rule: { merge: [v('x'), [v('x')]] } },
  { name: 'compares a list of what shadows toString', rule: { '==': [v('l'), 'gold'] } },
  { name: 'takes the largest of what shadows valueOf', rule: { max: [v('x'), v('l'), 1] } },
  { name: 'rounds what shadows valueOf', rule: { '??': [{ round: v('x') }, 0] } },
  {
    name: 'reads a time from what shadows toString',
    rule: { '>': [{ time_between: [v('x'), v('l'), 'd'] }, 1] },
  },
  {
    name: 'asks for the hour in what shadows toString',
    rule: { '>': [{ time_part: [0, 'hour', v('x')] }, 1] },
  },
].map((each) => ({ ...each, data: { x: poisoned, l: [poisoned, [poisoned]] }, ends: 'finished' }) as Hostile)

const TEXT: Hostile[] = [
  { name: 'cuts a character in two', rule: { a: { substr: ['😀', 0, 1] } }, isTemplate: true },
  { name: 'says NUL', rule: { a: 'x\0y' }, isTemplate: true },
  { name: 'says half a character', rule: { a: { literal: '\ud800' } }, isTemplate: true },
  { name: 'makes a number of a text', rule: { a: { '*': ['many', 2] } }, isTemplate: true },
  { name: 'divides by zero', rule: { a: { '/': [1, 0] } }, isTemplate: true },
  { name: 'sends an object as a text', rule: { a: { cat: [v('')] } }, data: {}, isTemplate: true },
].map((each) => ({ ...each, ends: 'ended' }) as Hostile)

export const HOSTILE: readonly Hostile[] = [
  ...ACCESS,
  ...NAMES,
  ...SIZE,
  ...GROWTH,
  ...TIME,
  ...POISON,
  ...TEXT,
]
