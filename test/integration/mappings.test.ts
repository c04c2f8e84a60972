import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'

const LEDGER = {
  name: 'ledger',
  action: 'grant_points',
  body: {
    member: { var: 'action.user_id' },
    points: { '*': [{ var: 'action.parameters.amount' }, 10] },
    reference: { var: 'action.id' },
  },
}
const GREETING = {
  name: 'greeting',
  action: 'greet',
  body: {
    to: { var: 'user.traits.email' },
    text: { cat: ['Hello ', { var: ['user.traits.first_name', 'you'] }] },
    since: { var: 'user.activity.custom_login.count' },
  },
}

describe('what is sent by a mapping', () => {
  let volley: Installation
  let receiver: Receiver
  let secret: string
  before(async () => {
    receiver = await new Receiver().start()
    volley = await Installation.start({ workers: 1 })
    const type = await volley.actionType({ delivery_webhook: receiver.url })
    secret = type.webhook_secret
    await volley.actionType({ name: 'greet', delivery_webhook: receiver.url })
  })
  after(async () => {
    await volley.stop()
    await receiver.stop()
  })
  beforeEach(() => {
    receiver.received.length = 0
  })

  const inForce = async (document: { name: string }) => {
    const path = `/api/rules/mappings/${document.name}`
    const kept = await volley.call('PUT', path, { document })
    expect(kept.body.check.mistakes).to.deep.equal([])
    const { status } = await volley.call('POST', `${path}/activate`, { version: kept.body.version.version })
    expect(status).to.equal(200)
  }
  const outOfForce = (name: string) =>
    volley.call('POST', `/api/rules/mappings/${name}/activate`, { version: null })
  const act = async (action_type: string, fields: Record<string, unknown> = {}, key?: string) => {
    const asked = { action_type, user_id: 'u1', parameters: {}, ...fields }
    const { body, status } = await volley.call('POST', '/api/external/actions', asked, { key })
    expect(status, JSON.stringify(body)).to.equal(201)
    return body.action.id as string
  }
  const sentOf = (id: string) =>
    eventually(() => {
      const found = receiver.received.find(({ headers }) => headers['x-retivo-action-id'] === id)
      expect(found).to.not.equal(undefined)
      return found!
    })
  const seen = async (id: string) =>
    (await volley.call('GET', `/api/external/actions/${id}`)).body as {
      action: { status: string; failure_reason: string | null }
      attempts: { error: string | null; message: string | null; http_status: number | null }[]
    }
  /** The worker goes by what is in force within two seconds. */
  const followed = async (action_type: string, isSo: (text: string) => boolean, fields = {}) =>
    eventually(async () => {
      const { text } = await sentOf(await act(action_type, fields))
      expect(isSo(text), text).to.equal(true)
    })

  it('has its body, signed as it is, and the headers of every dispatch', async () => {
    const before = await sentOf(await act('grant_points', { parameters: { amount: 5 } }))
    expect(before.body).to.include({ user_id: 'u1', action_type: 'grant_points' })
    await inForce(LEDGER)
    await followed('grant_points', (text) => text.includes('member'), { parameters: { amount: 5 } })
    const id = await act('grant_points', { parameters: { amount: 7 } })
    const sent = await sentOf(id)
    expect(JSON.parse(sent.text)).to.deep.equal({ member: 'u1', points: 70, reference: id })
    expect(receiver.isSignedBy(sent, secret)).to.equal(true)
    expect(sent.headers['webhook-id']).to.equal(id)
  })

  it('fails for good where it cannot be made, says where and why, and is not sent', async () => {
    await inForce(LEDGER)
    await followed('grant_points', (text) => text.includes('member'), { parameters: { amount: 5 } })
    receiver.received.length = 0
    const id = await act('grant_points', { parameters: { amount: 'many' } })
    await eventually(async () => {
      const { action, attempts } = await seen(id)
      expect(action).to.include({ status: 'failed', failure_reason: 'permanent' })
      expect(attempts).to.have.length(1)
      expect(attempts[0]).to.include({ error: 'mapping_failed', http_status: null })
      expect(attempts[0]!.message).to.match(
        /^own\/mappings\/ledger\.json@\d+: the body \/points is not a number: something it is computed from is missing/,
      )
    })
    expect(receiver.received).to.deep.equal([])
    await outOfForce('ledger')
    await followed('grant_points', (text) => text.includes('"user_id"'), { parameters: { amount: 5 } })
    await volley.call('POST', `/api/external/actions/${id}/retry`)
    expect((await sentOf(id)).body.parameters).to.deep.equal({ amount: 'many' })
  })

  it('says who the user is at the time of the attempt, also where two ids became one', async () => {
    await inForce(GREETING)
    await volley.call('PUT', '/api/users/u2', { traits: { email: 'a@example.com', first_name: 'Ada' } })
    await followed('greet', (text) => text.includes('Ada'), { user_id: 'u2' })
    await volley.call('PUT', '/api/users/u2', { traits: { first_name: 'Grace' } })
    await followed('greet', (text) => text.includes('Grace'), { user_id: 'u2' })
    const joined = { type: 'alias', previousId: 'visitor-2', userId: 'u2' }
    await volley.call('POST', '/api/connectors/segment', joined)
    await followed('greet', (text) => text.includes('Grace'), { user_id: 'visitor-2' })
    const nobody = await sentOf(await act('greet', { user_id: 'u-unknown' }))
    expect(JSON.parse(nobody.text)).to.deep.equal({ to: null, text: 'Hello you', since: null })
  })

  it('reads users together where many are greeted, and each hears of itself', async () => {
    await inForce(GREETING)
    const users = Array.from({ length: 60 }, (_, i) => `many-${i}`)
    for (const id of users) await volley.call('PUT', `/api/users/${id}`, { traits: { first_name: id } })
    await followed('greet', (text) => text.includes('many-59'), { user_id: 'many-59' })
    const ids = await Promise.all(users.map((user_id) => act('greet', { user_id })))
    for (const [index, id] of ids.entries())
      expect(JSON.parse((await sentOf(id)).text).text).to.equal(`Hello ${users[index]}`)
    const copies = receiver.received.map(({ headers }) => headers['x-retivo-action-id'])
    expect(new Set(copies).size).to.equal(copies.length)
  })

  it('holds for types with a limit too', async () => {
    await volley.actionType({ name: 'greet_slowly', delivery_webhook: receiver.url, max_in_flight: 1 })
    await inForce({ ...GREETING, name: 'slowly', action: 'greet_slowly' } as typeof GREETING)
    await volley.call('PUT', '/api/users/u2', { traits: { first_name: 'Grace' } })
    await followed(
      'greet_slowly',
      (text) => text === '{"to":"a@example.com","text":"Hello Grace","since":null}',
      {
        user_id: 'u2',
      },
    )
    const ids = await Promise.all(Array.from({ length: 5 }, () => act('greet_slowly', { user_id: 'u2' })))
    for (const id of ids) expect(JSON.parse((await sentOf(id)).text).text).to.equal('Hello Grace')
  })

  const tried = (name: string, body: unknown) => volley.call('POST', `/api/rules/mappings/${name}/try`, body)

  it('is shown before it is sent, of an action that is there or of given facts', async () => {
    await inForce(GREETING)
    await volley.call('PUT', '/api/users/u3', { traits: { first_name: 'Alan' } })
    const id = await act('greet', { user_id: 'u3' })
    await eventually(async () =>
      expect((await tried('greeting', { action_id: id })).body.body).to.include({ text: 'Hello Alan' }),
    )
    const given = { action: { id: 'ea_1', user_id: 'u9', parameters: { amount: 4 } } }
    expect((await tried('ledger', { given, version: 1 })).body).to.deep.equal({
      source: 'own/mappings/ledger.json@1',
      action: 'grant_points',
      body: { member: 'u9', points: 40, reference: 'ea_1' },
    })
    const file = await tried('points-ledger', { given })
    expect(file.body).to.deep.include({ source: 'rules/mappings/points-ledger.json' })
    const failed = await tried('ledger', { given: { action: {} }, version: 1 })
    expect([failed.status, failed.body.code]).to.deep.equal([422, 'rule_failed'])
    expect(failed.body.details[0].message).to.match(/the body \/points is not a number/)
  })

  it('is shown of nothing that is not there, and asked for with one of the two', async () => {
    expect((await tried('magic', { given: { action: {} } })).body.error).to.match(
      /No mapping in force is called magic/,
    )
    expect((await tried('ledger', { given: { action: {} }, version: 99 })).status).to.equal(404)
    expect((await tried('points-ledger', { action_id: 'ea_1' })).body.code).to.equal('not_found')
    expect((await tried('points-ledger', {})).body.details[0].message).to.match(
      /either "action_id" or "given"/,
    )
  })

  it('is not made of what a test key asked for, which is never sent', async () => {
    await inForce(LEDGER)
    const id = await act('grant_points', { parameters: { amount: 'many' } }, volley.keys.test)
    await sentOf(await act('greet', { user_id: 'u2' }))
    expect(receiver.received.some(({ headers }) => headers['x-retivo-action-id'] === id)).to.equal(false)
    const { body } = await volley.call('GET', `/api/external/actions/${id}`, undefined, {
      key: volley.keys.test,
    })
    expect(body.attempts).to.deep.equal([])
  })
})
