import { expect } from 'chai'
import { encodeTime } from 'ulid'
import { Ledger } from '../../src/ledger/ledger.ts'
import { dropMonths, type KeepMonths } from '../../src/ledger/retention/drop-months.ts'
import { ensureMonths } from '../../src/ledger/retention/months.ts'
import { createLog } from '../../src/log.ts'
import { Retention } from '../../src/upkeep/retention.ts'
import { eventually } from '../support/eventually.ts'
import { testDatabase } from '../support/servers.ts'

const TABLES = ['event', 'action', 'fact', 'history', 'decision', 'carried']
const DAY_MS = 86_400_000
const TENANT = '00000000-0000-0000-0000-000000000001'

/** The first of the month so many months before this one. */
function monthAgo(months: number): Date {
  const now = new Date()
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months, 1))
}

const nameOf = (month: Date) => month.toISOString().slice(0, 7).replace('-', '_')

/** An id made at that time; `n` makes it another one. */
const idAt = (prefix: string, at: Date, n = 0) =>
  `${prefix}_${encodeTime(at.getTime(), 10)}${String(n).padStart(16, '0')}`

describe('months that are over', () => {
  let database: Awaited<ReturnType<typeof testDatabase>>
  let ledger: Ledger

  /** As an installation that is six months old. */
  beforeEach(async () => {
    database = await testDatabase()
    ledger = await Ledger.open({ databaseUrl: database.url, poolMax: 4 })
    const client = await ledger.pool.connect()
    const { rows } = await client.query<{ name: string }>(
      `select inhrelid::regclass::text as name from pg_inherits where inhparent = any($1::regclass[])`,
      [TABLES],
    )
    for (const { name } of rows) await client.query(`drop table ${name}`)
    for (let months = 6; months >= 0; months--) await ensureMonths(client, monthAgo(months))
    client.release()
  })
  afterEach(async () => {
    await ledger.close()
    await database.drop()
  })

  const never: KeepMonths = { eventsMs: null, actionsMs: null }
  const week: KeepMonths = { eventsMs: 7 * DAY_MS, actionsMs: 7 * DAY_MS }

  /** The past months that a table still has, the oldest first. */
  async function monthsOf(table: string): Promise<string[]> {
    const { rows } = await ledger.pool.query<{ name: string }>(
      `select right(inhrelid::regclass::text, 7) as name from pg_inherits where inhparent = $1::regclass order by 1`,
      [table],
    )
    return rows.map(({ name }) => name).filter((name) => name <= nameOf(new Date()))
  }
  const past = (from: number) => Array.from({ length: from + 1 }, (_, i) => nameOf(monthAgo(from - i)))

  it('go once they ended longer ago than they are kept; the present one and the one before stay', async () => {
    const fates = await dropMonths(ledger.pool, week)
    expect(new Set(fates.map(({ kind }) => kind))).to.deep.equal(new Set(['dropped']))
    for (const table of TABLES) expect(await monthsOf(table), table).to.deep.equal(past(1))
    expect(await dropMonths(ledger.pool, week)).to.deep.equal([])
  })

  it('go in the daily run of a worker', async () => {
    const retention = new Retention(ledger, createLog({ level: 'silent', name: 'test' }), week)
    retention.start()
    await eventually(async () => {
      for (const table of TABLES) expect(await monthsOf(table), table).to.deep.equal(past(1))
    })
    await retention.stop()
  })

  it('are kept as long as each kind of them is to be, or for ever', async () => {
    const sinceMs = Date.now() - monthAgo(3).getTime()
    await dropMonths(ledger.pool, { ...never, eventsMs: sinceMs + DAY_MS })
    expect(await monthsOf('event')).to.deep.equal(past(4))
    await dropMonths(ledger.pool, { ...never, actionsMs: sinceMs - DAY_MS })
    for (const table of ['action', 'fact', 'history', 'decision', 'carried'])
      expect(await monthsOf(table), table).to.deep.equal(past(3))
    await dropMonths(ledger.pool, never)
    expect(await monthsOf('event')).to.deep.equal(past(4))
  })

  it('stay while an event of them was not read', async () => {
    const month = nameOf(monthAgo(4))
    await ledger.pool.query(
      `insert into event (id, p, tenant, user_id, type, data, time, source)
       values ($1, 3, '${TENANT}', 'u', 'custom.a', '{}', now(), 'api')`,
      [idAt('ev', new Date(monthAgo(4).getTime() + DAY_MS))],
    )
    const kept = (await dropMonths(ledger.pool, week)).filter(({ kind }) => kind === 'kept')
    expect(kept).to.deep.equal([{ kind: 'kept', month, tables: ['event'] }])
    expect(await monthsOf('event')).to.deep.equal([month, ...past(1)])
    await ledger.pool.query('update mark m set xid = e.xid, seq = e.seq from event e where e.p = m.p')
    await dropMonths(ledger.pool, week)
    expect(await monthsOf('event')).to.deep.equal(past(1))
  })

  const live: Record<string, (id: string) => [string, unknown[]]> = {
    'an action of them has not ended': (id) => [
      'insert into timer (p, lane, at, id) values (1, -9223372036854775807, now(), $1)',
      [id],
    ],
    'a dead letter about one of them waits for an operator': (id) => [
      `insert into dead_letter (id, p, action_id, reason, error) values ('dl_1', 1, $1, 'poison', '')`,
      [id],
    ],
    'something that was said about one of them was not applied': (id) => [
      `insert into fact (p, action_id, kind, n) values (1, $1, 'retry', 0)`,
      [id],
    ],
  }
  for (const [what, insert] of Object.entries(live))
    for (const [which, months] of Object.entries({ 'in the middle': 3, 'before the first': 8 }))
      it(`stay with all that belongs to them while ${what} (${which})`, async () => {
        await ledger.pool.query(...insert(idAt('ea', monthAgo(months))))
        await dropMonths(ledger.pool, week)
        // The first month takes what is older, too.
        const month = nameOf(monthAgo(Math.min(months, 7)))
        for (const table of ['action', 'fact', 'history', 'decision', 'carried'])
          expect(await monthsOf(table), table).to.deep.equal([month, ...past(1)])
      })

  it('go beside transactions of other months, and nobody waits', async () => {
    const busy = await ledger.pool.connect()
    await busy.query('begin')
    await busy.query(
      `insert into event (id, p, tenant, user_id, type, data, time, source)
       values ($1, 3, '${TENANT}', 'u', 'custom.a', '{}', now(), 'api')`,
      [idAt('ev', new Date())],
    )
    const dropping = dropMonths(ledger.pool, { ...never, eventsMs: 7 * DAY_MS })
    let longestMs = 0
    let isOver = false
    const writer = (async () => {
      for (let n = 1; !isOver; n++) {
        const begun = performance.now()
        await ledger.pool.query(
          `insert into event (id, p, tenant, user_id, type, data, time, source)
           values ($1, 4, '${TENANT}', 'u', 'custom.a', '{}', now(), 'api')`,
          [idAt('ev', new Date(), n)],
        )
        longestMs = Math.max(longestMs, performance.now() - begun)
        if (n === 20) {
          await busy.query('commit')
          busy.release()
        }
      }
    })()
    await dropping
    isOver = true
    await writer
    expect(longestMs).to.be.below(2_000)
    expect(await monthsOf('event')).to.deep.equal(past(1))
  })

  it('are finished by the next run where somebody used a table for too long', async () => {
    const busy = await ledger.pool.connect()
    await busy.query('set idle_in_transaction_session_timeout = 0')
    await busy.query('begin')
    await busy.query('select count(*) from event')
    let refusal: Error | undefined
    await dropMonths(ledger.pool, { ...never, eventsMs: 7 * DAY_MS }).catch((error: Error) => {
      refusal = error
    })
    expect(refusal?.message).to.match(/lock timeout/)
    await busy.query('commit')
    busy.release()
    await dropMonths(ledger.pool, week)
    for (const table of TABLES) expect(await monthsOf(table), table).to.deep.equal(past(1))
    const { rows } = await ledger.pool.query(
      `select relname from pg_class where relkind = 'r' and not relispartition and relname ~ '_[0-9]{4}_[0-9]{2}$'`,
    )
    expect(rows).to.deep.equal([])
  })

  it('leave nothing behind where a process ended between taking a table out and dropping it', async () => {
    const month = nameOf(monthAgo(4))
    await ledger.pool.query(`alter table history detach partition history_${month}`)
    await ledger.pool.query(`alter table action detach partition action_${month}`)
    await ledger.pool.query(`drop table action_${month}`)
    await dropMonths(ledger.pool, week)
    for (const table of TABLES) expect(await monthsOf(table), table).to.deep.equal(past(1))
    const { rows } = await ledger.pool.query('select to_regclass($1) as left', [`history_${month}`])
    expect(rows).to.deep.equal([{ left: null }])
  })
})
