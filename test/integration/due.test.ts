import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'
import { temporaryHome } from '../support/servers.ts'

const DAY = 86_400_000

const rule = (name: string, on: unknown[], fields: Record<string, unknown> = {}) => ({
  name,
  on,
  when: true,
  action: 'gift',
  confidence: 0.5,
  may_overlap: true,
  reasoning: 'because',
  ...fields,
})

const back = {
  domain: 'back',
  rules: [rule('win-back', [{ inactive_for: '14d' }], { reasoning: 'Silent since {trigger.last_seen}.' })],
}
const dates = {
  domain: 'dates',
  rules: [rule('birthday', [{ date: 'user.traits.birthday', yearly: true }])],
}
const changes = {
  domain: 'changes',
  rules: [
    rule('busy', [{ change: 'activation_score', above: 20 }]),
    rule('dormant', [{ change: 'lifecycle_stage', to: 'dormant' }]),
  ],
}
const asked = { domain: 'asked', rules: [rule('first', ['custom.first'], { may_overlap: false })] }
const held = { domain: 'held', holdout: 0.5, rules: [rule('maybe', [{ inactive_for: '15d' }])] }

describe('people who are due', () => {
  let volley: Installation
  let receiver: Receiver
  let home: string

  const write = (document: { domain: string }) =>
    writeFileSync(join(home, 'recommendations', `${document.domain}.json`), JSON.stringify(document))

  before(async () => {
    home = temporaryHome()
    mkdirSync(join(home, 'recommendations'))
    mkdirSync(join(home, 'scoring'))
    writeFileSync(
      join(home, 'scoring', 'default.json'),
      JSON.stringify({
        name: 'default',
        lifecycle_stage: [
          { is: 'dormant', when: { '>=': [{ var: ['user.days_since_last_seen', 0] }, 30] } },
          { is: 'active', when: true },
        ],
        activation_score: { '*': [{ var: 'user.events' }, 10] },
        engagement_score: 0,
        risk_level: [{ is: 'low', when: true }],
      }),
    )
    for (const document of [back, dates, changes, asked, held]) write(document)
    receiver = await new Receiver().start()
    volley = await Installation.start({ workers: 2, env: { VOLLEY_RULES: home } })
    for (const name of ['gift', 'late']) await volley.actionType({ name, delivery_webhook: receiver.url })
  })
  after(async () => {
    await volley.stop()
    await receiver.stop()
  })

  const happened = (user_id: string, ago: number, options: { type?: string; key?: string } = {}) =>
    volley.call(
      'POST',
      '/api/external/events',
      {
        events: [
          {
            type: options.type ?? 'custom.seen',
            user_id,
            timestamp: new Date(Date.now() - ago).toISOString(),
          },
        ],
      },
      options.key === undefined ? {} : { key: options.key },
    )
  const decided = async (user: string) =>
    (
      await volley.ledger.pool.query(
        `select domain, body->'trigger' as trigger, action_id, test, sent, date_part('epoch', at) * 1000 as at
         from decision where user_id = $1 order by id`,
        [user],
      )
    ).rows as {
      domain: string
      trigger: any
      action_id: string | null
      test: boolean
      sent: boolean
      at: number
    }[]
  const sum = async (sql: string, values: unknown[] = []) =>
    (await volley.ledger.pool.query(`select count(*)::int as n from ${sql}`, values)).rows[0].n as number
  /** A second of silence is left, so that another look would have shown. */
  const looksAgain = async () => {
    await happened('clock', 14 * DAY - 1_200)
    await eventually(async () => expect(await decided('clock')).to.not.deep.equal([]))
    await volley.ledger.pool.query(`delete from person where id = 'clock'`)
    await volley.ledger.pool.query(`delete from decision where user_id = 'clock'`)
  }

  it('are decided for once when they have been silent for long enough, and sent what follows', async () => {
    const crossing = Date.now() + 2_000
    await happened('silent', 14 * DAY - 2_000)
    const [decision] = await eventually(async () => {
      const found = await decided('silent')
      expect(found).to.have.length(1)
      return found
    })
    expect(decision!.at - crossing).to.be.within(0, 3_000)
    expect(decision!.trigger).to.deep.include({ kind: 'inactive_for', inactive_for: '14d' })
    const sent = await eventually(async () => {
      const { body } = await volley.call('GET', '/api/external/actions?user_id=silent')
      expect(body.actions.map(({ status }: any) => status)).to.deep.equal(['dispatched'])
      return body.actions[0]
    })
    expect(sent.reasoning).to.match(/^Silent since 20/)
    await looksAgain()
    expect(await decided('silent')).to.have.length(1)
  })

  it('are left alone where they come back before', async () => {
    await happened('back', 14 * DAY - 1_500)
    await happened('back', 0)
    await looksAgain()
    expect(await decided('back')).to.deep.equal([])
    expect(await sum(`due where id = 'back'`)).to.equal(1)
  })

  it('cost an event nothing more while they are active', async () => {
    await happened('active', 2 * DAY)
    await eventually(async () => expect(await sum(`due where id = 'active'`)).to.equal(1))
    const due = async () =>
      (await volley.ledger.pool.query(`select xmin, at from due where id = 'active'`)).rows
    const before = await due()
    for (let n = 0; n < 3; n++) await happened('active', 3_000 - n)
    await eventually(async () => expect(await sum(`person where id = 'active' and events = 4`)).to.equal(1))
    expect(await due()).to.deep.equal(before)
  })

  it('of a test key are decided for, and sent nothing', async () => {
    await happened('tested', 14 * DAY - 1_000, { key: volley.keys.test })
    await eventually(async () => {
      const found = await decided('tested')
      expect(found.map(({ test, sent }) => [test, sent])).to.deep.equal([[true, false]])
    })
  })

  it('are held out as others are', async () => {
    const users = Array.from({ length: 16 }, (_, n) => `held-${n}`)
    await Promise.all(users.map((user) => happened(user, 15 * DAY - 1_000)))
    const all = await eventually(async () => {
      const found = (await Promise.all(users.map(decided))).flat().filter(({ domain }) => domain === 'held')
      expect(found).to.have.length(16)
      return found
    })
    expect(all.filter(({ sent }) => sent).length).to.be.within(1, 15)
  })

  it('have a birthday once', async () => {
    const birthday = `1990-${new Date().toISOString().slice(5, 10)}`
    await volley.call('PUT', '/api/users/born', { traits: { birthday } })
    await eventually(async () => {
      const found = await decided('born')
      expect(found.map(({ trigger }) => trigger.date.slice(5))).to.deep.equal([
        birthday.slice(5) + found[0]!.trigger.date.slice(10),
      ])
    })
    await volley.call('PUT', '/api/users/born', { traits: { birthday } })
    await looksAgain()
    expect(await decided('born')).to.have.length(1)
  })

  it('are decided for when an event changes their score, and when time changes their stage', async () => {
    for (let n = 0; n < 5; n++) await happened('scored', 100 - n)
    await eventually(async () =>
      expect((await decided('scored')).map(({ trigger }) => [trigger.from, trigger.to])).to.deep.equal([
        [20, 30],
      ]),
    )
    await happened('fading', 30 * DAY - 2_000)
    await eventually(async () =>
      expect(
        (await decided('fading'))
          .filter(({ domain }) => domain === 'changes')
          .map(({ trigger }) => [trigger.from, trigger.to]),
      ).to.deep.equal([['active', 'dormant']]),
    )
  })

  it('are decided for by a whole domain when an outcome asked for it', async () => {
    await happened('wisher', 0, { type: 'custom.first' })
    const action = await eventually(async () => {
      const { body } = await volley.call('GET', '/api/external/actions?user_id=wisher')
      expect(body.actions.map(({ status }: any) => status)).to.deep.equal(['dispatched'])
      return body.actions[0]
    })
    await volley.call('POST', `/api/external/actions/${action.id}/outcome`, {
      status: 'completed',
      result: { next_action_within: '1s' },
    })
    const found = await eventually(async () => {
      const both = await decided('wisher')
      expect(both).to.have.length(2)
      return both
    })
    expect(found[1]!.trigger).to.deep.equal({ kind: 'next_action', domain: 'asked' })
    expect(found[1]!.action_id).to.not.equal(null)
    await eventually(async () =>
      expect(await sum(`person where id = 'wisher' and standing::jsonb->'asks' = '[]'`)).to.equal(1),
    )
  })

  it('that are erased are due no more', async () => {
    await happened('gone', 13 * DAY)
    await eventually(async () => expect(await sum(`due where id = 'gone'`)).to.equal(1))
    await volley.call('DELETE', '/api/users/gone')
    await eventually(async () => {
      expect(await sum(`person where id = 'gone'`)).to.equal(0)
      expect(await sum(`due where id = 'gone'`)).to.equal(0)
    })
  })

  it('are found for a rule that comes later, and end quietly when it goes', async () => {
    await happened('early', 20 * DAY)
    await happened('recent', 3 * DAY)
    await eventually(async () => expect(await sum(`person where id in ('early', 'recent')`)).to.equal(2))
    // As those who were heard of before any rule waited for them.
    await volley.ledger.pool.query(`delete from due where id in ('early', 'recent')`)
    await volley.ledger.pool.query(`update person set due_at = null where id in ('early', 'recent')`)
    write({
      domain: 'late',
      rules: [rule('much-later', [{ inactive_for: '18d' }], { action: 'late' })],
    } as any)
    await eventually(async () => {
      const found = (await decided('early')).filter(({ domain }) => domain === 'late')
      expect(found.map(({ trigger }) => trigger.inactive_for)).to.deep.equal(['18d'])
    }, 20_000)
    const { rows } = await volley.ledger.pool.query(
      `select date_part('epoch', at - now()) / 86400 as days from due where id = 'recent'`,
    )
    expect(rows.map(({ days }) => Math.round(days))).to.deep.equal([15])
    write({ domain: 'late', rules: [rule('never', [], { action: 'late' })] } as any)
    await eventually(async () => {
      const armed = await volley.ledger.pool.query(`select done from armed`)
      expect(armed.rows.every(({ done }) => !done.includes('inactive_for 18d'))).to.equal(true)
    }, 20_000)
    await volley.ledger.pool.query(
      `update due set at = date_trunc('milliseconds', now()) where id = 'recent'`,
    )
    await eventually(async () => {
      const left = await volley.ledger.pool.query(
        `select date_part('epoch', at - now()) / 86400 as days from due where id = 'recent'`,
      )
      // The rules of fourteen days are left.
      expect(left.rows.map(({ days }) => Math.round(days))).to.deep.equal([11])
    })
    expect((await decided('recent')).length).to.equal(0)
  })
})
