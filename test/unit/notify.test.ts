import { expect } from 'chai'
import { accepted } from '../../actors/action.ts'
import { isSubscribable, subscription } from '../../actors/event-types.ts'
import { envelope, noticeOfEvent, noticesOfSteps } from '../../actors/notify.ts'
import { packed, unpacked } from '../../src/dispatch/request.ts'

const ACTION = {
  id: 'ea_01KAJX0M6Q8V2Y3R5T7W9ZBCDE',
  tenant: '00000000-0000-0000-0000-000000000001',
  typeName: 'grant_points',
  provider: 'loyalty',
  userId: 'user-123',
  parameters: '{"amount":500}',
}
const AT = Date.parse('2026-04-26T10:30:00Z')
const all = () => true

describe('what endpoints are told', () => {
  it('is each step of an action, under an id of the action and its version', () => {
    const dispatched = {
      ...accepted(1, 2),
      status: 'dispatched' as const,
      version: 1,
      attempt: 1,
      nextAt: null,
    }
    const outcome = { status: 'partial' as const, result: { points: 3 }, at: AT }
    const completed = { ...dispatched, status: 'completed' as const, version: 2, deadline: null, outcome }
    const steps = [
      { version: 1, to: 'dispatched' as const, after: dispatched },
      { version: 2, to: 'completed' as const, after: completed },
    ]
    const [first, second] = noticesOfSteps(ACTION, steps, AT, all)
    expect([first!.id, first!.type]).to.deep.equal([
      'evt_01KAJX0M6Q8V2Y3R5T7W9ZBCDE_1',
      'external_action.dispatched',
    ])
    expect(second!.type).to.equal('external_action.completed')
    expect(second!.data).to.deep.equal({
      action_id: ACTION.id,
      action_type: 'grant_points',
      provider: 'loyalty',
      user_id: 'user-123',
      parameters: { amount: 500 },
      status: 'completed',
      outcome_status: 'partial',
      result: { points: 3 },
      failure_reason: null,
      late: false,
      attempts: 1,
      next_attempt_at: null,
    })
    expect(JSON.parse(envelope(second!))).to.have.all.keys('id', 'type', 'created_at', 'tenant_id', 'data')
    expect(JSON.parse(envelope(second!)).created_at).to.equal('2026-04-26T10:30:00.000Z')
  })

  it('of an event is what its client sent, and of what came from elsewhere nothing', () => {
    const event = { id: 'ev_1', tenant: ACTION.tenant, userId: 'u1', data: { badge: 'power' }, time: AT }
    const notice = noticeOfEvent({ ...event, type: 'custom.badge.unlocked' }, AT)
    expect(notice).to.include({ id: 'evt_1', type: 'custom.badge.unlocked', userId: 'u1' })
    expect(notice!.data).to.deep.equal({
      event_id: 'ev_1',
      user_id: 'u1',
      time: '2026-04-26T10:30:00.000Z',
      data: { badge: 'power' },
    })
    expect(noticeOfEvent({ ...event, type: '$pageview' }, AT)).to.equal(null)
  })

  it('is kept as the very text that is sent', () => {
    const message = { id: 'evt_1_2', body: '{"id":"evt_1_2","data":{"body":"\\",\\"body\\":"}}' }
    expect(unpacked(packed(message))).to.deep.equal(message)
  })
})

describe('a subscription', () => {
  for (const [names, event, isWanted] of [
    [null, 'external_action.failed', true],
    [['*'], 'custom.a', true],
    [[], 'custom.a', false],
    [['external_action.failed'], 'external_action.failed', true],
    [['external_action.failed'], 'external_action.expired', false],
    [['external_action.*'], 'external_action.expired', true],
    [['custom.reward.*'], 'custom.reward.redeemed', true],
    [['custom.reward.*'], 'custom.rewards.redeemed', false],
    [['custom.reward.*'], 'custom.reward', false],
    [['custom.*'], 'custom.reward.redeemed', true],
  ] as const)
    it(`to ${names === null ? 'everything' : `[${names}]`} ${isWanted ? 'has' : 'has not'} ${event}`, () =>
      expect(subscription(names)(event)).to.equal(isWanted))

  for (const [name, isFine] of [
    ['external_action.failed', true],
    ['external_action.*', true],
    ['external_action.fialed', false],
    ['action.*', false],
    ['reward_redemption.*', true],
    ['activity.*', true],
    ['activity.created', false],
    ['*', true],
    ['custom.*', true],
    ['custom.reward.*', true],
    ['custom.reward.redeemed', true],
    ['custom.*.redeemed', false],
    ['Custom.x', false],
    ['', false],
  ] as const)
    it(`${isFine ? 'takes' : 'refuses'} ${JSON.stringify(name)}`, () =>
      expect(isSubscribable(name)).to.equal(isFine))
})
