import { expect } from 'chai'
import { doubtsOfLogic, doubtsOfTemplate, doubtsOfText } from '../../src/documents/doubts.ts'
import { compileLogic, fullBudget } from '../../src/documents/evaluate.ts'
import { nearestWord } from '../../src/documents/nearest.ts'

const run = (rule: unknown, data: unknown = {}) => compileLogic(rule, '/when')(data, fullBudget())

const cases: [unknown, unknown][] = [
  [{ duration_ms: '14d' }, 1_209_600_000],
  [{ duration_ms: ['-90s'] }, -90_000],
  [{ time_between: ['2026-03-01', '2026-03-15T12:00:00Z', 'd'] }, 14.5],
  [{ time_between: ['2026-03-15', '2026-03-01', 'h'] }, -336],
  [{ time_between: ['2026-03-01T10:00:00+02:00', '2026-03-01T08:00', 'm'] }, 0],
  [{ time_between: [0, '1970-01-01T00:00:01Z', 'ms'] }, 1_000],
  [{ time_between: ['soon', '2026-03-01', 'd'] }, Number.NaN],
  [{ '<': [{ time_between: [null, '2026-03-01', 'd'] }, 14] }, false],
  [{ '>': [{ time_between: [null, '2026-03-01', 'd'] }, 14] }, false],
  [{ '??': [{ time_between: [null, '2026-03-01', 'd'] }, 999] }, 999],
  [{ time_add: ['2026-02-28', '1d'] }, '2026-03-01T00:00:00.000Z'],
  [{ time_add: ['2026-03-01T00:00:00Z', '-1h'] }, '2026-02-28T23:00:00.000Z'],
  [{ time_add: ['never', '1d'] }, null],
  [{ time_add: ['2026-02-30', '1d'] }, null],
  [{ time_add: ['2026-04-31T10:00:00+02:00', '1d'] }, null],
  [{ time_add: ['2028-02-29', '1d'] }, '2028-03-01T00:00:00.000Z'],
  [{ time_between: ['2026-02-29', '2026-03-01', 'd'] }, Number.NaN],
  [{ time_part: ['2026-06-31', 'month'] }, Number.NaN],
  [{ time_add: [8.64e15, '1d'] }, null],
  [{ time_part: ['2026-11-21T23:30:00Z', 'weekday'] }, 6],
  [{ time_part: ['2026-11-21T23:30:00Z', 'hour', 'Europe/Berlin'] }, 0],
  [{ time_part: ['2026-11-21T23:30:00Z', 'day', 'Europe/Berlin'] }, 22],
  [{ time_part: ['2026-11-21T23:30:00Z', 'weekday', 'Asia/Tokyo'] }, 7],
  [{ time_part: ['2026-11-21T23:30:00Z', 'year'] }, 2026],
  [{ time_part: ['2026-11-21T23:30:00Z', 'month'] }, 11],
  [{ time_part: ['2026-11-21T23:30:00Z', 'minute', 'Asia/Kolkata'] }, 0],
  [{ time_part: ['2026-11-21', 'hour', { var: 'zone' }] }, Number.NaN],
  [{ '??': [null, { var: 'nobody' }, '', 'x'] }, ''],
  [{ '??': [{ '*': ['many', 2] }, 7] }, 7],
  [{ '??': [] }, null],
  [{ round: 2.5 }, 3],
  [{ round: -2.5 }, -3],
  [{ round: [1.005, 2] }, 1.01],
  [{ round: ['12.34', 1] }, 12.3],
  [{ round: [1e21, 2] }, 1e21],
  [{ round: [1e-9, 2] }, 0],
  [{ round: 'many' }, Number.NaN],
  [{ floor: [2.789, 2] }, 2.78],
  [{ ceil: 2.1 }, 3],
  [{ lower: 'GRÜN' }, 'grün'],
  [{ upper: 'straße' }, 'STRASSE'],
  [{ trim: ' \u00a0x ' }, 'x'],
  [{ lower: null }, ''],
  [{ starts_with: ['gold-plus', 'gold'] }, true],
  [{ ends_with: ['a@example.org', '@example.com'] }, false],
  [{ size_of: '👍é' }, 2],
  [{ size_of: [[1, 2, 3]] }, 3],
  [{ size_of: null }, 0],
  [{ join: [['a', 1, null, 'b'], ', '] }, 'a, 1, , b'],
  [{ join: ['no list', ','] }, ''],
]

describe('an operator of our own', () => {
  for (const [rule, expected] of cases) {
    it(`says that ${JSON.stringify(rule)} is ${Number.isNaN(expected) ? 'no number' : JSON.stringify(expected)}`, () =>
      expect(run(rule, { zone: 'Mars/Olympus' })).to.deep.equal(expected))
  }

  for (const [rule, complaint] of [
    [{ duration_ms: '2 weeks' }, /^\/when\/duration_ms: must be a duration such as/],
    [{ time_add: ['2026-01-01', 14] }, /^\/when\/time_add\/1: must be a duration/],
    [
      { time_between: ['a', 'b'] },
      /^\/when\/time_between: must be given \[from, to, "d"\]; it has 2 arguments/,
    ],
    [
      { time_between: ['a', 'b', 'weeks'] },
      /^\/when\/time_between\/2: must be a unit: "ms", "s", "m", "h", "d"/,
    ],
    [{ time_part: ['a', 'wekday'] }, /^\/when\/time_part\/1: must be one of .*; did you mean "weekday"\?/],
    [
      { time_part: ['a', 'hour', 'Berlin'] },
      /^\/when\/time_part\/2: must be a time zone such as "Europe\/Berlin"/,
    ],
    [{ round: [1, 11] }, /^\/when\/round\/1: digits must be a whole number from 0 to 10/],
    [{ '*': [] }, /^\/when\/\*: must be given at least one argument/],
    [{ lowr: 'X' }, /^\/when\/lowr: is not an operator; did you mean "lower"\?/],
  ] as const) {
    it(`refuses ${JSON.stringify(rule)} when it is saved`, () =>
      expect(() => compileLogic(rule, '/when')).to.throw(complaint))
  }

  it('takes lists and objects of the data for no text', () => {
    expect(() => run({ lower: [{ var: 'o' }] }, { o: { toString: 1 } })).to.throw(/takes no lists or objects/)
  })
})

const SEEN = ['event', 'user', 'context', 'now']

const doubts: [string, { path: string; message: string }[], RegExp | null][] = [
  [
    'a third number to subtract',
    doubtsOfLogic({ '-': [9, 1, 1] }, '/when', SEEN),
    /^\/when\/-: looks at 2 .* other 1/,
  ],
  ['a third value to compare', doubtsOfLogic({ '===': [1, 1, 1] }, '', SEEN), /^\/===: looks at 2 arguments/],
  ['a fourth value between', doubtsOfLogic({ '<': [1, 2, 3, 4] }, '', SEEN), /looks at 3 arguments/],
  ['three values in order', doubtsOfLogic({ '<': [1, 2, 3] }, '', SEEN), null],
  ['a division by nothing', doubtsOfLogic({ '/': [4] }, '', SEEN), /nothing to divide by/],
  [
    'a reduce without a start',
    doubtsOfLogic({ reduce: [{ var: 'event.data.l' }, 1] }, '', SEEN),
    /starts from null/,
  ],
  [
    'a path that begins with nothing',
    doubtsOfLogic({ var: 'evnt.data' }, '', SEEN),
    /did you mean "event"\?/,
  ],
  [
    'a path of an element',
    doubtsOfLogic({ map: [{ var: 'event.data.l' }, { var: 'price' }] }, '', SEEN),
    null,
  ],
  [
    'a doubt within another operator',
    doubtsOfLogic({ and: [true, { '%': [1, 2, 3] }] }, '', SEEN),
    /^\/and\/1\/%/,
  ],
  [
    'a misspelt operator',
    doubtsOfTemplate({ a: { roud: [{ var: 'event.x' }] } }, '', SEEN),
    /did you mean "round"\?/,
  ],
  [
    'a field called as an operator is',
    doubtsOfTemplate({ limit: { max: 5 } }, '', SEEN),
    /^\/limit: is evaluated/,
  ],
  ['the same as a literal', doubtsOfTemplate({ limit: { literal: { max: 5 } } }, '', SEEN), null],
  [
    'two operators side by side',
    doubtsOfTemplate({ a: { min: 1, max: 2 } }, '', SEEN),
    /^\/a: stands for itself/,
  ],
  ['plain parameters', doubtsOfTemplate({ a: 1, b: { name: 'x', to: [{ id: 3 }] } }, '', SEEN), null],
  [
    'a fact that is not there',
    doubtsOfText('For {usr.name} of {event.data.x}', '/reasoning', SEEN),
    /"user"\?/,
  ],
]

describe('an author is warned of', () => {
  for (const [what, found, message] of doubts) {
    it(message === null ? `nothing in ${what}` : what, () => {
      const texts = found.map((doubt) => `${doubt.path}: ${doubt.message}`)
      if (message === null) expect(texts).to.deep.equal([])
      else expect(texts.join('\n')).to.match(message)
    })
  }
})

describe('the nearest word', () => {
  for (const [word, expected] of [
    ['mising', 'missing'],
    ['filtre', 'filter'],
    ['VAR', 'var'],
    ['constructor', null],
    ['', null],
  ] as const) {
    it(`to ${JSON.stringify(word)} is ${JSON.stringify(expected)}`, () =>
      expect(nearestWord(word, ['missing', 'filter', 'var', 'in'])).to.equal(expected))
  }
})
