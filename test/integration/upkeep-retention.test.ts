import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { Ledger } from '../../src/ledger/ledger.ts'
import { KEPT, REMOVALS, removeOld, takeRun } from '../../src/ledger/retention/retention.ts'
import { createLog } from '../../src/log.ts'
import { Retention } from '../../src/upkeep/retention.ts'
import { eventually } from '../support/eventually.ts'
import { testDatabase } from '../support/servers.ts'

/** A row of each table that was over so long ago; `n` makes it another one. */
const ROWS: Record<string, (ago: string, n: string) => string> = {
  dedupe: (ago, n) =>
    `insert into dedupe (tenant, scope, key, at) values (gen_random_uuid(), 'test', '${n}', ${ago})`,
  event_key: (ago, n) => `insert into event_key (digest, at) values (md5('${n}')::uuid, ${ago})`,
  worker: (ago, n) => `insert into worker (id, host, pid, dead_at) values ('${n}', 'here', 1, ${ago})`,
  // A day is a whole one: a day more and a day less are on either side, whatever the hour.
  spending: (ago, n) =>
    `insert into spending (tenant, domain, day, usd)
     values (gen_random_uuid(), 'd', (${ago.startsWith("'") ? `timestamptz ${ago}` : ago})::date ${n === 'old' ? '-' : '+'} 1, 1)`,
  permit: (ago, n) => `insert into permit (type, action_id, until) values ('at_1', '${n}', ${ago})`,
  suspect: (ago, n) => `insert into suspect (id, p, deaths, died_at) values ('${n}', 1, 1, ${ago})`,
  rules_in_use: (ago) =>
    `insert into rules_in_use (process, host, pid, kind, digest, seen_at) values (gen_random_uuid(), 'here', 1, 'web', 'd', ${ago})`,
  breaker: (
    ago,
    n,
  ) => `insert into breaker (lane, tenant, destination, state, reason, closed_at, retry_at, wait_ms)
    values (hashtext('${n}'), gen_random_uuid(), 'http://x', 'closed', '', ${ago}, now(), 1)`,
  breaker_change: (ago) => `insert into breaker_change (lane, tenant, destination, change, reason, at)
    values (1, gen_random_uuid(), 'http://x', 'opened', '', ${ago})`,
  dead_letter: (ago, n) => `insert into dead_letter (id, p, reason, error, resolution, resolved_at)
    values ('${n}', 1, 'poison', '', 'dropped', ${ago})`,
  past_notice: (ago, n) =>
    `insert into past_notice select ${n === 'old' ? 1 : 2}, 'evt_1', 'breaker.opened', gen_random_uuid(), ${ago}, '{}'`,
  pull_page: (ago, n) =>
    `insert into pull_page (id, endpoint, ids, at) values ('${n}', 'we_1', '[]', ${ago})`,
  endpoint: (
    ago,
    n,
  ) => `with t as (insert into tenant (id, slug) values (gen_random_uuid(), '${n}') returning id)
    insert into endpoint (id, tenant, url, secret, deleted_at) select '${n}', id, 'http://x', '', ${ago} from t`,
  endpoint_health: (ago, n) =>
    `insert into endpoint_health (endpoint, last_success_at) values ('${n}', ${ago})`,
  replay: (ago, n) => `insert into replay (id, endpoint, tenant, since, until, per_second, state, ended_at)
    values ('${n}', 'we_1', gen_random_uuid(), now(), now(), 1, 'done', ${ago})`,
}

describe('the removal of what is old', () => {
  let database: Awaited<ReturnType<typeof testDatabase>>
  let ledger: Ledger

  beforeEach(async () => {
    database = await testDatabase()
    ledger = await Ledger.open({ databaseUrl: database.url, poolMax: 3 })
  })
  afterEach(async () => {
    await ledger.close()
    await database.drop()
  })

  const removal = (table: string) => REMOVALS.find((each) => each.table === table)!
  const removed = async (table: string): Promise<number> => {
    let sum = 0
    for await (const rows of removeOld(ledger.pool, removal(table))) sum += rows
    return sum
  }
  const count = async (table: string): Promise<number> =>
    (await ledger.pool.query(`select count(*)::int as n from ${table}`)).rows[0].n

  for (const { table, keep } of REMOVALS) {
    it(`takes rows of ${table} that are over for ${keep}, and leaves younger ones`, async () => {
      const row = ROWS[table]!
      await ledger.pool.query(row(`now() - interval '${keep}' - interval '1 minute'`, 'old'))
      await ledger.pool.query(row(`now() - interval '${keep}' + interval '1 minute'`, 'young'))
      expect(await removed(table)).to.equal(1)
      expect(await count(table)).to.equal(1)
      expect(await removed(table)).to.equal(0)
    })
  }

  it('leaves what is not over: living workers, open letters, breakers that are not closed', async () => {
    await ledger.pool.query(
      `insert into worker (id, host, pid, started_at) values ('w_1', 'here', 1, '2020-01-01')`,
    )
    await ledger.pool.query(
      `insert into dead_letter (id, p, reason, error, at) values ('dl_1', 1, 'poison', '', '2020-01-01')`,
    )
    await ledger.pool.query(`insert into breaker (lane, tenant, destination, state, reason, closed_at, retry_at, wait_ms)
      values (1, gen_random_uuid(), 'http://x', 'open', '', '2020-01-01', now(), 1)`)
    await ledger.pool.query(
      `with t as (insert into tenant (id, slug) values (gen_random_uuid(), 't') returning id)
       insert into endpoint (id, tenant, url, secret, created_at) select 'we_1', id, 'http://x', '', '2020-01-01' from t`,
    )
    await ledger.pool.query(
      `insert into endpoint_health (endpoint, last_success_at) values ('we_1', '2020-01-01')`,
    )
    for (const { table } of REMOVALS) expect(await removed(table), table).to.equal(0)
  })

  it('says of every table whether it is removed from, or why not', async () => {
    const { rows } = await ledger.pool.query<{ name: string }>(
      `select relname as name from pg_class
       where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition`,
    )
    const decided = [...REMOVALS.map(({ table }) => table), ...Object.keys(KEPT)]
    expect(decided.toSorted(), 'src/ledger/retention/retention.ts: every table, once').to.deep.equal(
      rows.map(({ name }) => name).toSorted(),
    )
    const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'operations.md'), 'utf8')
    for (const { table, keep } of REMOVALS)
      expect(page, 'docs/operations.md').to.match(new RegExp(`\\| \`${table}\` \\|[^|]*\\| ${keep}\\b`))
  })

  it('goes piece by piece, and passes over what somebody has locked', async () => {
    await ledger.pool.query(
      `insert into breaker_change (lane, tenant, destination, change, reason, at)
       select n, gen_random_uuid(), 'http://x', 'opened', repeat('x', 200), now() - interval '1 year' from generate_series(1, 20000) n`,
    )
    const holder = await ledger.pool.connect()
    await holder.query('begin')
    await holder.query('select from breaker_change where lane in (1, 20000) for update')
    const pieces: number[] = []
    for await (const rows of removeOld(ledger.pool, removal('breaker_change'))) pieces.push(rows)
    await holder.query('commit')
    holder.release()
    expect(pieces.length).to.be.within(3, 5)
    expect(Math.max(...pieces)).to.be.below(10_000)
    expect(await count('breaker_change')).to.equal(2)
  })

  it('lets turns write meanwhile: a key that is being taken again is free or taken, and nobody waits long', async () => {
    await ledger.pool.query(
      `insert into dedupe (tenant, scope, key, at)
       select '00000000-0000-0000-0000-000000000001', 'test', n::text, now() - interval '8 days' from generate_series(1, 20000) n`,
    )
    let longestMs = 0
    let isOver = false
    const writer = (async () => {
      for (let n = 1; !isOver; n = (n % 20_000) + 1) {
        const begun = performance.now()
        await ledger.pool.query(
          `insert into dedupe (tenant, scope, key) values ('00000000-0000-0000-0000-000000000001', 'test', $1) on conflict do nothing`,
          [String(n)],
        )
        longestMs = Math.max(longestMs, performance.now() - begun)
      }
    })()
    await removed('dedupe')
    isOver = true
    await writer
    const { rows } = await ledger.pool.query(
      `select count(*)::int as n from dedupe where at < now() - interval '7 days'`,
    )
    expect(rows[0].n).to.equal(0)
    expect(longestMs).to.be.below(1_000)
  })

  it('is done by one process a day', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => takeRun(ledger.pool)))
    expect(all.filter((isOurs) => isOurs)).to.have.length(1)
    await ledger.pool.query(
      `update setting set value = (value::bigint - 86401)::text where name = 'removal_began'`,
    )
    expect([await takeRun(ledger.pool), await takeRun(ledger.pool)]).to.deep.equal([true, false])
  })

  it('begins when a worker starts, and ends with it', async () => {
    for (const { table } of REMOVALS) await ledger.pool.query(ROWS[table]!(`'2020-01-01'`, 'old'))
    const retention = new Retention(ledger, createLog({ level: 'silent', name: 'test' }), {
      eventsMs: null,
      actionsMs: null,
    })
    retention.start()
    await eventually(async () => {
      for (const { table } of REMOVALS) expect(await count(table), table).to.equal(0)
    })
    await retention.stop()
  })
})
