import { expect } from 'chai'
import { insertActions, type NewAction } from '../../src/ledger/actions/insert-actions.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { testDatabase } from '../support/servers.ts'

const TENANT = '00000000-0000-0000-0000-000000000001'
const row = (n: number, fields: Partial<NewAction> = {}): NewAction => ({
  id: `ea_01KAJX0M6Q${String(n).padStart(16, '0')}`,
  tenant: TENANT,
  type: `we_${n % 3}`,
  userId: 'u1',
  parameters: '{"id":"evt_1","body":{"text":"\\"é\\\\, {}"}}',
  reasoning: null,
  confidence: null,
  origin: 'event:custom.a',
  test: false,
  shadow: false,
  lane: String(n % 5),
  p: n % 64,
  scheduledAt: null,
  expiresAt: null,
  expiresAfterMs: 3_600_000 + n,
  ...fields,
})

describe('actions that are inserted together', () => {
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

  /** What stands in the ledger, with times from the insert on. */
  async function stored(rows: readonly NewAction[]) {
    await ledger.pool.query('delete from action; delete from timer;')
    await insertActions(ledger.pool, rows)
    const since = `round(date_part('epoch', %s - created_at))::int`
    const actions = await ledger.pool.query(
      `select id, tenant, type, user_id, parameters::text as parameters, reasoning, confidence, origin, test, shadow, lane, p, status,
         version, attempt, ${since.replace('%s', 'next_at')} as next, ${since.replace('%s', 'deadline')} as deadline from action order by id`,
    )
    const timers = await ledger.pool.query('select p, lane, id, sleeper from timer order by id, lane')
    return { actions: actions.rows, timers: timers.rows }
  }

  it('are the same rows, whether they have much in common or nothing', async () => {
    const alike = Array.from({ length: 100 }, (_, n) => row(n))
    // One among them that says something of its own has all of them written one by one.
    const mixed = [...alike, row(100, { reasoning: 'because', confidence: 0.5, userId: 'u2' })]
    const together = await stored(alike)
    const singly = await stored(mixed)
    expect(together.actions.length).to.equal(100)
    expect(together.actions).to.deep.equal(singly.actions.slice(0, 100))
    expect(together.timers).to.deep.equal(singly.timers.slice(0, 200))
    expect(singly.actions[100]).to.include({ reasoning: 'because', confidence: 0.5, user_id: 'u2' })
  })

  it('keep apart what is about different people or of different tenants, though it says the same', async () => {
    const other = '00000000-0000-0000-0000-000000000002'
    const rows = Array.from({ length: 20 }, (_, n) => row(n, n < 10 ? {} : { userId: 'u2', tenant: other }))
    const { actions } = await stored(rows)
    expect(actions.map(({ user_id }) => user_id)).to.deep.equal(rows.map(({ userId }) => userId))
    expect(actions.map(({ tenant }) => tenant)).to.deep.equal(rows.map(({ tenant }) => tenant))
  })

  it('may be a few things that many are told', async () => {
    const rows = Array.from({ length: 400 }, (_, n) =>
      row(n, { parameters: `{"id":"evt_${n % 40}","body":{}}` }),
    )
    const { actions } = await stored(rows)
    expect(actions.map(({ parameters }) => parameters)).to.deep.equal(
      rows.map(({ parameters }) => parameters),
    )
  })
})
