import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { isHeldOut } from '../../actors/tenant.ts'
import { recordedDecisions } from '../../src/ledger/decisions/recorded-decisions.ts'
import { freePort } from '../../src/local/ports.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'
import { temporaryHome } from '../support/servers.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

const rule = (name: string, fields: Record<string, unknown> = {}) => ({
  name,
  on: ['custom.asked'],
  when: true,
  action: name,
  confidence: 0.5,
  reasoning: `Because of ${name}`,
  may_overlap: true,
  ...fields,
})

const OFFERS = {
  domain: 'offers',
  learning: { segment: { var: 'user.traits.plan' } },
  rules: [
    rule('gift', { parameters: { amount: 5 }, confidence: 0.6 }),
    rule('badge', { confidence: 0.3 }),
    rule('never', { when: false }),
    rule('broken', { when: { round: [1, { var: 'user.id' }] } }),
    rule('wrong', { parameters: { amount: 'many' } }),
  ],
}
const HELD = { domain: 'held', holdout: 0.5, rules: [rule('gift', { on: ['custom.held'] })] }

describe('decisions over the API', () => {
  let volley: Installation
  let receiver: Receiver

  before(async () => {
    const home = temporaryHome()
    mkdirSync(join(home, 'recommendations'))
    for (const document of [OFFERS, HELD])
      writeFileSync(join(home, 'recommendations', `${document.domain}.json`), JSON.stringify(document))
    receiver = await new Receiver().start()
    volley = await Installation.start({ workers: 1, env: { VOLLEY_RULES: home } })
    for (const name of ['gift', 'badge', 'never', 'broken', 'wrong']) {
      const amount = name === 'wrong' ? { amount: { type: 'integer' } } : {}
      await volley.actionType({
        name,
        delivery_webhook: receiver.url,
        parameters_schema: { type: 'object', properties: amount },
      })
    }
  })
  after(async () => {
    await volley.stop()
    await receiver.stop()
  })

  const happened = (user_id: string, type = 'custom.asked', data = {}) =>
    volley.call('POST', '/api/external/events', { events: [{ type, user_id, data }] })
  const recommend = (user_id: string, fields: Record<string, unknown> = {}, key = volley.keys.live) =>
    volley.call('POST', '/api/decisions/recommend', { user_id, domain: 'offers', ...fields }, { key })
  const list = async (query: string, key = volley.keys.live) =>
    (await volley.call('GET', `/api/decisions?${query}`, undefined, { key })).body
  const get = async (id: string, key = volley.keys.live) =>
    volley.call('GET', `/api/decisions/${id}`, undefined, { key })

  /** A user who is held out of the domain `held`. */
  const heldOut = async (name: string) => {
    const { rows } = await volley.ledger.pool.query(`select id from tenant where slug = 'acme'`)
    const about = { tenant: rows[0].id, domain: 'held', share: 0.5 }
    const names = Array.from({ length: 64 }, (_, n) => `${name}-${n}`)
    return names.find((userId) => isHeldOut({ ...about, userId }))!
  }

  /** The only decision about a user, once there is one. */
  const onlyOf = (user: string) =>
    eventually(async () => {
      const { decisions } = await list(`user_id=${user}`)
      expect(decisions).to.have.length(1)
      return (await get(decisions[0].id)).body.decision
    })

  it('show all that one went by, and what came of it', async () => {
    await volley.call('PUT', '/api/users/all', { traits: { plan: 'pro' } })
    await happened('all', 'custom.asked', { from: 'shop' })
    const made = await onlyOf('all')
    expect(made.document).to.deep.include({ file: 'rules/recommendations/offers.json', version: null })
    expect(made.inputs.digest).to.match(/^[0-9a-f]{64}$/)
    expect(made.inputs.data.user.traits).to.deep.equal({ plan: 'pro' })
    expect(made.inputs.data.event.data).to.deep.equal({ from: 'shop' })
    expect(made).to.deep.include({ segment: 'pro', strategy: 'thompson', sent: true, holdout: false })
    expect(made.event).to.deep.equal({ id: made.event_id, type: 'custom.asked' })
    const [first, second] = made.candidates
    expect([first.rule, second.rule]).to.have.members(['gift', 'badge'])
    expect(made.pick).to.equal(first.rule)
    expect(first.propensity + second.propensity).to.be.closeTo(1, 1e-6)
    const gift = made.candidates.find(({ rule: name }: any) => name === 'gift')
    expect(gift).to.deep.include({ prior: 0.6, parameters: { amount: 5 }, reasoning: 'Because of gift' })
    expect(gift.confidence).to.be.closeTo(0.6, 0.05)
    const said = Object.fromEntries(made.rules.map((each: any) => [each.rule, each]))
    expect(said.never.said).to.equal('does_not_apply')
    expect(said.broken).to.deep.include({ said: 'error' })
    expect(said.broken.error).to.be.a('string').that.is.not.empty
    expect(said.wrong.said).to.equal('invalid_parameters')
    expect(said.wrong.mistakes[0].path).to.equal('/amount')

    await eventually(async () =>
      expect((await get(made.id)).body.decision.action.status).to.equal('dispatched'),
    )
    await volley.call('POST', `/api/external/actions/${made.action_id}/outcome`, {
      status: 'partial',
      result: { n: 1 },
    })
    const { decision } = (await get(made.id)).body
    expect(decision.action).to.deep.include({ id: made.action_id, status: 'completed', attempts: 1 })
    expect(decision.action.attempts_made[0]).to.include({ attempt: 1, http_status: 200 })
    expect(decision.outcome).to.deep.include({ status: 'partial', result: { n: 1 } })
  })

  it('are listed by user, domain, rule, time and what became of them, page by page', async () => {
    const before = new Date().toISOString()
    const lister = await heldOut('lister')
    for (let n = 0; n < 5; n++) await happened(lister)
    await happened(lister, 'custom.held')
    const all = await eventually(async () => {
      const { decisions, next_cursor } = await list(`user_id=${lister}`)
      expect(decisions).to.have.length(6)
      expect(next_cursor).to.equal(null)
      return decisions as any[]
    })
    const ids = (decisions: any[]) => decisions.map(({ id }) => id)
    expect(ids(all)).to.deep.equal(ids(all).sort().reverse())
    for (const user of ['', `&user_id=${lister}`]) {
      const found: string[] = []
      let cursor: string | null = ''
      while (cursor !== null) {
        const page: any = await list(
          `limit=2&since=${before}${user}${cursor === '' ? '' : `&cursor=${cursor}`}`,
        )
        found.push(...ids(page.decisions))
        cursor = page.next_cursor
      }
      expect(found).to.deep.equal(ids(all))
    }
    const held = (await list(`since=${before}&holdout=true`)).decisions
    expect(held).to.have.length(1)
    expect(held[0]).to.deep.include({ domain: 'held', rule: 'gift', sent: false, action_id: null })
    expect(ids((await list(`since=${before}&domain=held`)).decisions)).to.deep.equal(ids(held))
    expect((await list(`since=${before}&sent=true`)).decisions).to.have.length(5)
    const gifts = (await list(`since=${before}&domain=offers&rule=gift`)).decisions
    expect(ids(gifts)).to.deep.equal(
      ids(all.filter(({ domain, rule: name }) => domain === 'offers' && name === 'gift')),
    )
    expect((await list('', volley.keys.other)).decisions).to.deep.equal([])
    for (const [query, path] of [
      ['since=2026-02-30T00:00:00Z', '/since'],
      ['cursor=de_1', '/cursor'],
      ['rules=gift', '/rules'],
    ])
      expect((await volley.call('GET', `/api/decisions?${query}`)).body.details[0].path).to.equal(path)
  })

  it('that recommend answered are there although its process is killed by then', async () => {
    const { databaseUrl, redisUrl, rulesDir } = volley.config
    const port = await freePort()
    const child = spawn(process.execPath, [MAIN, 'web'], {
      env: {
        PATH: process.env.PATH,
        DATABASE_URL: databaseUrl!,
        REDIS_URL: redisUrl!,
        VOLLEY_RULES: rulesDir,
        VOLLEY_SECRET_KEY: 'ab'.repeat(32),
        HOST: '127.0.0.1',
        PORT: String(port),
        LOG_LEVEL: 'info',
      },
    })
    const exited = once(child, 'exit')
    try {
      let log = ''
      for (const output of [child.stdout, child.stderr])
        output.on('data', (chunk) => {
          log += chunk
        })
      await eventually(() => expect(log).to.include('"msg":"started"'))
      const ask = async (user_id: string) => {
        const answer = await fetch(`http://127.0.0.1:${port}/api/decisions/recommend`, {
          method: 'POST',
          headers: { authorization: `Bearer ${volley.keys.live}`, 'content-type': 'application/json' },
          body: JSON.stringify({ user_id, domain: 'offers' }),
        })
        return ((await answer.json()) as { decision_id: string }).decision_id
      }
      const answered: string[] = []
      const asking = Array.from({ length: 8 }, async (_, client) => {
        for (let n = 0; ; n++) {
          answered.push(await ask(`killed-${client}-${n}`))
          if (answered.length === 100) child.kill('SIGKILL')
        }
      })
      await Promise.allSettled(asking)
      expect(answered.length).to.be.at.least(100)
      const found = await Promise.all(answered.map((id) => get(id)))
      expect(found.filter(({ status }) => status !== 200)).to.deep.equal([])
    } finally {
      child.kill('SIGKILL')
      await exited
    }
  })

  it('offer nothing to whoever is held out, and say so', async () => {
    const { body } = await recommend(await heldOut('anybody'), { domain: 'held' })
    expect(body).to.deep.include({ recommendation: null, alternatives: [] })
    expect(body.reasons[0]).to.match(/^holdout/)
    const { decision } = (await get(body.decision_id)).body
    expect(decision).to.deep.include({ pick: 'gift', holdout: true, sent: false, reason: 'holdout' })
  })

  it('keep the digest of what is too large to keep, and name what was cut', async () => {
    const long = 'x'.repeat(60_000)
    await volley.call('PUT', '/api/users/large', { traits: { plan: 'pro', long } })
    await eventually(async () => {
      const { body } = await recommend('large', { context: { mood: 'good' } })
      const { rows } = await volley.ledger.pool.query(
        'select length(body::text) as n from decision where id = $1',
        [body.decision_id],
      )
      const { inputs, segment } = (await get(body.decision_id)).body.decision
      expect(inputs.cut).to.deep.equal(['/user/traits'])
      expect(inputs.data.context).to.deep.equal({ mood: 'good' })
      expect(segment).to.equal('pro')
      expect(rows[0].n).to.be.below(20_000)
    })
  })

  it('are read with what came of them by whoever evaluates', async () => {
    await happened('evaluated')
    const made = await onlyOf('evaluated')
    await volley.call('POST', `/api/external/actions/${made.action_id}/outcome`, { status: 'ignored' })
    const { body } = await recommend('evaluated')
    await recommend('evaluated', {}, volley.keys.test)
    const { rows } = await volley.ledger.pool.query(`select tenant from decision where id = $1`, [made.id])
    const asked = { tenant: rows[0].tenant, domain: 'offers', since: 0, until: Date.now() + 60_000 }
    const found = []
    for await (const each of recordedDecisions(volley.ledger.pool, asked))
      if (each.userId === 'evaluated') found.push(each)
    expect(found.map(({ id }) => id)).to.deep.equal([made.id, body.decision_id])
    expect(found[0]!.outcome).to.deep.equal({ status: 'ignored', result: null })
    expect(found[0]!.body.candidates).to.have.length(2)
    expect(found[1]!.outcome).to.equal(null)
  })
})
