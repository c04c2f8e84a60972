import { join } from 'node:path'
import { expect } from 'chai'
import { linesOfTrial } from '../../src/command/trial.ts'
import { Installation } from '../support/installation.ts'

const WHEN = { and: [{ '>=': [{ var: 'context.days' }, 7] }, { '==': [{ var: 'user.traits.plan' }, 'pro'] }] }
const rule = (name: string, fields: Record<string, unknown> = {}) => ({
  name,
  action: name,
  on: ['custom.asked'],
  when: WHEN,
  confidence: 0.5,
  reasoning: `Because of ${name}`,
  ...fields,
})
const LEARN = {
  domain: 'learn',
  rules: [
    rule('gift', { parameters: { days: { var: 'context.days' } } }),
    rule('mail', { on: ['custom.mailed'], when: true, confidence: 0.1 }),
    rule('broken', { when: { round: [1, { var: 'user.id' }] } }),
  ],
}

describe("trying a tenant's own rules", () => {
  let volley: Installation
  const path = '/api/rules/recommendations/learn'
  before(async () => {
    volley = await Installation.start({ workers: 1 })
    const kept = await volley.call('PUT', path, { document: LEARN })
    expect(kept.body.check.mistakes).to.deep.equal([])
    await volley.call('PUT', '/api/users/u1', { traits: { plan: 'pro' } })
  })
  after(() => volley.stop())
  const attempt = (body: Record<string, unknown>) =>
    volley.call('POST', `${path}/try`, { user_id: 'u1', ...body })

  it('says of each rule what it says and why, of a kept version and of the one in force, and records nothing', async () => {
    expect((await attempt({})).status).to.equal(404)
    const asked = { context: { days: 3 }, event: { type: 'custom.asked' } }
    const { status, body } = await attempt({ ...asked, version: 1 })
    expect([status, body.source]).to.deep.equal([200, 'own/recommendations/learn.json@1'])
    expect(body.recommendation).to.equal(null)
    expect(body.rules.map(({ said }: { said: string }) => said)).to.deep.equal([
      'does_not_apply',
      'not_asked',
      'error',
    ])
    expect(body.rules[0].why).to.deep.equal([
      { part: WHEN.and[0], came: 'false', facts: { 'context.days': 3 } },
      { part: WHEN.and[1], came: 'true', facts: { 'user.traits.plan': 'pro' } },
    ])
    await volley.call('POST', `${path}/activate`, { version: 1 })
    const found = await attempt({ context: { days: 9 } })
    expect(found.body.recommendation).to.deep.include({ rule: 'gift', parameters: { days: 9 } })
    expect(found.body.alternatives[0].rule).to.equal('mail')
    const { rows } = await volley.ledger.pool.query('select id from decision union all select id from action')
    expect(rows).to.deep.equal([])
  })

  it('shows them in a terminal where a tenant is named, and the files beneath', async () => {
    const rules = join(import.meta.dirname, '..', '..', 'rules')
    const shown = async (domain: string) => {
      const options = { user: 'u1', tenant: 'acme', domain, context: '{"days": 9}' }
      return (await linesOfTrial(rules, options, (use) => use(volley.ledger))).join('\n')
    }
    await volley.call('POST', `${path}/activate`, { version: 1 })
    expect(await shown('learn')).to.match(/^learn \(own\/recommendations\/learn\.json@1\): gift wins/)
    expect(await shown('loyalty')).to.match(/^loyalty /)
  })

  it('refuses what is not there, and an event beside a trigger', async () => {
    expect((await attempt({ version: 9 })).status).to.equal(404)
    const both = await attempt({ event: { type: 'custom.asked' }, trigger: { inactive_for: '14d' } })
    expect(both.body.details[0].path).to.equal('/trigger')
  })
})
