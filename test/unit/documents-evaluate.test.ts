import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import jsonLogic from 'json-logic-js'
import { compileLogic, fullBudget, LogicError } from '../../src/documents/evaluate.ts'
import { LAZY_OPERATORS } from '../../src/documents/lazy-operators.ts'
import { LIBRARY_OPERATORS } from '../../src/documents/library-operators.ts'
import { loadRules } from '../../src/documents/rule-book.ts'
import { compileTemplate, compileText } from '../../src/documents/template.ts'
import { VolleyError } from '../../src/errors.ts'

const run = (rule: unknown, data: unknown = {}) => compileLogic(rule, '/when')(data, fullBudget())

const cases: [unknown, unknown, unknown][] = [
  [{ '==': [1, '1'] }, {}, true],
  [{ '===': [1, '1'] }, {}, false],
  [{ var: 'a.b' }, { a: { b: 7 } }, 7],
  [{ var: ['a.c', 5] }, { a: {} }, 5],
  [{ var: 'list.1' }, { list: ['x', 'y'] }, 'y'],
  [{ var: '' }, 3, 3],
  [{ and: [true, 0, 1] }, {}, 0],
  [{ or: [0, 'x'] }, {}, 'x'],
  [{ if: [false, 1, true, 2, 3] }, {}, 2],
  [{ if: [false, 1] }, {}, null],
  [{ '<': [1, 2, 3] }, {}, true],
  [{ '-': [5] }, {}, -5],
  [{ '+': ['1', 2] }, {}, 3],
  [{ max: [1, 9, 3] }, {}, 9],
  [{ cat: ['a', 1, 'b'] }, {}, 'a1b'],
  [{ substr: ['jsonlogic', 4] }, {}, 'logic'],
  [{ in: ['b', ['a', 'b']] }, {}, true],
  [{ in: ['ell', 'hello'] }, {}, true],
  [{ merge: [[1], [2, 3]] }, {}, [1, 2, 3]],
  [{ missing: ['a', 'b'] }, { a: 1 }, ['b']],
  [{ missing_some: [1, ['a', 'b']] }, { a: 1 }, []],
  [{ map: [{ var: 'l' }, { '*': [{ var: '' }, 2] }] }, { l: [1, 2] }, [2, 4]],
  [{ filter: [{ var: 'l' }, { '>': [{ var: '' }, 1] }] }, { l: [1, 2] }, [2]],
  [{ reduce: [{ var: 'l' }, { '+': [{ var: 'current' }, { var: 'accumulator' }] }, 0] }, { l: [1, 2, 3] }, 6],
  [{ all: [{ var: 'l' }, { '>': [{ var: '' }, 0] }] }, { l: [] }, false],
  [{ none: [{ var: 'l' }, { '>': [{ var: '' }, 5] }] }, { l: [1] }, true],
  [{ some: [{ var: 'l' }, { '==': [{ var: 'q' }, 1] }] }, { l: [{ q: 1 }] }, true],
  [{ '!!': [[]] }, {}, false],
]

describe('JSON-logic', () => {
  for (const [rule, data, expected] of cases) {
    it(`${JSON.stringify(rule)} over ${JSON.stringify(data)} is ${JSON.stringify(expected)}`, () =>
      expect(run(rule, data)).to.deep.equal(expected))
  }

  // The table of jsonlogic.com is not kept here: docs/decisions/0013-json-logic.md says where it is.
  const table = process.env.JSON_LOGIC_TABLE
  for (const entry of table === undefined ? [] : JSON.parse(readFileSync(table, 'utf8'))) {
    if (typeof entry === 'string') continue
    it(`has ${entry.description} as the table of jsonlogic.com has it`, () =>
      expect(run(entry.rule, entry.data ?? null)).to.deep.equal(entry.result))
  }

  for (const [rule, complaint] of [
    [{ log: 'x' }, /\/when\/log: is not an operator/],
    [{ method: ['x', 'toString'] }, /is not an operator/],
    [{ 'constructor.x': 1 }, /is not an operator/],
    [{ '==': [1, 1], '!=': [1, 1] }, /must have exactly one key, an operator; it has ==, !=/],
    [{}, /it has none/],
    [{ and: [true, { '=': [1, 1] }] }, /\/when\/and\/1\/=: is not an operator/],
  ] as const) {
    it(`refuses ${JSON.stringify(rule)} and says where`, () =>
      expect(() => compileLogic(rule, '/when')).to.throw(complaint))
  }

  it('sees own properties only, whatever the path says', () => {
    for (const path of [
      '__proto__',
      'constructor',
      'a.constructor.name',
      'toString',
      'a.__proto__.x',
      'list.length.constructor',
    ]) {
      expect(run({ var: path }, { a: {}, list: [] }), path).to.equal(null)
    }
  })

  it('takes texts of the data for texts, even those that look like a rule', () => {
    const data = { text: { var: 'secret' }, secret: 'S', list: [{ var: 'secret' }] }
    expect(run({ var: 'list.0' }, data)).to.deep.equal({ var: 'secret' })
    expect(() => run({ cat: [{ var: 'text' }] }, data)).to.throw(/takes no objects/)
  })

  it('means what json-logic-js means, for any rule over any JSON', () => {
    const paths = ['a', 'b', 'l', 'l.0', 'o', 'o.x', 'deep', 'nobody', '']
    const rules = fc.letrec((tie) => ({
      rule: fc.oneof(
        { maxDepth: 4, depthIdentifier: 'rule' },
        fc.constantFrom<unknown>(0, 1, 2.5, '', '3', 'x', true, false, null, []),
        fc.constantFrom(...paths).map((path) => ({ var: path })),
        ...[...LIBRARY_OPERATORS, ...LAZY_OPERATORS]
          // Those that take names are in the table above; names of any other kind have no meaning there either.
          .filter((operator) => !['var', 'missing', 'missing_some', '??'].includes(operator))
          .map((operator) =>
            fc.array(tie('rule'), { minLength: 2, maxLength: 3 }).map((args) => ({ [operator]: args })),
          ),
      ),
    })).rule
    const data = { a: 3, b: 'x', l: [1, '2', null], o: { x: 'y' }, deep: [[1], { x: [2] }] }
    let compared = 0
    fc.assert(
      fc.property(rules, (rule) => {
        let ours: unknown
        try {
          ours = run(rule, data)
        } catch (error) {
          // A text with "[object Object]" in it is refused here.
          expect(error).to.be.instanceOf(LogicError)
          expect((error as Error).message).to.match(/^"(cat|substr)" takes no /)
          return
        }
        compared += 1
        expect(ours).to.deep.equal(jsonLogic.apply(rule as Parameters<typeof jsonLogic.apply>[0], data))
      }),
      { numRuns: 3_000 },
    )
    expect(compared).to.be.above(1_000)
  })

  it('compares objects where nothing would be asked of them', () => {
    const data = { event: { toString: 1 }, list: [{ valueOf: 2 }] }
    expect(run({ '!=': [{ var: 'event' }, null] }, data)).to.equal(true)
    expect(run({ '===': [{ var: 'event' }, { var: 'event' }] }, data)).to.equal(true)
    expect(run({ '==': [{ var: 'event' }, 'x'] }, data)).to.equal(false)
    expect(run({ '<': [{ var: 'list' }, 1] }, data)).to.equal(false)
    expect(() => run({ cat: ['to ', { var: 'list' }] }, data)).to.throw(/"cat" takes no lists of objects/)
  })

  it('refuses a rule that is nested too deep', () => {
    let rule: unknown = true
    for (let i = 0; i < 100; i++) rule = { '!': [rule] }
    expect(() => compileLogic(rule, '/when')).to.throw(/nested deeper than 32 levels/)
  })
})

describe('a template', () => {
  const render = (template: unknown, data: unknown) =>
    compileTemplate(template, '/parameters')(data, fullBudget())

  it('evaluates operators and leaves everything else as it stands', () => {
    const template = {
      amount: { '*': [{ var: 'x' }, 2] },
      list: [{ var: 'x' }, 'var'],
      plain: { a: 1, b: { c: null } },
    }
    expect(render(template, { x: 4 })).to.deep.equal({
      amount: 8,
      list: [4, 'var'],
      plain: { a: 1, b: { c: null } },
    })
  })

  it('can say a literal that looks like an operator', () => {
    expect(render({ rule: { literal: { var: 'x' } } }, { x: 1 })).to.deep.equal({ rule: { var: 'x' } })
  })

  it('never makes a number that JSON cannot say, and names the parameter', () => {
    expect(() => render({ amount: { '*': [{ var: 'x' }, 2] } }, { x: 'many' })).to.throw(
      /\/amount is not a number/,
    )
    expect(() => render({ a: [{ '/': [1, { var: 'x' }] }] }, { x: 0 })).to.throw(/\/a\/0 is not a number/)
  })

  it('makes no more than its budget, however large the facts it copies are', () => {
    const facts = { texts: Array.from({ length: 10_000 }, () => 'x'.repeat(100)) }
    expect(() => render({ copy: { var: '' } }, facts)).to.throw(/larger than a rule may make/)
  })

  it('refuses to be nested too deep, and to make what is', () => {
    let deep: unknown = 1
    for (let i = 0; i < 100; i++) deep = [deep]
    expect(() => compileTemplate({ deep }, '/parameters')).to.throw(/nested deeper than 32 levels/)
    expect(() => render({ deep: { var: 'deep' } }, { deep })).to.throw(/nested deeper than 64 levels/)
  })

  it('fills facts into a text, and a question mark where there is none', () => {
    const text = compileText('{a.b} of {list} for {nobody.knows} {not a path}')
    expect(text({ a: { b: 3 }, list: [1] }, fullBudget())).to.equal('3 of [1] for ? {not a path}')
  })
})

describe('the rule book', () => {
  const RULES = new URL('../../rules', import.meta.url).pathname
  let copy: string
  beforeEach(() => {
    copy = mkdtempSync(join(tmpdir(), 'volley-rules-'))
    cpSync(RULES, copy, { recursive: true })
  })
  afterEach(() => rmSync(copy, { recursive: true }))
  const loyalty = () => join(copy, 'recommendations', 'loyalty.json')
  const edit = (
    change: (document: Record<string, unknown> & { rules: Record<string, unknown>[] }) => void,
  ) => {
    const document = JSON.parse(readFileSync(loyalty(), 'utf8'))
    change(document)
    writeFileSync(loyalty(), JSON.stringify(document))
  }

  it('finds rules by exact types and by everything below a type', () => {
    edit(({ rules }) => {
      rules[0]!.on = ['custom.reward.*']
    })
    const book = loadRules(copy)
    const names = (type: string) => book.forEvent(type).map(({ name }) => name)
    expect(names('custom.reward.redeemed')).to.deep.equal(['re-engage-with-points', 'badge-after-a-reward'])
    expect(names('custom.reward')).to.deep.equal([])
    expect(names('custom.rewards.x')).to.deep.equal([])
  })

  const mistakes: [string, Parameters<typeof edit>[0], RegExp][] = [
    [
      'an unknown field',
      ({ rules }) => void Object.assign(rules[1]!, { when_: 1 }),
      /loyalty\.json: \/rules\/1\/when_: is not a known property/,
    ],
    ['a missing field', ({ rules }) => void delete rules[2]!.action, /\/rules\/2\/action: is required/],
    [
      'an operator that does not exist',
      ({ rules }) => void Object.assign(rules[0]!, { when: { eq: [1, 1] } }),
      /loyalty\.json: \/rules\/0\/when\/eq: is not an operator/,
    ],
    [
      'a name used twice',
      ({ rules }) => void Object.assign(rules[1]!, { name: rules[0]!.name }),
      /\/rules\/1\/name: re-engage-with-points is used twice/,
    ],
    [
      'a mistake in a template',
      ({ rules }) => void Object.assign(rules[0]!, { parameters: { a: { cat: [{ nope: 1, x: 2 }] } } }),
      /\/rules\/0\/parameters\/a\/cat\/0: must have exactly one key/,
    ],
  ]
  for (const [what, change, complaint] of mistakes) {
    it(`stops at ${what}, and says where`, () => {
      edit(change)
      expect(() => loadRules(copy)).to.throw(complaint)
    })
  }

  it('stops at a folder that is not there, and says what it expected', () => {
    expect(() => loadRules(join(copy, 'nowhere'))).to.throw(
      VolleyError,
      /nowhere.*expected a folder .*ENOENT/,
    )
  })

  it('needs no copy of the schema beside the documents, and minds no byte order mark', () => {
    rmSync(join(copy, 'schemas'), { recursive: true })
    writeFileSync(loyalty(), `\uFEFF${readFileSync(loyalty(), 'utf8')}`)
    expect(loadRules(copy).documents).to.have.length(1)
  })

  it('stops at broken JSON with line and column', () => {
    writeFileSync(loyalty(), '{\n  "domain": "loyalty",\n  "rules": [,]\n}')
    expect(() => loadRules(copy)).to.throw(/loyalty\.json: line 3, column 13: not valid JSON/)
  })

  it('stops at a second document of the same domain', () => {
    cpSync(loyalty(), join(copy, 'recommendations', 'other.json'))
    expect(() => loadRules(copy)).to.throw(/other\.json: \/domain: is the domain of .*loyalty\.json too/)
  })

  it('reads the example of docs/rules.md', () => {
    const page = readFileSync(new URL('../../docs/rules.md', import.meta.url), 'utf8')
    writeFileSync(loyalty(), /```json\n([\s\S]*?)```/.exec(page)![1]!)
    expect(loadRules(copy).forEvent('custom.purchase.completed')).to.have.length(1)
  })
})
