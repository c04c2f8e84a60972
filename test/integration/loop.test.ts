import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'
import { temporaryHome } from '../support/servers.ts'

const rule = (name: string, fields: Record<string, unknown> = {}) => ({
  name,
  on: [`custom.${name.replaceAll('-', '_')}`],
  when: true,
  action: 'gift',
  confidence: 0.5,
  reasoning: 'because',
  ...fields,
})

const DOCUMENTS = {
  loop: {
    learning: { weight: 2, segment: { var: 'user.traits.plan' } },
    rules: [rule('once'), rule('often', { may_overlap: true, on: ['custom.often'] })],
  },
  costly: {
    budget: { max_usd: 10, days: 30 },
    rules: [rule('dear', { action: 'voucher', may_overlap: true })],
  },
  night: { quiet_hours: { from: '00:00', to: '23:59' }, rules: [rule('later', { action: 'note' })] },
}

describe('the loop', () => {
  let volley: Installation
  let receiver: Receiver

  before(async () => {
    const home = temporaryHome()
    mkdirSync(join(home, 'recommendations'))
    for (const [domain, document] of Object.entries(DOCUMENTS))
      writeFileSync(join(home, 'recommendations', `${domain}.json`), JSON.stringify({ domain, ...document }))
    receiver = await new Receiver().start()
    volley = await Installation.start({ workers: 2, env: { VOLLEY_RULES: home } })
    const types = { gift: {}, note: {}, voucher: { estimated_cost_usd: 4 } }
    for (const [name, fields] of Object.entries(types))
      await volley.actionType({ name, delivery_webhook: receiver.url, ...fields })
  })
  after(async () => {
    await volley.stop()
    await receiver.stop()
  })

  const happened = (type: string, user_id: string, times = 1) =>
    volley.call('POST', '/api/external/events', {
      events: Array.from({ length: times }, () => ({ type: `custom.${type}`, user_id })),
    })
  const actionsOf = async (user: string) =>
    (await volley.call('GET', `/api/external/actions?user_id=${user}`)).body.actions as any[]
  const decisionsOf = async (user: string) =>
    (await volley.call('GET', `/api/users/${user}`)).body.decisions as any[]
  const lessons = async () => {
    const { rows } = await volley.ledger.pool.query(
      `select rule, segment, sum(successes) as s, sum(failures) as f, sum(rejected) as r, sum(unanswered) as u
       from lesson group by rule, segment order by rule, segment`,
    )
    return rows.map(({ rule: name, segment, s, f, r, u }) => [name, segment, ...[s, f, r, u].map(Math.round)])
  }
  const report = (id: string, body: unknown) =>
    volley.call('POST', `/api/external/actions/${id}/outcome`, body)

  it('gives a user one action of a type at a time, and the next one once that has ended', async () => {
    await happened('once', 'u1', 3)
    const first = await eventually(async () => {
      expect(await decisionsOf('u1')).to.have.length(3)
      const actions = await actionsOf('u1')
      expect(actions.map(({ status }) => status)).to.deep.equal(['dispatched'])
      return actions[0]
    })
    await report(first.id, { status: 'completed', result: {} })
    await eventually(async () => {
      const { rows } = await volley.ledger.pool.query(`select standing from person where id = 'u1'`)
      expect(rows[0].standing.offers[0].open).to.equal(null)
    })
    await happened('once', 'u1')
    await eventually(async () => expect(await actionsOf('u1')).to.have.length(2))
  })

  it('learns of each outcome once, for the segment of its user', async () => {
    await volley.ledger.pool.query('delete from lesson')
    await volley.call('PUT', '/api/users/pro', { traits: { plan: 'pro' } })
    await happened('often', 'pro', 2)
    await happened('often', 'new', 2)
    const [ofPro, ofNew] = await eventually(async () => {
      const found = [await actionsOf('pro'), await actionsOf('new')]
      expect(found.map((each) => each.filter(({ status }) => status === 'dispatched').length)).to.deep.equal([
        2, 2,
      ])
      return found
    })
    for (let times = 0; times < 2; times++) await report(ofPro![0].id, { status: 'completed', result: {} })
    await report(ofPro![1].id, { status: 'ignored' })
    await report(ofNew![0].id, { status: 'rejected' })
    await report(ofNew![1].id, { status: 'completed', result: { user_reacted: true } })
    await eventually(async () =>
      expect(await lessons()).to.deep.equal([
        ['often', '', 1, 0, 1, 0],
        ['often', 'pro', 1, 1, 0, 0],
      ]),
    )
    await happened('often', 'pro')
    // Two lessons of pro beside two that the author's word weighs: somewhere between them and the word.
    await eventually(async () => {
      const [latest] = (await actionsOf('pro')).filter(({ status }) => status !== 'completed')
      expect(Number(latest.confidence)).to.be.within(0.5, 0.75)
    })
  })

  it('never spends more than a budget, however much comes at once', async () => {
    const users = Array.from({ length: 20 }, (_, i) => `spender-${i}`)
    await Promise.all(users.map((user) => happened('dear', user, 2)))
    await eventually(async () => {
      const all = await Promise.all(users.map(decisionsOf))
      expect(all.flat()).to.have.length(40)
    })
    const actions = (await Promise.all(users.map(actionsOf))).flat()
    expect(actions.map(({ action_type }) => action_type)).to.deep.equal(['voucher', 'voucher'])
    const { rows } = await volley.ledger.pool.query('select sum(usd) as usd from spending')
    expect(rows[0].usd).to.equal(8)
  })

  it('waits with what is asked for in quiet hours', async () => {
    await happened('later', 'sleeper')
    const [action] = await eventually(async () => {
      const actions = await actionsOf('sleeper')
      expect(actions).to.have.length(1)
      return actions
    })
    expect(action.status).to.equal('pending')
    expect(action.scheduled_at).to.match(/T23:59:00/)
  })

  it('remembers when an outcome wishes for the next action', async () => {
    await happened('once', 'wisher')
    const [action] = await eventually(async () => {
      const actions = (await actionsOf('wisher')).filter(({ status }) => status === 'dispatched')
      expect(actions).to.have.length(1)
      return actions
    })
    const before = Date.now()
    await report(action.id, { status: 'completed', result: { next_action_within: '2h' } })
    await eventually(async () => {
      const { rows } = await volley.ledger.pool.query(`select standing from person where id = 'wisher'`)
      const [ask] = rows[0].standing.asks
      expect(ask.domain).to.equal('loop')
      expect(ask.at - before).to.be.within(1.8 * 3_600_000 - 1_000, 1.8 * 3_600_000 + 30_000)
    })
  })
})
