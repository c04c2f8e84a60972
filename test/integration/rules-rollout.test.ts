import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { showStatus } from '../../src/command/show-status.ts'
import { isInShare } from '../../src/documents/rollout.ts'
import { changePlan } from '../../src/ledger/endpoints/endpoints.ts'
import { stopVersion } from '../../src/ledger/rules/put-in-force.ts'
import { readStatus } from '../../src/ledger/status.ts'
import { createKey } from '../../src/ledger/tenants/keys.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'

const PATH = '/api/rules/recommendations/loyalty'
const USERS = Array.from({ length: 200 }, (_, n) => `user-${n}`)

const document = (badge: string, rollout?: Record<string, unknown>) => ({
  domain: 'loyalty',
  ...(rollout === undefined ? {} : { rollout }),
  rules: [
    {
      name: 'greet',
      on: ['custom.reward.redeemed'],
      when: true,
      action: 'unlock_badge',
      parameters: { badge },
      confidence: 0.9,
      may_overlap: true,
      reasoning: 'A rule of our own.',
    },
  ],
})

describe('a version of a document', () => {
  let volley: Installation
  let receiver: Receiver
  let second: string
  before(async () => {
    receiver = await new Receiver().start()
    volley = await Installation.start({ workers: 1 })
    await volley.actionType({ name: 'unlock_badge', delivery_webhook: receiver.url, estimated_cost_usd: 0.5 })
    second = (await createKey(volley.ledger, { tenant: 'acme', mode: 'live' })).key
  })
  after(async () => {
    await volley.stop()
    await receiver.stop()
  })

  const keep = async (badge: string, rollout?: Record<string, unknown>): Promise<number> => {
    const { body } = await volley.call('PUT', PATH, { document: document(badge, rollout) })
    expect(body.check.mistakes).to.deep.equal([])
    return body.version.version
  }
  const activate = (body: Record<string, unknown>, key?: string) =>
    volley.call('POST', `${PATH}/activate`, body, { key })
  const approve = (version: number, key?: string) =>
    volley.call('POST', `${PATH}/approve`, { version }, { key })
  const get = async () => (await volley.call('GET', PATH)).body
  const statesOf = async () => {
    const { versions } = await get()
    return Object.fromEntries(versions.map(({ version, state }: any) => [version, state]))
  }
  const badgeOf = async (user_id: string, domain = 'loyalty'): Promise<string | undefined> => {
    const { body } = await volley.call('POST', '/api/decisions/recommend', { user_id, domain })
    return body.recommendation?.parameters.badge
  }
  const badges = async () => Promise.all(USERS.map((user) => badgeOf(user)))
  const tell = (users: readonly string[]) =>
    volley.call('POST', '/api/external/events', {
      events: users.map((user_id) => ({ type: 'custom.reward.redeemed', user_id, data: {} })),
    })
  /** What a worker decides on an event of this user. */
  const badgeSent = async (user: string): Promise<string> => {
    await tell([user])
    return eventually(async () => {
      const { body } = await volley.call('GET', `/api/external/actions?user_id=${user}`)
      expect(body.actions).to.have.length(1)
      return body.actions[0].parameters.badge
      // Before the worker goes by the new version, nothing follows.
    }, 1_000)
  }
  /** The tenant's own id, as the share goes by it. */
  const tenant = async () => (await badgesAreKept()).tenant_id as string
  const badgesAreKept = async () => {
    const { rows } = await volley.ledger.pool.query(`select id as tenant_id from tenant where slug = 'acme'`)
    return rows[0]!
  }

  it('is in force for a share of users, who stay in it while it grows, and the others keep what they had', async () => {
    const first = await keep('first')
    await activate({ version: first })
    const next = await keep('next')
    const { body, status } = await activate({ version: next, share: 0.1 })
    expect([status, body.active, body.share]).to.deep.equal([200, next, 0.1])
    const few = await badges()
    const reached = USERS.filter((_, n) => few[n] === 'next')
    expect(reached.length).to.be.within(8, 35)
    expect(few.filter((badge) => badge === 'first').length).to.equal(USERS.length - reached.length)
    const about = { tenant: await tenant(), kind: 'recommendations', name: 'loyalty' }
    expect(reached).to.deep.equal(USERS.filter((user) => isInShare({ ...about, user }, 0.1)))
    expect(await statesOf()).to.deep.include({ [first]: 'active', [next]: 'partial' })
    await activate({ version: next, share: 0.5 })
    const more = await badges()
    expect(reached.filter((user) => more[USERS.indexOf(user)] !== 'next')).to.deep.equal([])
    expect(more.filter((badge) => badge === 'next').length).to.be.within(70, 130)
    const { in_force } = (await volley.call('GET', '/api/rules')).body
    expect(
      in_force
        .filter(({ kind }: any) => kind === 'recommendations')
        .map(({ source, share }: any) => [source, share]),
    ).to.deep.equal([
      [`own/recommendations/loyalty.json@${first}`, undefined],
      [`own/recommendations/loyalty.json@${next}`, 0.5],
    ])
    await activate({ version: next })
    expect(new Set(await badges())).to.deep.equal(new Set(['next']))
    expect(await statesOf()).to.deep.include({ [first]: 'retired', [next]: 'active' })
    const narrower = await activate({ version: next, share: 0.5 })
    expect([narrower.status, narrower.body.details[0].path]).to.deep.equal([400, '/share'])
  })

  it('decides in the worker for the same users', async () => {
    const last = await keep('last')
    await activate({ version: last, share: 0.3 })
    const about = { tenant: await tenant(), kind: 'recommendations', name: 'loyalty' }
    const expected = (user: string) => (isInShare({ ...about, user }, 0.3) ? 'last' : 'next')
    let probes = 0
    const someInShare = () => {
      for (;;) {
        const user = `probe-${++probes}`
        if (expected(user) === 'last') return user
      }
    }
    // Within two seconds the worker goes by it.
    await eventually(async () => expect(await badgeSent(someInShare())).to.equal('last'))
    const users = USERS.slice(0, 40)
    for (const user of users) expect(await badgeSent(user)).to.equal(expected(user))
    await activate({ version: null })
  })

  it('says before whom it would reach and at what cost, of a share too', async () => {
    const version = await keep('reach')
    await eventually(async () => {
      const { body } = await volley.call('GET', `${PATH}/reach?version=${version}`)
      expect(body.previewed.users).to.be.at.least(40)
      expect(body.previewed.estimated_cost_usd).to.equal(body.previewed.decisions * 0.5)
      const half = (await volley.call('GET', `${PATH}/reach?version=${version}&share=0.5`)).body
      const changed = body.examples.length + body.changed
      expect(changed).to.be.above(0)
      expect(half.gained + half.changed).to.be.below(body.gained + body.changed)
    })
    const mapping = await volley.call('PUT', '/api/rules/mappings/m', {
      document: { name: 'm', action: 'a', body: 1 },
    })
    expect(mapping.status).to.equal(201)
    expect((await volley.call('GET', '/api/rules/mappings/m/reach')).status).to.equal(404)
  })

  it('that costs more than is stated waits for another person, who is not the one that asked', async () => {
    const version = await keep('dear', { approval_above_usd: 1 })
    const asked = await activate({ version })
    expect([asked.status, asked.body.code]).to.deep.equal([409, 'approval_needed'])
    expect(asked.body.error).to.match(
      /would cost about \$\d+.* in 7 days, and more than \$1 needs a second person/,
    )
    expect(asked.body.details).to.include({ version, share: 1, approval_above_usd: 1 })
    expect(asked.body.details.estimated_cost_usd).to.be.above(1)
    expect((await statesOf())[version]).to.equal('waiting')
    expect(await badgeOf('u')).to.not.equal('dear')
    expect((await approve(version)).body.code).to.equal('second_person_needed')
    expect((await approve(version, volley.keys.test)).body.code).to.equal('live_key_needed')
    expect((await approve(version, volley.keys.other)).status).to.equal(404)
    expect((await approve(version, second)).body).to.deep.equal({ active: version, share: 1 })
    expect(await badgeOf('u')).to.equal('dear')
    const shown = (await get()).versions.find((each: any) => each.version === version)
    expect(shown).to.include({ state: 'active', waiting: null })
    expect(shown.approved_by).to.match(/^ak_/)
    expect((await approve(version, second)).body.code).to.equal('invalid_transition')
  })

  it('that was approved once comes back without a second person, and no cheaper share is a way around one', async () => {
    const before = await keep('free')
    // What is in force states the limit as well: a new version cannot lift it by itself.
    expect((await activate({ version: before })).body.code).to.equal('approval_needed')
    expect((await approve(before, second)).status).to.equal(200)
    const { versions } = await get()
    const dear = versions.find(
      ({ approved_by, version }: any) => approved_by !== null && version !== before,
    ).version
    expect((await activate({ version: dear })).status).to.equal(200)
    expect((await activate({ version: before })).status).to.equal(200)
    const next = await keep('crumbs', { approval_above_usd: 1 })
    expect((await activate({ version: next, share: 0.001 })).status).to.equal(200)
    const grown = await activate({ version: next, share: 1 })
    expect(grown.body.code).to.equal('approval_needed')
    const states = await statesOf()
    expect([states[next], states[before]]).to.deep.equal(['partial', 'active'])
    await activate({ version: null })
    expect((await approve(next, second)).body.code).to.equal('invalid_transition')
  })

  it('is stopped where what comes of it leaves its band, and the one before is in force again', async () => {
    const good = await keep('good')
    await activate({ version: good })
    receiver.answer = (_received, response) => void response.writeHead(500).end()
    await volley.actionType({
      name: 'fails_at_once',
      delivery_webhook: receiver.url,
      retry_policy: { delays: [] },
    })
    const bad = document('bad', { stop: { failed_above: 0.3, after: 5 } })
    bad.rules[0]!.action = 'fails_at_once'
    const { version } = (await volley.call('PUT', PATH, { document: bad })).body.version
    await activate({ version })
    const users = Array.from({ length: 20 }, (_, n) => `stopped-${n}`)
    // The worker goes by the version within two seconds.
    let probes = 0
    await eventually(async () => expect(await badgeSent(`first-${++probes}`)).to.equal('bad'))
    await tell(users)
    await eventually(async () => {
      expect((await statesOf())[version]).to.equal('stopped')
    }, 20_000)
    expect((await statesOf())[good]).to.equal('active')
    await eventually(async () => expect(await badgeOf('u')).to.equal('good'))
    const stopped = (await get()).versions.find((each: any) => each.version === version)
    expect(stopped.figures.why).to.match(/\d+ of \d+ actions failed, more than 30 %/)
    expect(stopped.figures.failed).to.be.at.least(5)
    expect(showStatus(await readStatus(volley.ledger.pool)).join('\n')).to.match(
      /! acme: version \d+ of recommendations\/loyalty was stopped .* ago: \d+ of \d+ actions failed, more than 30 %/,
    )
  }).timeout(40_000)
})

describe('a version of a tenant with a plan', () => {
  const rules = mkdtempSync(join(tmpdir(), 'volley-rules-'))
  let volley: Installation
  before(async () => {
    cpSync(new URL('../../rules', import.meta.url).pathname, rules, { recursive: true })
    const plans = JSON.parse(readFileSync(join(rules, 'plans.json'), 'utf8'))
    plans.plans.find(({ name }: any) => name === 'team').approval_above_usd = 0.4
    writeFileSync(join(rules, 'plans.json'), JSON.stringify(plans))
    volley = await Installation.start({ env: { VOLLEY_RULES: rules } })
    await volley.actionType({
      name: 'unlock_badge',
      delivery_webhook: 'http://127.0.0.1:9/',
      estimated_cost_usd: 0.5,
    })
    await volley.call('POST', '/api/external/events', {
      events: [{ type: 'custom.reward.redeemed', user_id: 'u', data: {} }],
    })
  })
  after(async () => {
    await volley.stop()
    rmSync(rules, { recursive: true })
  })
  const activate = (version: number, share = 1) => volley.call('POST', `${PATH}/activate`, { version, share })

  it('waits for a second person above what the plan states, whatever it says itself', async () => {
    await volley.call('PUT', PATH, { document: document('a', { approval_above_usd: 1_000 }) })
    expect(await changePlan(volley.ledger.pool, 'acme', 'team')).to.equal(true)
    const refused = await activate(1)
    expect([refused.status, refused.body.code]).to.deep.equal([409, 'approval_needed'])
    expect(refused.body.details).to.include({ approval_above_usd: 0.4, estimated_cost_usd: 0.5 })
    await changePlan(volley.ledger.pool, 'acme', null)
    expect((await activate(1)).status).to.equal(200)
  })

  it('that is stopped while it is in force for a share leaves everybody what the others have', async () => {
    await volley.call('PUT', PATH, { document: document('b') })
    expect((await activate(2, 0.5)).status).to.equal(200)
    const { rows } = await volley.ledger.pool.query(`select id from tenant where slug = 'acme'`)
    const key = { tenant: rows[0].id as string, kind: 'recommendations', name: 'loyalty' } as const
    expect(
      await stopVersion(volley.ledger.pool, key, { version: 2, figures: { why: 'for this test' } }),
    ).to.equal(1)
    const { versions } = (await volley.call('GET', PATH)).body
    expect(versions.map(({ version, state }: any) => [version, state])).to.deep.equal([
      [2, 'stopped'],
      [1, 'active'],
    ])
    // Two workers may have come to the same.
    expect(await stopVersion(volley.ledger.pool, key, { version: 2, figures: {} })).to.equal(undefined)
  })
})
