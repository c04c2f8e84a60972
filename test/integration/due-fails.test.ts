import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { retryLetter } from '../../src/ledger/actions/resolve-letters.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { type ArmingBound, armSome } from '../../src/ledger/people/armed.ts'
import { readDue } from '../../src/ledger/people/due.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'
import { temporaryHome, testDatabase } from '../support/servers.ts'

const DAY = 86_400_000
const TENANTS = [1, 2].map((n) => `00000000-0000-0000-0000-00000000000${n}`)

describe('a look at somebody that Postgres refuses to store', () => {
  let volley: Installation
  let receiver: Receiver

  before(async () => {
    const home = temporaryHome()
    mkdirSync(join(home, 'recommendations'))
    const rule = {
      name: 'r',
      on: [{ inactive_for: '14d' }],
      when: true,
      action: 'gift',
      confidence: 1,
      reasoning: 'x',
    }
    writeFileSync(join(home, 'recommendations', 'd.json'), JSON.stringify({ domain: 'd', rules: [rule] }))
    receiver = await new Receiver().start()
    volley = await Installation.start({ workers: 1, env: { VOLLEY_RULES: home } })
    await volley.actionType({ name: 'gift', delivery_webhook: receiver.url })
    await volley.ledger.pool.query(`
      create function refuse_decision() returns trigger language plpgsql as $f$ begin
        if new.user_id = 'poison' then raise exception 'this decision is poison' using errcode = '22021'; end if;
        return new;
      end $f$;
      create trigger refuse_decision before insert on decision for each row execute function refuse_decision();`)
  })
  after(async () => {
    await volley.stop()
    await receiver.stop()
  })

  it('becomes a dead letter, once, and the others of its turn are decided for', async () => {
    const users = ['a', 'poison', 'b']
    const timestamp = new Date(Date.now() - 14 * DAY + 1_500).toISOString()
    await volley.call('POST', '/api/external/events', {
      events: users.map((user_id) => ({ type: 'custom.seen', user_id, timestamp })),
    })
    const { pool } = volley.ledger
    await eventually(async () => {
      const { rows } = await pool.query('select user_id from decision order by 1')
      expect(rows.map(({ user_id }) => user_id)).to.deep.equal(['a', 'b'])
    })
    const letters = async () =>
      (await pool.query('select id, reason, error, body from dead_letter')).rows as any[]
    const [letter] = await eventually(async () => {
      const found = await letters()
      expect(found.map(({ reason, body }) => [reason, body.due.user_id])).to.deep.equal([
        ['poison', 'poison'],
      ])
      return found
    })
    // Another silence of somebody else: the one before is not looked at any more.
    await volley.call('POST', '/api/external/events', {
      events: [
        { type: 'custom.seen', user_id: 'c', timestamp: new Date(Date.now() - 14 * DAY + 500).toISOString() },
      ],
    })
    await eventually(async () =>
      expect((await pool.query(`select from decision where user_id = 'c'`)).rowCount).to.equal(1),
    )
    expect(await letters()).to.have.length(1)
    expect((await pool.query('select from due')).rowCount).to.equal(0)
    const refusal = await retryLetter(pool, letter.id, 'a test').catch((error) => error.code)
    expect(refusal).to.equal('invalid_transition')
  })
})

describe('who is due', () => {
  let database: Awaited<ReturnType<typeof testDatabase>>
  let ledger: Ledger

  beforeEach(async () => {
    database = await testDatabase()
    ledger = await Ledger.open({ databaseUrl: database.url, poolMax: 2 })
  })
  afterEach(async () => {
    await ledger.close()
    await database.drop()
  })

  const query = async (sql: string, values: unknown[] = []) =>
    (await ledger.pool.query(sql, values)).rows as any[]
  const isDue = (tenant: number, count: number, secondsAgo: number) =>
    query(
      `insert into due (p, at, tenant, test, id)
       select 1, date_trunc('milliseconds', now() - $3 * interval '1 s' + n * interval '1 ms'), $1, false, 'u' || n from generate_series(1, $2::int) n`,
      [TENANTS[tenant], count, secondsAgo],
    )

  it('of one tenant by the thousand leaves room for another one', async () => {
    await isDue(0, 5_000, 3_600)
    await isDue(1, 3, 60)
    const read = async (limit: number) => {
      const rows = await readDue(ledger.pool as any, [1, 2], limit)
      return TENANTS.map((tenant) => rows.filter((row) => row.tenant === tenant).length)
    }
    expect(await read(20)).to.deep.equal([17, 3])
    expect(await read(4)).to.deep.equal([2, 2])
    expect(await read(10_000)).to.deep.equal([5_000, 3])
  })

  it('is found without looking at those who are not', async () => {
    await query(
      `insert into due (p, at, tenant, test, id)
       select n % 16, date_trunc('milliseconds', now() + n * interval '1 s'), $1, false, 'u' || n from generate_series(1, 50000) n`,
      [TENANTS[0]],
    )
    await isDue(1, 3, 60)
    await query('analyze due')
    const plan = await query(
      `explain (analyze, buffers, format json) select d.* from unnest('{0,1,2,3}'::smallint[]) o(p), lateral (
         select p, at, tenant, test, id from due d where d.p = o.p and d.at <= now() order by d.at, d.tenant, d.test, d.id limit 16) d`,
    )
    const top = plan[0]['QUERY PLAN'][0].Plan
    expect(top['Actual Rows']).to.equal(3)
    expect(top['Shared Hit Blocks'] + top['Shared Read Blocks']).to.be.below(40)
  })

  it('is armed for a rule that is new by as little as it needs, page by page, and not again', async () => {
    const bound = { inactiveMs: 14 * DAY, traits: [], everybody: false }
    await query(
      `insert into person (tenant, test, id, p, traits, activities, events, last_seen, is_anonymous, refused, merged_into, due_at)
       select $1, false, id, 3, '{"birthday": "1990-01-01"}', '{}', 1, now() - days * interval '1 day', false, 0, merged, now() + due * interval '1 day'
       from (values ('recent', 4, null, null), ('silent', 20, null, null), ('never', null, null, null), ('joined', 20, 'recent', null), ('sooner', 4, null, 2), ('later', 4, null, 30))
         as x(id, days, merged, due)`,
      [TENANTS[0]],
    )
    const arm = (wants: string[], limit: number, asked: ArmingBound = bound) =>
      armSome(ledger.pool, TENANTS[0]!, { wants, boundFor: () => asked }, limit)
    expect([await arm(['a'], 4), await arm(['a'], 4), await arm(['a'], 4)]).to.deep.equal([
      'more',
      'done',
      'done',
    ])
    const due = () =>
      query(`select id, round(extract(epoch from at - now()) / 86400)::int as days from due order by id`)
    expect(await due()).to.deep.equal([
      { id: 'later', days: 10 },
      { id: 'recent', days: 10 },
      { id: 'silent', days: 0 },
    ])
    await query('delete from due')
    // What is armed for stays, and what is new begins at the first one again.
    await arm(['a', 'b'], 4, { inactiveMs: null, traits: ['birthday'], everybody: false })
    expect((await query('select done, wanted, after_id from armed'))[0]).to.deep.equal({
      done: ['a'],
      wanted: ['b'],
      after_id: 'recent',
    })
    expect((await due()).map(({ id }) => id)).to.deep.equal(['later', 'never', 'recent'])
    expect(await arm(['b'], 100)).to.equal('done')
    expect((await query('select done from armed'))[0].done).to.deep.equal(['b'])
  })

  it('is armed by one process at a time', async () => {
    const held = await ledger.pool.connect()
    await query(`insert into armed (tenant, wanted, done) values ($1, '{}', '{}')`, [TENANTS[0]])
    await held.query('begin')
    await held.query('select from armed for update')
    const ask = { wants: ['a'], boundFor: () => ({ inactiveMs: 1, traits: [], everybody: false }) }
    expect(await armSome(ledger.pool, TENANTS[0]!, ask, 10)).to.equal('elsewhere')
    await held.query('rollback')
    held.release()
    expect(await armSome(ledger.pool, TENANTS[0]!, ask, 10)).to.equal('done')
  })
})
