import { execFile, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { type ImportAsked, type ImportWatcher, importFile } from '../../src/command/import-file.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { keptEvents } from '../support/kept-events.ts'
import { PARTITIONS, temporaryHome } from '../support/servers.ts'

const run = promisify(execFile)
const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

const sale = (n: number, user = `u-${n % 7}`) => ({
  event: 'Sale',
  properties: { distinct_id: user, time: 1_700_000_000 + n, $insert_id: `i-${n}`, n },
})
const linesOf = (items: readonly unknown[]) =>
  items.map((item) => (typeof item === 'string' ? item : JSON.stringify(item))).join('\n')

describe('volley import', () => {
  let here: Installation
  let tenant: string
  let home: string
  let files = 0

  before(async () => {
    here = await Installation.start()
    home = temporaryHome()
    const { rows } = await here.ledger.pool.query(`select id from tenant where slug = 'acme'`)
    tenant = rows[0].id
  })
  after(() => here.stop())

  const fileOf = (contents: string | Buffer) => {
    const path = join(home, `file-${++files}`)
    writeFileSync(path, contents)
    return path
  }

  const told: { rejected: [number, string][]; waited: number } = { rejected: [], waited: 0 }
  const watcher: ImportWatcher = {
    began: () => undefined,
    moved: () => undefined,
    rejected: (line, reason) => told.rejected.push([line, reason]),
    waiting: () => {
      told.waited++
    },
  }
  const importing = (
    path: string,
    options: Partial<ImportAsked> = {},
    watching: Partial<ImportWatcher> = {},
  ) => {
    told.rejected = []
    told.waited = 0
    const signal = new AbortController().signal
    return importFile(
      here.ledger,
      {
        ...{ source: 'mixpanel', path, tenant, test: false, decides: false, isRestart: false },
        ...{ partitions: PARTITIONS, backlogMax: 1_000, signal, ...options },
      },
      { ...watcher, ...watching },
    )
  }

  const sales = async (user: RegExp) =>
    (await keptEvents(here, 'mixpanel')).filter(({ user_id }) => user.test(user_id))

  it('keeps what a file of lines says, in its order, at the times when it happened', async () => {
    const { kind, state } = await importing(fileOf(linesOf(Array.from({ length: 2_500 }, (_, n) => sale(n)))))
    expect(kind).to.equal('done')
    expect(state).to.deep.include({ lines: 2_500 })
    expect(state.counts).to.deep.include({ events: 2_500, repeats: 0, rejected: 0 })
    const kept = await sales(/^u-3$/)
    expect(kept.map(({ data }) => data.n)).to.deep.equal(
      Array.from({ length: 2_500 }, (_, n) => n).filter((n) => n % 7 === 3),
    )
    expect(kept[0]!.time).to.equal((1_700_000_000 + 3) * 1_000)
  })

  it('reads gzip, of several parts, lines that end as on Windows, and a last line without an end', async () => {
    const text = linesOf([sale(0, 'gz'), '', sale(1, 'gz')]).replaceAll('\n', '\r\n')
    const contents = Buffer.concat([gzipSync(`${text}\n`), gzipSync(JSON.stringify(sale(2, 'gz')))])
    const { state } = await importing(fileOf(contents))
    expect(state.lines).to.equal(4)
    expect((await sales(/^gz$/)).map(({ data }) => data.n)).to.deep.equal([0, 1, 2])
  })

  it('reads what Segment and PostHog export too', async () => {
    const segment = [
      { type: 'identify', userId: 'of-segment', traits: { plan: 'pro' }, timestamp: '2024-01-01T00:00:00Z' },
      {
        type: 'track',
        userId: 'of-segment',
        event: 'Paid',
        messageId: 'm',
        timestamp: '2024-01-02T00:00:00Z',
      },
      { type: 'group', userId: 'of-segment', groupId: 'g' },
    ]
    const posthog = [
      { uuid: 'u', event: '$pageview', distinct_id: 'of-posthog', timestamp: '2024-01-03T00:00:00Z' },
      { uuid: 'v', event: '$autocapture', distinct_id: 'of-posthog', properties: {} },
    ]
    const { counts } = (await importing(fileOf(gzipSync(linesOf(segment))), { source: 'segment' })).state
    expect(counts).to.deep.include({ events: 1, traits: 1, skipped: 1, rejected: 0 })
    await importing(fileOf(linesOf(posthog)), { source: 'posthog' })
    const kept = [...(await keptEvents(here, 'segment')), ...(await keptEvents(here, 'posthog'))]
    expect(kept.map(({ type, time }) => [type, new Date(time).toISOString().slice(0, 10)])).to.deep.equal([
      ['$traits', '2024-01-01'],
      ['Paid', '2024-01-02'],
      ['page_viewed', '2024-01-03'],
    ])
  })

  it('names the lines that cannot be used, and takes the others', async () => {
    const contents = linesOf([
      sale(0, 'bad'),
      'no JSON',
      { event: 'Sale', properties: {} },
      '',
      ['a list'],
      `"${'x'.repeat(4_100_000)}"`,
      sale(1, 'bad'),
    ])
    const { state } = await importing(fileOf(contents))
    expect(state.counts).to.deep.include({ events: 2, rejected: 4 })
    expect(told.rejected.map(([line]) => line)).to.deep.equal([2, 3, 5, 6])
    expect(told.rejected[0]![1]).to.match(/^is not valid JSON/)
    expect(told.rejected[1]![1]).to.match(/^\/properties\/distinct_id is missing/)
    expect(told.rejected[3]![1]).to.equal('is longer than a line may be')
  })

  it('goes on behind the last line that was kept, whatever cut it off', async () => {
    // Profiles have no id of their own: twice would add twice.
    const items = Array.from({ length: 3_500 }, () => ({ $distinct_id: 'profile', $add: { visits: 1 } }))
    const path = fileOf(linesOf(items))
    const over = new AbortController()
    const stopped = await importing(path, { signal: over.signal }, { moved: () => over.abort() })
    expect(stopped).to.deep.include({ kind: 'stopped' })
    expect(stopped.state.lines).to.equal(1_000)
    await importing(
      path,
      {},
      {
        moved: () => {
          throw new Error('pulled out')
        },
      },
    ).catch(() => undefined)
    const { kind, state } = await importing(path)
    expect([kind, state.lines, state.counts.traits]).to.deep.equal(['done', 3_500, 3_500])
    expect(await sales(/^profile$/)).to.have.length(3_500)
  })

  it('reads a file once, and again only when it is asked to', async () => {
    const path = fileOf(linesOf([sale(0, 'once'), { $distinct_id: 'once', $set: { a: 1 } }]))
    expect((await importing(path)).kind).to.equal('done')
    expect((await importing(path)).kind).to.equal('was-done')
    expect(await sales(/^once$/)).to.have.length(2)
    const { state } = await importing(path, { isRestart: true })
    expect(state.counts).to.deep.include({ events: 0, repeats: 1, traits: 1 })
    expect((await importing(path, { test: true })).state.counts.events).to.equal(1)
  })

  it('counts an event once that a library has sent before', async () => {
    await here.call('POST', '/api/connectors/mixpanel', sale(1, 'both'))
    const { state } = await importing(fileOf(linesOf([sale(1, 'both'), sale(2, 'both')])))
    expect(state.counts).to.deep.include({ events: 1, repeats: 1 })
  })

  it('lets one process at a time read a file', async () => {
    const path = fileOf(linesOf(Array.from({ length: 3_000 }, (_, n) => sale(n, 'pair'))))
    const ends = await Promise.allSettled([importing(path), importing(path)])
    expect(ends.filter(({ status }) => status === 'fulfilled').length).to.be.at.least(1)
    expect(await sales(/^pair$/)).to.have.length(3_000)
  })

  it('asks rules of nothing, unless it was asked to', async () => {
    await here.actionType({ delivery_webhook: 'http://127.0.0.1:9/' })
    const worker = await here.addWorker()
    const cart = (user: string) =>
      linesOf([{ event: 'custom.cart.abandoned', properties: { distinct_id: user, value: 40 } }])
    await importing(fileOf(cart('quiet')))
    await importing(fileOf(cart('asked')), { decides: true })
    const users = async () =>
      (await here.ledger.pool.query('select user_id from action')).rows.map(({ user_id }) => user_id)
    await eventually(async () => expect(await users()).to.include('asked'))
    await eventually(async () => {
      const { rows } = await here.ledger.pool.query(
        `select count(*)::int as n from event e join mark m using (p) where (e.xid, e.seq) > (m.xid, m.seq)`,
      )
      expect(rows[0].n).to.equal(0)
    })
    expect(await users()).to.not.include('quiet')
    await worker.close()
    here.workers.splice(here.workers.indexOf(worker), 1)
  })

  it('waits for workers who are behind', async () => {
    const { pool } = here.ledger
    await pool.query(`insert into worker (id, host, pid) values ('w_slow', 'h', 1)`)
    await pool.query(`insert into beat values ('w_slow', now() + interval '1 minute')`)
    await importing(fileOf(linesOf(Array.from({ length: 1_000 }, (_, n) => sale(n, 'behind')))))
    const path = fileOf(linesOf([sale(1, 'ahead')]))
    let isOver = false
    const end = importing(path).finally(() => {
      isOver = true
    })
    await eventually(() => expect(told.waited).to.be.at.least(2))
    expect(isOver).to.equal(false)
    // For one that is gone and that nobody has buried, it would wait for ever.
    await pool.query(`update beat set until = now() - interval '1 second'`)
    expect((await end).kind).to.equal('done')
    await pool.query(`delete from worker where id = 'w_slow'`)
  })

  it('waits while as many actions wait as may, where rules are asked', async () => {
    const carts = linesOf([
      { event: 'custom.cart.abandoned', properties: { distinct_id: 'full', value: 40 } },
    ])
    const asked = { action_type: 'grant_points', user_id: 'full', parameters: {} }
    expect((await here.call('POST', '/api/external/actions', asked)).status).to.be.oneOf([201, 202])
    const path = fileOf(carts)
    const over = new AbortController()
    const end = importing(path, { decides: true, backlogMax: 1, signal: over.signal })
    await eventually(() => expect(told.waited).to.be.at.least(2))
    over.abort()
    expect((await end).kind).to.equal('stopped')
    expect((await importing(path, { backlogMax: 1 })).kind).to.equal('done')
  })

  describe('as a command', () => {
    const env = () => ({
      ...process.env,
      DATABASE_URL: here.config.databaseUrl!,
      REDIS_URL: here.config.redisUrl!,
    })
    const command = (...args: string[]) =>
      run(process.execPath, [MAIN, 'import', ...args], { env: env() }).then(
        ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
        (error: { code: number; stdout: string; stderr: string }) => error,
      )

    it('tells what came of each line', async () => {
      const path = fileOf(linesOf([sale(0, 'told'), { event: 'Sale', properties: {} }]))
      const { code, stdout, stderr } = await command('mixpanel', path, '--tenant', 'acme')
      expect(code).to.equal(0)
      expect(stdout).to.equal(
        '2 lines: 1 events, 0 changes of traits, 0 joins, 0 deletions; 0 kept before, 0 not kept, 1 cannot be used.\n',
      )
      expect(stderr).to.match(/^line 2: \/properties\/distinct_id is missing/)
      expect((await command('mixpanel', path, '--tenant', 'acme')).stdout).to.match(
        /^This file was imported before/,
      )
    })

    it('says what is wrong with a file, a tenant or a vendor', async () => {
      const list = fileOf(JSON.stringify([sale(0)]))
      const cut = fileOf(
        gzipSync(linesOf(Array.from({ length: 500 }, (_, n) => sale(n, 'cut')))).subarray(0, 2_000),
      )
      for (const [args, words] of [
        [['mixpanel', '/none', '--tenant', 'acme'], /\/none cannot be read: ENOENT/],
        [['mixpanel', home, '--tenant', 'acme'], /cannot be read: EISDIR/],
        [['mixpanel', list, '--tenant', 'acme'], /one JSON object of mixpanel a line was expected/],
        [['mixpanel', cut, '--tenant', 'acme'], /its gzip is cut off or damaged/],
        [['mixpanel', list, '--tenant', 'nobody'], /No tenant is called nobody/],
        [['amplitude', list, '--tenant', 'acme'], /Allowed choices are segment, posthog, mixpanel/],
      ] as [string[], RegExp][]) {
        const { code, stderr } = await command(...args)
        expect(code).to.equal(1)
        expect(stderr).to.match(words)
      }
    })

    it('stops at Ctrl-C and goes on with the same command', async () => {
      const path = fileOf(linesOf(Array.from({ length: 60_000 }, (_, n) => sale(n, 'stopped'))))
      const args = [MAIN, 'import', 'mixpanel', path, '--tenant', 'acme']
      const child = spawn(process.execPath, args, { env: env() })
      const code = new Promise((resolve) => child.once('exit', resolve))
      await eventually(async () => expect(await sales(/^stopped$/)).to.not.be.empty, 30_000)
      child.kill('SIGINT')
      expect(await code).to.equal(130)
      const { stdout, stderr } = await run(process.execPath, args, { env: env() })
      expect(stderr).to.match(/^Going on behind line [1-9]/)
      expect(stdout).to.match(/^60,000 lines: 60,000 events/)
      expect(await sales(/^stopped$/)).to.have.length(60_000)
    })
  })
})
