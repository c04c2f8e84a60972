import { expect } from 'chai'
import { createOperatorKey, listKeys, revokeKey } from '../../src/ledger/tenants/keys.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'

describe('the API of operators', () => {
  let volley: Installation
  let receiver: Receiver
  let operator: { id: string; key: string }
  before(async () => {
    receiver = await new Receiver().start()
    volley = await Installation.start({ workers: 1 })
    operator = await createOperatorKey(volley.ledger, { label: 'night shift' })
    await volley.actionType({ name: 'kept', delivery_webhook: receiver.url })
  })
  after(async () => {
    await volley.stop()
    await receiver.stop()
  })

  const ask = (method: string, path: string, body?: unknown, key = operator.key) =>
    volley.call(method, `/api/operators${path}`, body, { key })
  const post = async (): Promise<string> =>
    (await volley.call('POST', '/api/external/actions', { action_type: 'kept', user_id: 'u' })).body.action.id
  const statusOf = async (id: string) =>
    (await volley.call('GET', `/api/external/actions/${id}`)).body.action.status
  const sent = (id: string) => receiver.ids.filter((each) => each === id).length

  /** An action about which deciding threw, as a turn leaves it. */
  async function failedInside(letter: string): Promise<string> {
    const id = await post()
    await eventually(async () => expect(await statusOf(id)).to.equal('dispatched'))
    await volley.ledger.pool.query(
      `with a as (update action set status = 'failed', failure_reason = 'internal', deadline = null where id = $1 returning *),
            t as (delete from timer where id = $1)
       insert into dead_letter (id, p, action_id, reason, error) select $2, p, id, 'internal', 'it threw' from a`,
      [id, letter],
    )
    return id
  }

  describe('keys', () => {
    it('begin with op_live_, are stored as a hash alone, and belong to no tenant', async () => {
      expect(operator.key).to.match(/^op_live_[\w-]{43}$/)
      const { rows } = await volley.ledger.pool.query(
        'select tenant, hash, row_to_json(k)::text as row from api_key k where id = $1',
        [operator.id],
      )
      expect(rows[0].tenant).to.equal(null)
      expect(rows[0].hash).to.have.length(32)
      expect(rows[0].row).to.not.include(operator.key.slice(14))
      const [listed] = await listKeys(volley.ledger, null)
      expect(listed).to.deep.include({ id: operator.id, mode: 'operator', label: 'night shift' })
      expect((await listKeys(volley.ledger, 'acme')).map(({ mode }) => mode)).to.have.members([
        'live',
        'test',
      ])
    })

    it('of a tenant open no path of operators, nor the other way round, and no key opens neither', async () => {
      const wrong = await ask('GET', '/status', undefined, volley.keys.live)
      expect([wrong.status, wrong.body.code]).to.deep.equal([403, 'operator_key_needed'])
      const other = await volley.call('GET', '/api/external/actions', undefined, { key: operator.key })
      expect([other.status, other.body.code]).to.deep.equal([403, 'tenant_key_needed'])
      for (const key of ['', `op_live_${'x'.repeat(43)}`])
        expect((await ask('GET', '/status', undefined, key)).status).to.equal(401)
    })

    it('work no longer once they are revoked', async () => {
      const { id, key } = await createOperatorKey(volley.ledger)
      expect(await revokeKey(volley.ledger, id)).to.equal(true)
      expect((await ask('GET', '/status', undefined, key)).status).to.equal(401)
    })
  })

  describe('dead letters', () => {
    it('are listed newest first by reason, tenant and page', async () => {
      for (const [id, reason] of [
        ['dl_list1', 'internal'],
        ['dl_list2', 'poison'],
        ['dl_list3', 'poison'],
      ])
        await volley.ledger.pool.query(
          `insert into dead_letter (id, p, reason, error, body)
           select $1, 0, $2, 'why', json_build_object('event', json_build_object('id', 'ev_1', 'tenant', id)) from tenant where slug = 'acme'`,
          [id, reason],
        )
      const ids = async (query: string) => {
        const { body } = await ask('GET', `/dead-letters?${query}`)
        return [body.dead_letters.map(({ id }: { id: string }) => id), body.next_cursor]
      }
      expect(await ids('reason=poison')).to.deep.equal([['dl_list3', 'dl_list2'], null])
      expect(await ids('tenant=other')).to.deep.equal([[], null])
      expect(await ids('tenant=acme&limit=2')).to.deep.equal([['dl_list3', 'dl_list2'], 'dl_list2'])
      expect(await ids('tenant=acme&limit=2&cursor=dl_list2')).to.deep.equal([['dl_list1'], null])
      const { body } = await ask('GET', '/dead-letters/dl_list1')
      expect(body.dead_letter).to.include({ tenant: 'acme', error: 'why', resolution: null })
      expect((await ask('GET', '/dead-letters?reason=other')).body.code).to.equal('invalid_query')
    })

    it('are retried by sending the action again, once, with who did it', async () => {
      const id = await failedInside('dl_retry')
      const { status, body } = await ask('POST', '/dead-letters/dl_retry/retry')
      expect(status).to.equal(200)
      expect(body.dead_letter).to.include({
        resolution: 'retried',
        resolved_by: `${operator.id} (night shift)`,
      })
      await eventually(async () => expect([sent(id), await statusOf(id)]).to.deep.equal([2, 'dispatched']))
      const again = await ask('POST', '/dead-letters/dl_retry/retry')
      expect([again.status, again.body.code]).to.deep.equal([409, 'letter_resolved'])
    })

    it('retried twice at once force one retry', async () => {
      const id = await failedInside('dl_twice')
      const answers = await Promise.all([1, 2, 3].map(() => ask('POST', '/dead-letters/dl_twice/retry')))
      expect(answers.map(({ status }) => status).sort()).to.deep.equal([200, 409, 409])
      await eventually(() => expect(sent(id)).to.equal(2))
    })

    it('stay open where the action allows no retry, and the answer says why', async () => {
      const id = await failedInside('dl_refused')
      await volley.call('POST', `/api/external/actions/${id}/outcome`, { status: 'completed' })
      const refused = await ask('POST', '/dead-letters/dl_refused/retry')
      expect([refused.status, refused.body.code]).to.deep.equal([409, 'invalid_transition'])
      expect(refused.body.error).to.include('has an outcome')
      const { body } = await ask('DELETE', '/dead-letters/dl_refused')
      expect(body.dead_letter.resolution).to.equal('dropped')
    })

    it('that were resolved are kept, and listed where they are asked for', async () => {
      const ids = async (query: string) =>
        (await ask('GET', `/dead-letters${query}`)).body.dead_letters.map(({ id }: { id: string }) => id)
      expect(await ids('')).to.not.include('dl_refused')
      expect(await ids('?resolved=true')).to.include('dl_refused')
    })

    it('that do not exist answer 404 to everything', async () => {
      for (const [method, path] of [
        ['GET', '/dead-letters/dl_none'],
        ['DELETE', '/dead-letters/dl_none'],
        ['POST', '/dead-letters/dl_none/retry'],
      ])
        expect((await ask(method!, path!)).body.code).to.equal('not_found')
    })
  })

  describe('tenants', () => {
    it('are stopped and started again', async () => {
      const { body } = await ask('PUT', '/tenants/acme/sending', { sending: 'paused', reason: 'a drill' })
      expect(body).to.include({ sending: 'paused', reason: 'a drill' })
      expect((await ask('GET', '/tenants?sending=paused')).body.tenants).to.have.length(1)
      const status = (await ask('GET', '/status')).body
      expect(status.not_sending).to.deep.equal([{ tenant: 'acme', sending: 'paused', reason: 'a drill' }])
      await ask('PUT', '/tenants/acme/sending', { sending: 'on' })
      expect((await ask('GET', '/tenants/acme/sending')).body).to.include({ sending: 'on', reason: null })
    })

    it('that an operator stopped cannot start by themselves', async () => {
      const own = (sending: string) => volley.call('PUT', '/api/sending', { sending })
      await ask('PUT', '/tenants/acme/sending', { sending: 'paused' })
      const refused = await own('on')
      expect([refused.status, refused.body.code]).to.deep.equal([403, 'sending_held'])
      expect((await ask('GET', '/tenants/acme/sending')).body.sending).to.equal('paused')
      await ask('PUT', '/tenants/acme/sending', { sending: 'on' })
      expect((await own('paused')).status).to.equal(200)
      expect((await own('on')).body.sending).to.equal('on')
    })

    it('get a limit of their own for their backlog, and lose it', async () => {
      const { body } = await ask('PUT', '/tenants/acme/backlog', { max: 7 })
      expect(body).to.deep.equal({ waiting: 0, limit: 7, max: 7 })
      expect((await ask('GET', '/tenants/acme/backlog')).body.max).to.equal(7)
      expect((await ask('PUT', '/tenants/acme/backlog', { max: 0 })).body.code).to.equal('invalid_body')
      expect((await ask('PUT', '/tenants/acme/backlog', { max: null })).body.limit).to.equal(1_000_000)
    })

    it('are listed by name in pages, and answer 404 where there is none', async () => {
      const first = (await ask('GET', '/tenants?limit=1')).body
      expect([first.tenants[0].tenant, first.next_cursor]).to.deep.equal(['acme', 'acme'])
      const second = (await ask('GET', '/tenants?limit=1&cursor=acme')).body
      expect([second.tenants[0].tenant, second.next_cursor]).to.deep.equal(['other', null])
      for (const path of ['/tenants/nobody/sending', '/tenants/nobody/backlog'])
        expect((await ask('GET', path)).body.code).to.equal('not_found')
    })
  })

  it('shows who works and what waits', async () => {
    const { body } = await ask('GET', '/status')
    expect(body.workers).to.have.length(1)
    expect(body.workers[0].partitions).to.equal(64)
    expect(body.partitions).to.include({ all: 64, free: 0 })
    expect(body).to.include({ is_more_waiting: false, is_more_sleeping: false })
  })
})
