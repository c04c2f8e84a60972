import { expect } from 'chai'
import { type Person, told, unknownPerson } from '../../actors/person.ts'
import { previewTriggers } from '../../src/decisions/preview-triggers.ts'
import { tally, withScaled } from '../../src/decisions/reach.ts'
import { bookOf, compileRuleDocument } from '../../src/documents/rule-book.ts'
import { compileScoring } from '../../src/documents/scoring.ts'
import { costOfAll } from '../../src/http/rules/reach.ts'

const DAY = 86_400_000
const NOW = Date.parse('2026-03-12T12:00:00Z')
const WEEK = { since: NOW - 7 * DAY, now: NOW }
const iso = (ms: number) => new Date(ms).toISOString()

const rule = (on: unknown, fields: Record<string, unknown> = {}) => ({
  name: 'r',
  on: [on],
  when: true,
  action: 'gift',
  parameters: {},
  confidence: 0.5,
  reasoning: 'because',
  ...fields,
})
const book = (...rules: unknown[]) =>
  bookOf([compileRuleDocument({ file: 'f', digest: 'd', value: { domain: 'd', rules } })])

const scoring = compileScoring({
  file: 'scoring',
  digest: 'one',
  value: {
    name: 'default',
    lifecycle_stage: [
      { is: 'dormant', when: { '>=': [{ var: ['user.days_since_last_seen', 0] }, 30] } },
      { is: 'active', when: true },
    ],
    activation_score: 0,
    engagement_score: { '-': [60, { '*': [{ var: ['user.days_since_last_seen', 0] }, 5] }] },
    risk_level: [{ is: 'low', when: true }],
  },
})

const seen = (daysAgo: number, firstDaysAgo = 400): Person =>
  [firstDaysAgo, daysAgo].reduce<Person>(
    (person, days) => told(person, { kind: 'event', type: 'custom.seen', at: NOW - days * DAY }),
    unknownPerson(false),
  )
const born = (birthday: string): Person =>
  told(unknownPerson(false), { kind: 'traits', change: { set: { birthday } } })
const remembering = (person: Person, fired: Record<string, number>): Person => ({
  ...person,
  standing: { ...person.standing, fired },
})

/** What one rule over one person comes to. */
function reachOf(rules: ReturnType<typeof book>, person: Person, window = WEEK) {
  const asked = previewTriggers({ window, before: () => null, after: () => rules, scoringOf: () => scoring })
  Array.from(asked.look('u1', person))
  return asked.reach().after
}

describe('what triggers would have done in a week', () => {
  const silence = { inactive_for: '14d' }
  const birthday = { date: 'user.traits.birthday', yearly: true }
  const cases: [string, unknown, Person, { decisions: number; atOnce: number }][] = [
    ['a silence that became long enough in it', silence, seen(16), { decisions: 1, atOnce: 0 }],
    ['one that is not yet', silence, seen(13), { decisions: 0, atOnce: 0 }],
    ['one before it of which nobody was told, at once', silence, seen(90), { decisions: 1, atOnce: 1 }],
    [
      'none that somebody was told of before it',
      silence,
      remembering(seen(90), { 'inactive_for 14d': NOW - 90 * DAY }),
      { decisions: 0, atOnce: 0 },
    ],
    [
      'one in it of which somebody was told',
      silence,
      remembering(seen(16), { 'inactive_for 14d': NOW - 16 * DAY }),
      { decisions: 1, atOnce: 0 },
    ],
    ['no silence of whoever was never seen', silence, unknownPerson(false), { decisions: 0, atOnce: 0 }],
    ['a date in it', birthday, born('1990-03-09'), { decisions: 1, atOnce: 0 }],
    ['no date before it', birthday, born('1990-03-02'), { decisions: 0, atOnce: 0 }],
    ['no date that is yet to come', birthday, born('1990-03-13'), { decisions: 0, atOnce: 0 }],
    ['each period', { every: '1d' }, seen(1), { decisions: 7, atOnce: 0 }],
    ['each period at an hour', { every: '1d', at: '09:00' }, seen(1), { decisions: 7, atOnce: 0 }],
    ['periods since the first event', { every: '12h' }, seen(1, 2), { decisions: 4, atOnce: 0 }],
    [
      'a change by time alone',
      { change: 'lifecycle_stage', to: 'dormant' },
      seen(32),
      { decisions: 1, atOnce: 0 },
    ],
    [
      'no change of whoever was so before',
      { change: 'lifecycle_stage', to: 'dormant' },
      seen(40),
      { decisions: 0, atOnce: 0 },
    ],
    ['a score that fell', { change: 'engagement_score', below: 20 }, seen(10), { decisions: 1, atOnce: 0 }],
    [
      'no score that was low',
      { change: 'engagement_score', below: 20 },
      seen(30),
      { decisions: 0, atOnce: 0 },
    ],
  ]
  for (const [title, on, person, expected] of cases)
    it(`is ${title}`, () => {
      expect(reachOf(book(rule(on)), person)).to.deep.include(expected)
    })

  it('is asked as of when it would have fired, and what is overdue as of now', () => {
    const recent = { '<': [{ var: 'user.days_since_last_seen' }, 14.5] }
    const gone = { '>': [{ var: 'user.days_since_last_seen' }, 89] }
    expect(reachOf(book(rule(silence, { when: recent })), seen(16)).decisions).to.equal(1)
    expect(reachOf(book(rule(silence, { when: recent })), seen(90)).decisions).to.equal(0)
    expect(reachOf(book(rule(silence, { when: gone })), seen(90)).decisions).to.equal(1)
  })

  it('shows rules what the trigger says, and what scoring says', () => {
    const when = {
      and: [
        { '==': [{ var: 'trigger.kind' }, 'inactive_for'] },
        { '==': [{ var: 'trigger.last_seen' }, iso(NOW - 16 * DAY)] },
        { '==': [{ var: 'user.lifecycle_stage' }, 'active'] },
      ],
    }
    expect(reachOf(book(rule(silence, { when })), seen(16))).to.deep.include({
      byRule: { r: 1 },
      byAction: { gift: 1 },
    })
  })

  it('counts no period in which a rule leaves the user alone', () => {
    const daily = (cooldown: string) => reachOf(book(rule({ every: '1d' }, { cooldown })), seen(1)).byRule
    expect(daily('3d')).to.deep.equal({ r: 3 })
    expect(daily('30d')).to.deep.equal({ r: 1 })
  })

  it('picks one of the rules that wait for the same, and keeps the error of one that fails', () => {
    const rules = book(
      rule(silence, { name: 'weak', confidence: 0.1 }),
      rule(silence, { name: 'strong', confidence: 0.9 }),
      rule(silence, { name: 'broken', when: { cat: [{ var: 'user.traits' }] } }),
      rule({ inactive_for: '15d' }, { name: 'later', action: 'call' }),
    )
    const { byRule, byAction, failed } = reachOf(rules, seen(16))
    expect(byRule).to.deep.equal({ strong: 1, later: 1 })
    expect(byAction).to.deep.equal({ gift: 1, call: 1 })
    expect(Object.keys(failed)).to.deep.equal(['broken'])
  })

  it('ends where it takes too many steps', () => {
    const dear = { some: [{ var: 'user.traits.list' }, { '==': [{ var: '' }, -1] }] }
    const list = Array.from({ length: 2_000 }, (_, n) => n)
    const person = told(seen(16), { kind: 'traits', change: { set: { list } } })
    const rules = book(rule(silence, { when: dear }))
    const asked = previewTriggers({
      window: WEEK,
      before: () => rules,
      after: () => rules,
      scoringOf: () => null,
    })
    let looks = 0
    while (!asked.isSpent() && looks < 10_000) {
      Array.from(asked.look(`u${looks}`, person))
      looks += 1
    }
    expect(looks).to.be.within(10, 1_000)
  })
})

describe('what events and triggers come to together', () => {
  const decided = (name: string) => ({
    recommendation: { rule: name, action: name, parameters: {}, confidence: 1, reasoning: '' },
    considered: [],
  })

  it('counts everybody once, and takes the people who were asked for the others', () => {
    const [events, triggers] = [tally(), tally()]
    events.count('u1', decided('a'))
    events.count('u2', decided('a'))
    triggers.count('u2', decided('b'), 3)
    triggers.count('u3', decided('a'))
    expect(withScaled(events.reach(), triggers.reach(), 10)).to.deep.equal({
      decisions: 42,
      users: 12,
      byRule: { a: 12, b: 30 },
      byAction: { a: 12, b: 30 },
      failed: {},
    })
  })

  it('costs as much more where not all events were asked, but not for triggers', () => {
    const previewed = {
      estimated_cost_usd: 30,
      by_triggers: { decisions: 20, at_once: 0, estimated_cost_usd: 20 },
    }
    expect(costOfAll({ events: 100, matching: 700, previewed })).to.equal(90)
    expect(costOfAll({ events: 100, matching: 100, previewed })).to.equal(30)
    expect(
      costOfAll({ events: 0, matching: 0, previewed: { ...previewed, estimated_cost_usd: 20 } }),
    ).to.equal(20)
  })
})
