import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { linesOfEvaluation } from '../../src/command/decisions-evaluate.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'
import { temporaryHome } from '../support/servers.ts'

const rule = (name: string, confidence: number) => ({
  name,
  on: ['custom.asked'],
  when: true,
  action: name,
  confidence,
  reasoning: `Because of ${name}`,
  may_overlap: true,
})
const OFFERS = {
  domain: 'offers',
  learning: { strategy: 'thompson' },
  rules: [rule('gift', 0.5), rule('badge', 0.5)],
}
const USERS = 60

describe('volley decisions evaluate', () => {
  let volley: Installation
  let receiver: Receiver
  let home: string
  const evaluate = (fields: object) =>
    linesOfEvaluation(volley.ledger.pool, home, { tenant: 'acme', domain: 'offers', since: '1d', ...fields })

  before(async () => {
    home = temporaryHome()
    mkdirSync(join(home, 'recommendations'))
    writeFileSync(join(home, 'recommendations', 'offers.json'), JSON.stringify(OFFERS))
    receiver = await new Receiver().start()
    volley = await Installation.start({ workers: 1, env: { VOLLEY_RULES: home } })
    for (const name of ['gift', 'badge']) await volley.actionType({ name, delivery_webhook: receiver.url })
    const events = Array.from({ length: USERS }, (_, n) => ({
      type: 'custom.asked',
      user_id: `u${n}`,
      data: {},
    }))
    await volley.call('POST', '/api/external/events', { events })
    const actions = await eventually(async () => {
      const { rows } = await volley.ledger.pool.query('select id, origin from action')
      expect(rows).to.have.length(USERS)
      return rows as { id: string; origin: string }[]
    })
    // Whoever gets a gift is pleased, and nobody else.
    for (const { id, origin } of actions.slice(1)) {
      const status = origin === 'rule:offers/gift' ? 'completed' : 'ignored'
      await volley.call('POST', `/api/external/actions/${id}/outcome`, { status })
    }
  })
  after(async () => {
    await volley.stop()
    await receiver.stop()
  })

  it('tells from recorded decisions that another strategy would have been worth more', async () => {
    const { decisions, logged, snips, effective_decisions, unseen_share } = JSON.parse(
      (await evaluate({ strategy: 'best', json: true })).join('\n'),
    )
    expect(decisions).to.deep.include({ compared: USERS - 1, open: 1 })
    expect(snips.mean).to.be.above(logged.mean)
    expect(effective_decisions).to.be.within(10, USERS)
    expect(unseen_share).to.equal(0)
  })

  it('says of another document what is not known of it, and that there is too little', async () => {
    const file = join(home, 'other.json')
    const call = { ...rule('call', 0.9), action: 'call' }
    writeFileSync(file, JSON.stringify({ ...OFFERS, rules: [call, rule('gift', 0.5)] }))
    const text = (await evaluate({ document: file })).join('\n')
    expect(text).to.match(/call +\d/)
    expect(text).to.include('of its picks were never made')
    expect(text).to.include('Too few')
  })

  it('refuses what it cannot compare, saying what was expected', async () => {
    const refused = async (fields: object): Promise<string> => {
      try {
        await evaluate(fields)
      } catch (error) {
        return (error as Error).message
      }
      return 'nothing was refused'
    }
    expect(await refused({})).to.include('expected --document <file> or --strategy <name>')
    expect(await refused({ strategy: 'best', since: 'long' })).to.include('--since long: expected a duration')
    expect(await refused({ strategy: 'best', tenant: 'nobody' })).to.include('No tenant is called nobody')
    expect(await refused({ strategy: 'best', domain: 'ofers' })).to.match(
      /^--domain ofers: acme has no decision of the last 1d in it, .*; did you mean "offers"\?$/,
    )
    const file = join(home, 'recommendations', 'offers.json')
    expect(await refused({ document: file, domain: 'offer' })).to.include('did you mean "offers"')
  })
})
