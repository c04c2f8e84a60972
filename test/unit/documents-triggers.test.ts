import { expect } from 'chai'
import { checkRules } from '../../src/decisions/check-documents.ts'
import { compiledRules } from '../../src/decisions/check-own.ts'
import { doubtsOfRules } from '../../src/documents/doubts-of-documents.ts'
import { bookOf, compileRuleDocument, type WrittenRules } from '../../src/documents/rule-book.ts'
import { changesByTime } from '../../src/documents/thresholds.ts'

const rule = (name: string, on: unknown[], fields: Record<string, unknown> = {}) => ({
  name,
  on,
  when: true,
  action: 'gift',
  confidence: 0.5,
  reasoning: 'because',
  ...fields,
})
const documentOf = (rules: unknown[], domain = 'd') => ({ domain, rules })
const compiled = (rules: unknown[], domain?: string) =>
  compileRuleDocument({ file: 'd.json', digest: '', value: documentOf(rules, domain) })
/** The first mistake in a rule that waits for this. */
const mistakeIn = (trigger: unknown): string => {
  const { mistakes } = compiledRules(documentOf([rule('r', [trigger])]))
  const [first] = mistakes
  return first === undefined
    ? 'none'
    : `${first.path.replace('/document/rules/0/on/0', '')}: ${first.message}`
}

describe('a trigger in a document', () => {
  it('is a silence, a period, a date or a change', () => {
    for (const trigger of [
      { inactive_for: '14d', at: '09:00' },
      { every: '1d' },
      { every: '7d', at: '00:00' },
      { date: 'user.traits.birthday', offset: '-7d', yearly: true, at: '09:00' },
      { date: 'user.traits.plan.ends_at', offset: '3h' },
      { date: 'user.first_seen', yearly: true },
      { change: 'lifecycle_stage', to: 'dormant', from: 'active' },
      { change: 'engagement_score', below: 20, at: '10:00' },
      { change: 'activation_score', above: 0 },
    ])
      expect(mistakeIn(trigger), JSON.stringify(trigger)).to.equal('none')
  })

  it('says where it is wrong, and what was expected there', () => {
    const mistakes: [unknown, RegExp][] = [
      [{ inactive_fro: '14d' }, /^\/inactive_fro: is not a known property; did you mean "inactive_for"\?/],
      [{ inactive: '14d' }, /^\/inactive: is not a known property; did you mean "inactive_for"\?/],
      [{ inactive_for: '2 weeks' }, /^\/inactive_for: must be a duration such as/],
      [{ inactive_for: '0s' }, /^\/inactive_for: must be a duration from/],
      [{ inactive_for: '999d' }, /^\/inactive_for: must be a duration from "1ms" to "366d"/],
      [{}, /^: must have exactly one of inactive_for, every, date, change; it has none/],
      [{ inactive_for: '14d', every: '1d' }, /it has inactive_for and every/],
      [{ inactive_for: '14d', offset: '1d' }, /^\/offset: goes with `date`, not with `inactive_for`/],
      [{ every: '5m' }, /^\/every: must be a duration from "1h"/],
      [{ every: '36h', at: '09:00' }, /^\/every: must be whole days/],
      [{ every: '1d', at: '9:00' }, /^\/at: must be a time of day .*did you mean "09:00"\?/],
      [{ date: 'birthday' }, /^\/date: must be a date of the user such as/],
      [{ date: 'user.traits.x', offset: '-3h', at: '09:00' }, /^\/offset: must be whole days/],
      [{ date: 'user.traits.x', offset: '-400d' }, /^\/offset: must be a duration from "-366d"/],
      [{ change: 'lifecycle_stag', to: 'x' }, /^\/change: must be one of .*did you mean "lifecycle_stage"\?/],
      [{ change: 'lifecycle_stage' }, /^\/to: is required: what lifecycle_stage changes to/],
      [{ change: 'risk_level', below: 3, to: 'high' }, /^\/below: goes with a score/],
      [{ change: 'engagement_score', to: 'low', below: 2 }, /^\/to: goes with a stage/],
      [{ change: 'engagement_score' }, /^: must have either `below` or `above`/],
      [{ change: 'engagement_score', below: 20, above: 30 }, /^: must have either/],
      [7, /^: must be string or object, is number/],
      ['Custom.Seen', /^: must be a type of event/],
    ]
    for (const [trigger, complaint] of mistakes)
      expect(mistakeIn(trigger), JSON.stringify(trigger)).to.match(complaint)
  })

  it('is one for all rules that write it, and asks each of them', () => {
    const same = { inactive_for: '14d' }
    const book = bookOf([
      compiled([
        rule('one', [same]),
        rule('two', ['custom.seen', same]),
        rule('other', [{ ...same, at: '09:00' }]),
      ]),
      compiled([rule('three', [same])], 'e'),
    ])
    expect(book.triggers.map(({ key }) => key)).to.deep.equal([
      'inactive_for 14d',
      'inactive_for 14d at 09:00',
    ])
    const asked = book.firedBy('inactive_for 14d')
    expect(asked.map(({ rules }) => rules.map(({ name }) => name))).to.deep.equal([['one', 'two'], ['three']])
    expect(book.forEvent('custom.seen').map(({ name }) => name)).to.deep.equal(['two'])
  })

  it('is tried by cases, which may say more than it does', () => {
    const document = compiled([
      rule('back', [{ inactive_for: '14d' }], { reasoning: 'Silent since {trigger.last_seen}.' }),
      rule('busy', [{ change: 'engagement_score', above: 80 }]),
    ])
    const { failed, unshown } = checkRules(document, [
      {
        name: 'a silence',
        given: { trigger: { inactive_for: '14d', last_seen: '2026-01-01' } },
        expect: { rule: 'back', reasoning: 'Silent since 2026-01-01.', alternatives: [] },
      },
      { name: 'another silence', given: { trigger: { inactive_for: '30d' } }, expect: null },
      {
        name: 'a change',
        given: { trigger: { change: 'engagement_score', above: 80, from: 70, to: 81 } },
        expect: { rule: 'busy' },
      },
    ])
    expect(failed).to.deep.equal([])
    expect(unshown).to.deep.equal([])
  })

  it('leaves no doubt where a rule looks at what it brings, and some where it can bring nothing', () => {
    const doubts = (rules: unknown[]) =>
      doubtsOfRules(documentOf(rules) as WrittenRules).map(({ path, message }) => `${path}: ${message}`)
    const silence = { inactive_for: '14d' }
    expect(doubts([rule('a', [silence], { when: { '!!': { var: 'trigger.last_seen' } } })])).to.deep.equal([])
    const [ofEvent] = doubts([rule('a', [silence], { when: { '==': [{ var: 'event.type' }, 'x'] } })])
    expect(ofEvent).to.match(/^\/rules\/0\/on: names no type of event/)
  })
})

describe('what changes by time alone', () => {
  const days = (path: string) => ({ var: [`user.${path}`, 0] })

  it('is where days are compared with a number', () => {
    const logic = {
      if: [
        { '>=': [days('days_since_last_seen'), 30] },
        'a',
        { and: [{ '<': [7, days('days_since_first_seen'), 14] }, { '>': [{ var: 'user.events' }, 3] }] },
        'b',
        { '<': [{ var: 'user.activity.custom_order.days_since' }, 2.5] },
      ],
    }
    expect(changesByTime([logic])).to.deep.equal({
      isSmooth: false,
      thresholds: [
        { since: 'last_seen', days: 30 },
        { since: 'first_seen', days: 7 },
        { since: 'first_seen', days: 14 },
        { since: { activity: 'custom_order' }, days: 2.5 },
      ],
    })
  })

  it('is anywhere where time is counted with in another way, and nowhere where it is not', () => {
    const smooth = [
      { '*': [days('days_since_last_seen'), 5] },
      { '>': [days('days_since_last_seen'), days('events')] },
      { '==': [days('days_since_last_seen'), 3] },
      { var: 'user.activity.custom_order.per_day' },
      { time_between: [{ var: 'user.traits.since' }, { var: 'now' }, 'd'] },
      { var: { cat: ['user.', 'x'] } },
      { var: '' },
    ]
    for (const logic of smooth) expect(changesByTime([logic]).isSmooth, JSON.stringify(logic)).to.equal(true)
    const still = [
      true,
      { var: 'user.events' },
      { '>': [{ var: 'user.traits.points' }, 30] },
      { var: 'user.first_seen' },
    ]
    for (const logic of still)
      expect(changesByTime([logic]), JSON.stringify(logic)).to.deep.equal({ thresholds: [], isSmooth: false })
  })
})
