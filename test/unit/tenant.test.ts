import { expect } from 'chai'
import fc from 'fast-check'
import { decideEvent } from '../../actors/tenant.ts'
import { decide } from '../../src/decisions/decide.ts'
import { compileLogic, fullBudget, type Logic } from '../../src/documents/evaluate.ts'
import { loadRules } from '../../src/documents/rule-book.ts'

const book = loadRules(new URL('../../rules', import.meta.url).pathname)
const anyType = { validate: () => [] }
const types = new Map(['grant_points', 'unlock_badge', 'upgrade_tier'].map((name) => [name, anyType]))
const event = (type: string, data: Record<string, unknown>) => ({
  id: 'ev_1',
  userId: 'u1',
  type,
  data,
  time: 0,
})
const decided = (type: string, data: Record<string, unknown>, offered: Map<string, typeof anyType> = types) =>
  decideEvent({ event: event(type, data), user: {}, rules: book.forEvent(type), types: offered })

describe("a tenant's actor", () => {
  it('turns an event that a rule matches into an action with its reasoning', () => {
    const [first] = decided('custom.reward.redeemed', { reward_type: 'discount' })
    expect(first!.action).to.deep.equal({
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
      ['unlock_badge', { validate: () => [{ path: '/badge', message: 'must be 1' }] as never[] }],
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
