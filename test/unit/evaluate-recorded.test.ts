import { expect } from 'chai'
import type { Candidate } from '../../src/decisions/decide.ts'
import { type Other, type Recorded, Replay } from '../../src/decisions/evaluate-recorded.ts'
import type { StoredDecision } from '../../src/decisions/kept.ts'
import { compileRuleDocument } from '../../src/documents/rule-book.ts'

const offer = (rule: string, prior = 0.5): Candidate => ({
  rule,
  action: rule,
  parameters: {},
  confidence: prior,
  prior,
  reasoning: '',
})
const A = offer('a', 0.6)
const B = offer('b', 0.4)

const body = (fields: Partial<StoredDecision>): StoredDecision =>
  ({
    segment: '',
    strategy: 'thompson',
    candidates: [A, B],
    propensities: { a: 0.5, b: 0.5 },
    said: {},
    inputs: {
      digest: '',
      data: { event: null, user: { id: 'u' }, context: {}, now: '2026-01-01T00:00:00Z' },
    },
    ...fields,
  }) as StoredDecision

const recorded = (fields: Partial<StoredDecision> = {}, rest: Partial<Recorded> = {}): Recorded => ({
  id: 'de_1',
  at: 0,
  sent: true,
  body: body(fields),
  outcome: { status: 'completed' },
  status: 'completed',
  ...rest,
})

const learning = { weight: 10, halfLifeMs: 1e12, segment: null }
const replayed = (decisions: readonly Recorded[], other: Partial<Other> = {}) => {
  const replay = new Replay({ domain: 'd', rules: null, learning, strategy: 'best', ...other })
  for (const decision of decisions) replay.add(decision)
  return replay.result()
}

const rulesOf = (rules: object[]) =>
  compileRuleDocument({
    file: 'd.json',
    digest: '',
    value: {
      domain: 'd',
      rules: rules.map((rule) => ({ on: [], when: true, confidence: 0.5, reasoning: 'x', ...rule })),
    },
  }).rules

describe('replay of recorded decisions', () => {
  it('weighs what another strategy would have done too, and finds which rule is worth more', () => {
    // Of `a` one in ten is rewarded, of `b` nine in ten; each was picked half of the time.
    const decisions = Array.from({ length: 400 }, (_, i) => {
      const isA = i % 2 === 0
      const good = Math.floor(i / 2) % 10 === 0 ? isA : !isA
      return recorded(
        { candidates: isA ? [A, B] : [B, A] },
        { outcome: { status: good ? 'completed' : 'ignored' } },
      )
    })
    const { estimates, picks, counted, unseen } = replayed(decisions)
    expect(counted.compared).to.equal(400)
    expect(estimates.logged.mean).to.be.closeTo(0.5, 1e-9)
    // The author believes in `a`: a few decisions are lost to it.
    expect(estimates.snips.mean).to.be.within(0.8, 0.95)
    expect(estimates.gain.low).to.be.above(0.2)
    expect(picks[0]).to.include({ rule: 'b' })
    expect(estimates.effective).to.be.within(190, 210)
    expect(unseen).to.equal(0)
  })

  it('says of each decision why it is not compared', () => {
    const { counted } = replayed([
      recorded(),
      recorded({}, { sent: false }),
      recorded({ candidates: [] }),
      recorded({}, { outcome: { status: 'rejected' } }),
      recorded({}, { outcome: null, status: 'expired' }),
      recorded({}, { outcome: null, status: 'failed' }),
      recorded({}, { outcome: null, status: 'dispatched' }),
    ])
    expect(counted).to.deep.equal({
      compared: 1,
      notSent: 2,
      rejected: 1,
      unanswered: 2,
      open: 1,
      cut: 0,
      offersNothing: 0,
    })
  })

  it('asks the rules of another document of what rules saw then', () => {
    const rules = rulesOf([
      { name: 'first', action: 'a', confidence: 0.9, when: { '==': [{ var: 'context.is' }, 1] } },
      { name: 'second', action: 'b', confidence: 0.5 },
    ])
    const inputs = (is: number) => ({ digest: '', data: { event: null, user: {}, context: { is }, now: '' } })
    const { picks, estimates } = replayed(
      [recorded({ inputs: inputs(1) }), recorded({ inputs: inputs(2) })],
      { rules },
    )
    expect(picks).to.deep.equal([
      { rule: 'first', share: 0.5 },
      { rule: 'second', share: 0.5 },
    ])
    // Both did `a`, half of the time; the other document does it once.
    expect(estimates.ips.mean).to.be.closeTo(1, 1e-9)
    expect(estimates.effective).to.be.closeTo(1, 1e-9)
  })

  it('asks only rules that wait for the event, and offers nothing that was withheld then', () => {
    const rules = rulesOf([
      { name: 'waits', action: 'a', on: ['custom.asked'] },
      { name: 'other', action: 'b', on: ['custom.other'] },
      { name: 'capped', action: 'c', on: ['custom.*'], confidence: 0.9 },
    ])
    const data = { event: { type: 'custom.asked' }, user: {}, context: {}, now: '' }
    const { picks } = replayed([recorded({ inputs: { digest: '', data }, said: { capped: ['capped'] } })], {
      rules,
    })
    expect(picks.map(({ rule }) => rule)).to.deep.equal(['waits'])
  })

  it('takes for the same only what a user could not tell apart', () => {
    const rules = rulesOf([{ name: 'renamed', action: 'a', parameters: { amount: 5 } }])
    const five = { ...A, parameters: { amount: 5 } }
    const { estimates, unseen } = replayed(
      [
        recorded({ candidates: [five, B] }),
        recorded({ candidates: [{ ...A, parameters: { amount: 6 } }, B] }),
      ],
      { rules },
    )
    expect(estimates.ips.mean).to.be.closeTo(1, 1e-9)
    expect(unseen).to.equal(0.5)
  })

  it('leaves out what it cannot know: inputs that were cut, and rules that offer nothing', () => {
    const rules = rulesOf([{ name: 'never', action: 'a', when: false }])
    const cut = { digest: '', data: {}, cut: ['/user/traits'] }
    const { counted } = replayed([recorded({ inputs: cut }), recorded()], { rules })
    expect(counted).to.include({ compared: 0, cut: 1, offersNothing: 1 })
    expect(replayed([recorded({ inputs: cut })]).counted.compared).to.equal(1)
  })
})
