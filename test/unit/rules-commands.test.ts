import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { inWords } from '../../src/command/logic-in-words.ts'
import { checkDocuments } from '../../src/command/rules-check.ts'
import { tryRules } from '../../src/command/rules-try.ts'
import { trialOf } from '../../src/command/trial.ts'
import { loadDocuments } from '../../src/documents/documents.ts'
import { loadRules } from '../../src/documents/rule-book.ts'

const RULES = new URL('../../rules', import.meta.url).pathname

let copy: string
beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), 'volley-rules-'))
  cpSync(RULES, copy, { recursive: true })
})
afterEach(() => rmSync(copy, { recursive: true }))

function edit(name: string, change: (document: any) => void): void {
  const document = JSON.parse(readFileSync(join(copy, name), 'utf8'))
  change(document)
  writeFileSync(join(copy, name), JSON.stringify(document))
}

const LOYALTY = 'recommendations/loyalty.json'
const CASES = 'recommendations/loyalty.cases.json'
const text = () => checkDocuments(copy).lines.join('\n')

describe('volley rules check', () => {
  it('finds nothing to complain of in the documents that come with Volley', () => {
    const { lines, isRight } = checkDocuments(RULES)
    expect(isRight).to.equal(true)
    expect(lines.filter((line) => /[✗!]/.test(line))).to.deep.equal([])
    expect(lines).to.have.length(4)
  })

  it('shows a case that does not hold, with what was expected and what is', () => {
    edit(LOYALTY, ({ rules }) => {
      rules[0].parameters.amount.if[1] = 400
    })
    const { lines, isRight } = checkDocuments(copy)
    expect(isRight).to.equal(false)
    expect(lines.join('\n')).to.match(
      /✗ .*loyalty\.json: 7 rules, 12 of 13 cases hold\n {4}✗ two quiet weeks .*\n.*parameters: expected \{"amount":300.*is \{"amount":400/,
    )
  })

  it('names every broken document, and not the first alone', () => {
    edit(LOYALTY, ({ rules }) => {
      rules[1].wen = true
    })
    edit('mappings/points-ledger.json', (document) => {
      document.body.request.points = { round: ['x', 'two'] }
    })
    edit('plans.json', ({ plans }) => {
      plans[0].backlog_maxx = 1
    })
    writeFileSync(join(copy, 'scoring/default.json'), '{"name": "default",\n  "risk_level": [}')
    const { lines, isRight } = checkDocuments(copy)
    expect(isRight).to.equal(false)
    expect(lines).to.have.length(4)
    expect(lines[0]).to.match(
      /loyalty\.json: \/rules\/1\/wen: is not a known property; did you mean "when"\?/,
    )
    expect(lines[1]).to.match(/points-ledger\.json: \/body\/request\/points\/round\/1: digits must be/)
    expect(lines[2]).to.match(/default\.json: line 2, column 18: not valid JSON/)
    expect(lines[3]).to.match(/plans\.json: \/plans\/0\/backlog_maxx: .* did you mean "backlog_max"\?/)
  })

  it('names a mistake in a table of cases', () => {
    edit(CASES, ({ cases }) => {
      cases[0].given.contxt = {}
    })
    expect(text()).to.match(
      /✗ .*loyalty\.cases\.json: \/cases\/0\/given\/contxt: .* did you mean "context"\?/,
    )
  })

  for (const [what, change, warning] of [
    [
      'has a condition that is never true',
      ({ rules }) => void Object.assign(rules[3], { when: { '>': [1, 2] } }),
      /! .*loyalty\.json: \/rules\/3\/when: is never true: the rule can never apply/,
    ],
    [
      'looks at an event that never asks it',
      ({ rules }) => void Object.assign(rules[2], { on: [] }),
      /! .*loyalty\.json: \/rules\/2\/on: names no type of event, so none asks the rule/,
    ],
    [
      'ignores an argument',
      ({ rules }) => void Object.assign(rules[4], { when: { '>': [{ var: 'event.data.value' }, 20, 10] } }),
      /! .*loyalty\.json: \/rules\/4\/when\/>: looks at 2 arguments and ignores the other 1/,
    ],
    [
      'misspells where a fact stands',
      ({ rules }) => void Object.assign(rules[4], { reasoning: 'Of {evnt.data.value}' }),
      /! .*loyalty\.json: \/rules\/4\/reasoning: nothing is called "evnt" there; .* did you mean "event"\?/,
    ],
  ] as [string, (document: any) => void, RegExp][]) {
    it(`warns of a rule that ${what}`, () => {
      edit(LOYALTY, change)
      expect(text()).to.match(warning)
    })
  }

  it('does not say of a rule that it never wins: what is learnt, a cap or chance may let it', () => {
    edit(LOYALTY, ({ rules }) => {
      Object.assign(rules[0], { when: true, confidence: 1 })
      Object.assign(rules[1], { action: rules[0].action, on: rules[0].on, when: true })
    })
    expect(text()).to.not.match(/never win/)
  })

  it('warns of what no case shows, and of a document without cases', () => {
    edit(CASES, (document) => {
      document.cases = document.cases.slice(0, 2)
    })
    rmSync(join(copy, 'scoring/default.cases.json'))
    expect(text()).to.match(/! no case makes comeback-badge win/)
    expect(text()).to.match(/! no case makes win-back-a-cart apply/)
    expect(text()).to.match(/! no cases: rules\/scoring\/default\.cases\.json/)
    expect(checkDocuments(copy).isRight).to.equal(true)
  })

  it('warns of a scoring document that leaves some users without a word', () => {
    edit('scoring/default.json', (document) => {
      document.risk_level.pop()
    })
    expect(text()).to.match(/! .*: \/risk_level: does not end with \{"when": true\}/)
  })
})

describe('volley rules try', () => {
  const book = loadRules(RULES)
  const shown = (options: Omit<Parameters<typeof trialOf>[0], 'user'>) =>
    tryRules(book, trialOf({ user: 'u1', ...options })).join('\n')

  it('shows every rule, its result, and why', () => {
    const lines = shown({ context: '{"days_since_last_redemption": 14, "current_points": 1200}' })
    expect(lines).to.match(/^loyalty .*: re-engage-with-points wins: grant_points \{"amount":300/)
    expect(lines).to.match(
      /✔ re-engage-with-points .* wins\n +yes +context\.days_since_last_redemption \(else 0\) >= 14 .*is 14\)/,
    )
    expect(lines).to.match(/✔ comeback-badge .* alternative 1, behind re-engage-with-points/)
    expect(lines).to.match(/✗ win-back-a-cart .* does not apply\n +no +event.data.value .*not known/)
    for (const { name } of book.forDomain('loyalty')) expect(lines).to.include(name)
  })

  it('asks as an event does, and says which rules it does not ask', () => {
    const lines = shown({ event: 'custom.points.earned', data: '{"tier": "gold"}' })
    expect(lines).to.match(
      /no +event\.data\.tier in \["bronze", "silver"\] .*\(event\.data\.tier is "gold"\)/,
    )
    expect(lines).to.match(/· comeback-badge .* not asked: waits for recommend alone/)
    expect(lines).to.match(/· win-back-a-cart .* not asked: waits for custom\.cart\.abandoned/)
  })

  it('says which rules failed, and whose action is not available', () => {
    const data = '{"total": 150, "order": {}}'
    expect(shown({ event: 'custom.purchase.completed', data })).to.match(
      /failed\n.*\n +failed: "cat" takes no objects/,
    )
    expect(shown({ available: 'unlock_badge' })).to.match(
      /re-engage-with-points .* its action is not available/,
    )
  })

  for (const [options, complaint] of [
    [{ context: '{"a": }' }, /^--context: not valid JSON at line 1, column 7; expected an object/],
    [{ facts: '[]' }, /^--facts: expected a JSON object/],
    [{ data: '{}' }, /^--data: expected --event/],
    [{ now: 'soon' }, /^--now soon: expected a time/],
    [{ domain: 'loyality' }, /^--domain loyality: expected one of loyalty; did you mean "loyalty"\?/],
  ] as const) {
    it(`refuses ${JSON.stringify(options)}`, () => expect(() => shown(options)).to.throw(complaint))
  }
})

describe('logic in words', () => {
  for (const [logic, words] of [
    [
      { and: [{ '!': { var: 'a' } }, { '<': [1, { '+': [{ var: 'b' }, 2] }, 9] }] },
      'not a and (1 < (b + 2) < 9)',
    ],
    [{ if: [{ var: 'a' }, 1, 2] }, 'if a then 1 else 2'],
    [{ time_between: [{ var: 'x' }, { var: 'now' }, 'd'] }, 'time_between(x, now, "d")'],
    [{ in: ['a', ['a', { var: 'b' }]] }, '"a" in ["a", b]'],
    [true, 'true'],
  ] as const) {
    it(`reads ${words}`, () => expect(inWords(logic)).to.equal(words))
  }
})

describe('scoring', () => {
  const [scoring] = loadDocuments(RULES).scoring
  const score = (user: Record<string, unknown>) => scoring!.score({ user, now: '2026-01-01T00:00:00.000Z' })

  it('keeps scores between 0 and 100, and says null where it cannot tell', () => {
    expect(score({ events: 1e9, days_since_last_seen: 0, days_since_first_seen: 0 })).to.deep.equal({
      lifecycle_stage: 'new',
      activation_score: 100,
      engagement_score: 100,
      risk_level: 'low',
    })
    expect(score({ events: 'many' })).to.include({ activation_score: null, engagement_score: null })
    expect(score({ events: 1, days_since_last_seen: 1e9 })).to.include({
      engagement_score: 0,
      risk_level: 'high',
    })
  })
})
