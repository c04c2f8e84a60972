import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { temporaryHome } from '../support/servers.ts'

const RULES = {
  domain: 'people',
  rules: [
    {
      name: 'third-visit',
      may_overlap: true,
      on: ['custom.visited'],
      when: {
        and: [
          { '==': [{ var: 'user.activity.custom_visited.count' }, 3] },
          { '==': [{ var: 'user.traits.plan' }, 'pro'] },
        ],
      },
      action: 'greet',
      parameters: { away: { var: 'user.days_away' }, zone: { var: 'user.timezone' } },
      confidence: 0.5,
      reasoning: 'Third visit of {user.id}, {user.events} events.',
    },
  ],
}

describe('what rules see of a user', () => {
  let volley: Installation

  before(async () => {
    const home = temporaryHome()
    mkdirSync(join(home, 'recommendations'))
    writeFileSync(join(home, 'recommendations', 'people.json'), JSON.stringify(RULES))
    volley = await Installation.start({ workers: 1, env: { VOLLEY_RULES: home } })
    await volley.actionType({ name: 'greet', delivery_webhook: 'http://127.0.0.1:9/x' })
  })
  after(() => volley.stop())

  const visit = (day: number) => ({
    type: 'custom.visited',
    user_id: 'u1',
    timestamp: `2026-10-${String(day).padStart(2, '0')}T00:00:00Z`,
  })

  it('is what is known with the event, and how long the user was away before it', async () => {
    await volley.call('PUT', '/api/users/u1', { traits: { plan: 'pro' }, timezone: 'Asia/Tokyo' })
    await volley.call('POST', '/api/external/events', { events: [visit(1), visit(2), visit(9), visit(10)] })
    const actions = await eventually(async () => {
      const { body } = await volley.call('GET', '/api/users/u1')
      expect(body.user.events).to.equal(4)
      return body.actions
    })
    expect(actions).to.have.length(1)
    expect(actions[0]).to.deep.include({
      parameters: { away: 7, zone: 'Asia/Tokyo' },
      reasoning: 'Third visit of u1, 3 events.',
    })
  })

  it('is the same where a client asks what to do', async () => {
    const ask = (user_id: string) =>
      volley.call('POST', '/api/decisions/recommend', { user_id, domain: 'people' })
    await volley.call('PUT', '/api/users/u2', { traits: { plan: 'pro' } })
    expect((await ask('u2')).body.recommendation).to.equal(null)
    await volley.call('POST', '/api/external/events', {
      events: [1, 2, 3].map((day) => ({ ...visit(day), user_id: 'u2' })),
    })
    await eventually(async () => expect((await ask('u2')).body.recommendation?.action).to.equal('greet'))
  })

  it('is said to a test key of all that it sent at once', async () => {
    await volley.call('PUT', '/api/users/u3', { traits: { plan: 'pro' } }, { key: volley.keys.test })
    const { body } = await volley.call(
      'POST',
      '/api/external/events',
      { events: [1, 2, 3].map((day) => ({ ...visit(day), user_id: 'u3' })) },
      { key: volley.keys.test },
    )
    expect(body.would_decide).to.have.length(1)
    expect(body.would_decide[0]).to.deep.include({ action: 'greet', would_send: true })
  })
})
