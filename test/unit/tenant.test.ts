import { expect } from 'chai'
import fc from 'fast-check'
import { changePermissions, FREE, type Permissions } from '../../actors/permissions.ts'
import { NO_STANDING, type Standing } from '../../actors/standing.ts'
import { decideOccasion, type OfferedType } from '../../actors/tenant.ts'
import { decide } from '../../src/decisions/decide.ts'
import { lessonsOf } from '../../src/decisions/lessons.ts'
import { scoresOf } from '../../src/decisions/scores.ts'
import { randomFrom } from '../../src/decisions/share.ts'
import { compileLogic, fullBudget, type Logic } from '../../src/documents/evaluate.ts'
import { bookOf, compileRuleDocument, loadRules, type RuleBook } from '../../src/documents/rule-book.ts'

const book = loadRules(new URL('../../rules', import.meta.url).pathname)
const anyType: OfferedType = { channel: 'app', estimatedCostUsd: null, validate: () => [] }
const types = new Map(['grant_points', 'unlock_badge', 'upgrade_tier'].map((name) => [name, anyType]))
const NOW = Date.parse('2026-03-01T12:00:00Z')
const event = (type: string, data: Record<string, unknown>) => ({
  id: 'ev_1',
  userId: 'u1',
  type,
  data,
  time: NOW,
})

interface Given {
  offered?: ReadonlyMap<string, OfferedType>
  standing?: Standing
  timezone?: string | null
  rules?: RuleBook
  leftUsd?: number | null
  permissions?: Permissions
  userId?: string
}

/** What is decided on an event of a type, and where the user stands by then. */
function heard(type: string, data: Record<string, unknown>, given: Given = {}) {
  let ids = 0
  const { offered = types, standing = NO_STANDING, timezone = null, rules = book, leftUsd = null } = given
  const { userId = 'u1', permissions = FREE } = given
  return decideOccasion(
    { userId, event: { ...event(type, data), userId }, trigger: null, time: NOW },
    { tenant: 't', user: {}, standing, permissions, timezone, scores: scoresOf(null, {}, NOW), now: NOW },
    {
      asked: rules.askedBy(type),
      types: offered,
      lessonsOf: lessonsOf([]),
      leftUsd: () => leftUsd,
      newId: (prefix) => `${prefix}_${++ids}`,
      randomOf: randomFrom,
    },
  )
}

const decided = (type: string, data: Record<string, unknown>, offered?: ReadonlyMap<string, OfferedType>) =>
  heard(type, data, offered === undefined ? {} : { offered }).made

describe("a tenant's actor", () => {
  it('turns an event that a rule matches into an action with its reasoning', () => {
    const [first] = decided('custom.reward.redeemed', { reward_type: 'discount' })
    expect(first!.action).to.deep.equal({
      id: 'ea_2',
      scheduledAt: null,
      costUsd: 0,
      typeName: 'unlock_badge',
      parameters: { badge: 'smart_shopper' },
      reasoning: 'Whoever just redeemed a discount is less likely to churn; a badge keeps the habit visible.',
      confidence: 0.55,
      origin: 'rule:loyalty/badge-after-a-reward',
    })
  })

  it('decides nothing where no rule matches', () => {
    expect(decided('custom.reward.redeemed', { reward_type: 'gift' })).to.deep.equal([])
    expect(decided('custom.unheard.of', {})).to.deep.equal([])
  })

  it('records why nothing is sent: no such type, or parameters that its schema refuses', () => {
    const [unknown] = decided('custom.reward.redeemed', { reward_type: 'discount' }, new Map())
    expect(unknown!.action).to.equal(null)
    expect(unknown!.decision).to.deep.include({ sent: false, reason: 'unknown_action_type' })
    const strict = new Map([
      ['unlock_badge', { ...anyType, validate: () => [{ path: '/badge', message: 'must be 1' }] }],
    ])
    const [refused] = decided('custom.reward.redeemed', { reward_type: 'discount' }, strict)
    expect(refused!.action).to.equal(null)
    expect(refused!.decision).to.deep.include({
      reason: 'invalid_parameters',
      mistakes: [{ path: '/badge', message: 'must be 1' }],
    })
  })

  it('records an event of which a rule failed and none offered anything', () => {
    const [only] = decided('custom.purchase.completed', { total: 150, order: { toString: 1 } })
    expect(only!.action).to.equal(null)
    expect(only!.decision).to.deep.include({ recommendation: null, sent: false, reason: 'rule_failed' })
    expect(only!.decision.considered[0]!.error).to.match(/takes no objects/)
  })

  it('never throws, whatever the data of an event', () => {
    const anyEventType = fc.constantFrom(
      ...book.documents.flatMap(({ rules }) => rules.flatMap(({ on }) => on)),
    )
    const anyData = fc.dictionary(
      fc.constantFrom(
        'total',
        'value',
        'tier',
        'balance',
        'next_tier_at',
        'badge',
        'reward_type',
        'order',
        '__proto__',
        'x',
      ),
      fc.jsonValue(),
    )
    fc.assert(fc.property(anyEventType, anyData, (type, data) => void decided(type, data)))
  })
})

/** Rules of one document that always offer, by what is said of each beside. */
function rulesOf(policy: Record<string, unknown>, ...rules: Record<string, unknown>[]): RuleBook {
  const written = rules.map((rule, index) => ({
    name: `rule-${index}`,
    on: ['custom.asked'],
    when: true,
    action: 'grant_points',
    confidence: 0.9 - index / 10,
    reasoning: 'because',
    ...rule,
  }))
  const value = { domain: 'loyalty', ...policy, rules: written }
  return bookOf([compileRuleDocument({ file: 'rules/x.json', digest: 'd', value })])
}

const DAY = 86_400_000
const offer = (rule: string, daysAgo: number, open: string | null = null) => ({
  rule: `loyalty/${rule}`,
  action: 'grant_points',
  at: NOW - daysAgo * DAY,
  open,
  segment: '',
})
const standingOf = (...offers: ReturnType<typeof offer>[]): Standing => ({ ...NO_STANDING, offers })

describe('what a user is offered', () => {
  const said = (rules: RuleBook, standing: Standing, given: Given = {}) =>
    heard('custom.asked', {}, { rules, standing, ...given }).made[0]!.decision.considered.map(
      (each) => each.said,
    )

  it('waits for a cool-down, and no longer', () => {
    const rules = rulesOf({}, { cooldown: '7d' })
    expect(said(rules, standingOf(offer('rule-0', 6.9)))).to.deep.equal(['cooling_down'])
    expect(said(rules, standingOf(offer('rule-0', 7)))).to.deep.equal(['offers'])
    expect(said(rules, standingOf(offer('another', 1)))).to.deep.equal(['offers'])
  })

  it('keeps to caps of one action and of all together, and takes another action instead', () => {
    const rules = rulesOf(
      {
        caps: [
          { action: 'grant_points', max: 2, per: '30d' },
          { max: 3, per: '30d' },
        ],
      },
      {},
      { action: 'unlock_badge' },
    )
    const two = [offer('x', 1), offer('y', 2)]
    expect(said(rules, standingOf(...two))).to.deep.equal(['capped', 'offers'])
    expect(said(rules, standingOf(...two, { ...offer('z', 3), action: 'upgrade_tier' }))).to.deep.equal([
      'capped',
      'capped',
    ])
    expect(said(rules, standingOf(offer('x', 31), offer('y', 30), offer('z', 29)))).to.deep.equal([
      'offers',
      'offers',
    ])
  })

  it('is one action of a type at a time, unless the rule says otherwise', () => {
    const open = standingOf(offer('another', 1, 'ea_9'))
    expect(said(rulesOf({}, {}), open)).to.deep.equal(['still_open'])
    expect(said(rulesOf({}, { may_overlap: true }), open)).to.deep.equal(['offers'])
    expect(
      heard('custom.asked', {}, { rules: rulesOf({}, {}), standing: open }).made[0]!.decision,
    ).to.include({
      sent: false,
      reason: 'still_open',
    })
  })

  it('is nothing that the user does not allow, where something else is', () => {
    const offered = new Map([
      ['grant_points', anyType],
      ['unlock_badge', { ...anyType, channel: 'mail' }],
    ])
    const rules = rulesOf({}, {}, { action: 'unlock_badge' })
    const permissions = changePermissions(FREE, { consent: { channels: { app: false } } })
    const { made } = heard('custom.asked', {}, { rules, offered, permissions })
    expect(made[0]!.action).to.include({ typeName: 'unlock_badge' })
    expect(made[0]!.decision.considered[0]).to.include({ said: 'consent_withdrawn' })
  })

  it('costs no more than is left', () => {
    const offered = new Map([['grant_points', { ...anyType, estimatedCostUsd: 5 }]])
    const rules = rulesOf({ budget: { max_usd: 100, days: 30 } }, {})
    expect(said(rules, NO_STANDING, { offered, leftUsd: 4.99 })).to.deep.equal(['over_budget'])
    expect(said(rules, NO_STANDING, { offered, leftUsd: 5 })).to.deep.equal(['offers'])
  })

  it('is sent after the quiet hours of the own day', () => {
    const rules = rulesOf({ quiet_hours: { from: '21:00', to: '08:00', timezone: 'Europe/Berlin' } }, {})
    const sentAt = (timezone: string | null) =>
      heard('custom.asked', {}, { rules, timezone }).made[0]!.action!.scheduledAt
    // It is noon in UTC, 21:00 in Tokyo.
    expect(sentAt('Asia/Tokyo')).to.equal(Date.parse('2026-03-01T23:00:00Z'))
    expect(sentAt('America/New_York')).to.equal(Date.parse('2026-03-01T13:00:00Z'))
    expect(sentAt(null)).to.equal(null)
  })

  it('is decided and not sent for the same share of users, who are otherwise treated alike', () => {
    const rules = rulesOf({ holdout: 0.25 }, { cooldown: '7d' })
    const users = Array.from({ length: 2_000 }, (_, i) => `u${i}`)
    const ask = (userId: string) => heard('custom.asked', {}, { rules, userId })
    const held = users.filter((userId) => ask(userId).made[0]!.decision.holdout)
    expect(held.length / users.length).to.be.closeTo(0.25, 0.03)
    const { made, standing } = ask(held[0]!)
    expect(made[0]).to.include({ action: null })
    expect(made[0]!.decision).to.include({ sent: false, reason: 'holdout' })
    expect(standing.offers).to.have.length(1)
    expect(standing.offers[0]).to.include({ open: null })
    expect(held.every((userId) => ask(userId).made[0]!.decision.holdout)).to.equal(true)
  })

  it('is remembered with the action that is open', () => {
    const { made, standing } = heard('custom.asked', {}, { rules: rulesOf({}, {}) })
    expect(standing.offers).to.deep.equal([{ ...offer('rule-0', 0), open: made[0]!.action!.id }])
    expect(made[0]!.decision.document).to.deep.equal({ file: 'rules/x.json', digest: 'd', version: null })
    expect(made[0]!.decision.propensities).to.deep.equal({ 'rule-0': 1 })
  })
})

describe('a decision', () => {
  const rule = (name: string, action: string, confidence: number, when: Logic = () => true) => ({
    domain: 'd',
    name,
    action,
    confidence,
    when,
    parameters: () => ({}),
    reasoning: () => 'because',
  })
  const ask = (rules: ReturnType<typeof rule>[], available: string[] | null = null) =>
    decide(
      rules,
      { event: null, user: {}, context: {}, now: '2026-03-01T00:00:00.000Z' },
      available,
      fullBudget,
    )

  it('takes the most confident, the first of equals, one candidate an action', () => {
    const { recommendation, alternatives } = ask([
      rule('a', 'x', 0.5),
      rule('b', 'y', 0.7),
      rule('c', 'z', 0.7),
      rule('d', 'x', 0.6),
    ])
    expect([recommendation, ...alternatives].map((candidate) => candidate!.rule)).to.deep.equal([
      'b',
      'c',
      'd',
    ])
  })

  it('offers only what is available, and says so of the rest', () => {
    const { recommendation, considered } = ask([rule('a', 'x', 0.9), rule('b', 'y', 0.1)], ['y'])
    expect(recommendation!.rule).to.equal('b')
    expect(considered[0]).to.deep.equal({ rule: 'a', action: 'x', said: 'not_available' })
  })

  it('records a rule that fails, and asks the others all the same', () => {
    const failing = rule('a', 'x', 0.9, () => {
      throw new Error('too many steps')
    })
    const { recommendation, considered } = ask([failing, rule('b', 'y', 0.1), rule('c', 'z', 0.5, () => [])])
    expect(recommendation!.rule).to.equal('b')
    expect(considered.map(({ said, error }) => [said, error])).to.deep.equal([
      ['error', 'too many steps'],
      ['offers', undefined],
      ['does_not_apply', undefined],
    ])
  })

  it('holds nobody up by hundreds of rules that each take all the steps that a rule may', () => {
    const list = Array.from({ length: 90 }, (_, i) => i)
    const dear = compileLogic({ map: [list, { map: [list, 1] }] }, '/when')
    const rules = Array.from({ length: 500 }, (_, i) => rule(`dear-${i}`, 'a', 0.1, dear))
    const startedAt = performance.now()
    const { considered } = ask(rules)
    expect(performance.now() - startedAt).to.be.below(1_000)
    expect(considered.filter(({ said }) => said === 'offers')).to.have.length(5)
    expect(considered.at(-1)!.error).to.match(/more steps/)
  })
})
