import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { createKey } from '../../src/ledger/tenants/keys.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

describe('the volley command of an operator', function () {
  this.timeout(60_000)
  let volley: Installation
  let receiver: Receiver
  before(async () => {
    receiver = await new Receiver().start()
    volley = await Installation.start({ workers: 1 })
    await volley.actionType({ name: 'kept', delivery_webhook: receiver.url })
  })
  after(async () => {
    await volley.stop()
    await receiver.stop()
  })

  const environment = () => ({
    ...process.env,
    DATABASE_URL: volley.config.databaseUrl!,
    REDIS_URL: volley.config.redisUrl!,
  })
  const run = async (...args: string[]): Promise<{ out: string; error: string; code: number }> => {
    return promisify(execFile)(process.execPath, [MAIN, ...args], { env: environment() }).then(
      ({ stdout, stderr }) => ({ out: stdout, error: stderr, code: 0 }),
      (error: { stdout: string; stderr: string; code: number }) => ({
        out: error.stdout,
        error: error.stderr,
        code: error.code,
      }),
    )
  }
  const post = async (fields: Record<string, unknown> = {}): Promise<string> =>
    (await volley.call('POST', '/api/external/actions', { action_type: 'kept', user_id: 'u', ...fields }))
      .body.action.id

  it('shows what is wrong first, then who works and what waits', async () => {
    expect((await run('status')).out).to.match(/^Nothing is wrong\.\n\n0 waiting; 0 due later/)
    expect((await run('tenants', 'sending', 'acme', 'paused', '--reason', 'a drill')).out).to.equal(
      'acme\tpaused\n',
    )
    expect((await run('tenants', 'list')).out).to.match(
      /^acme\tpaused\t\S+\ta drill\t-\nother\ton\t-\t-\t-\n$/,
    )
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    await post()
    await post()
    await post({ scheduled_at: new Date(Date.now() + 3_600_000).toISOString() })
    const { out } = await run('status')
    expect(out).to.match(
      /^! acme: sending is paused \(a drill\)\n\n2 waiting, the oldest due for \d+(ms|s); 1 due later/,
    )
    expect(out).to.match(/w_\w{26} +\S+ +\d+ +64 +1\ds/)
    expect(out).to.include(`acme    ${new URL(receiver.url).origin}`)
    const json = JSON.parse((await run('status', '--json')).out)
    expect(json).to.deep.include({ waiting: 2, sleeping: 1, dead_letters: 0 })
    const overHttp = await volley.call('GET', '/api/operators/status', undefined, {
      key: (await run('keys', 'create', '--operator')).out.trim(),
    })
    expect(Object.keys(json)).to.deep.equal(Object.keys(overHttp.body))
    expect(Object.keys(json.workers[0])).to.deep.equal(Object.keys(overHttp.body.workers[0]))
    await run('tenants', 'sending', 'acme', 'on')
    await eventually(() => expect(receiver.ids).to.have.length(2))
  })

  it('says what it expected where a mode or a tenant does not exist', async () => {
    const wrong = await run('tenants', 'sending', 'acme', 'off')
    expect([wrong.code, wrong.error]).to.deep.equal([1, 'volley: off: expected on, paused, shadow\n'])
    const unknown = await run('tenants', 'sending', 'nobody', 'on')
    expect([unknown.code, unknown.error]).to.deep.equal([1, 'volley: No tenant is called nobody.\n'])
    expect((await run('keys', 'create')).error).to.equal(
      'volley: volley keys: expected --tenant <slug>, or --operator\n',
    )
    const misspelt = await run('dead-letters', 'list', '--tenant', 'amce')
    expect([misspelt.code, misspelt.error]).to.deep.equal([1, 'volley: No tenant is called amce.\n'])
    expect((await run('tenants', 'backlog', 'acme', '0')).error).to.match(/whole number from 1 to/)
  })

  it('makes, lists and revokes keys of operators', async () => {
    const { out } = await run('keys', 'create', '--operator', '--label', 'night')
    const status = (key: string) => volley.call('GET', '/api/operators/status', undefined, { key })
    expect((await status(out.trim())).status).to.equal(200)
    const listed = (await run('keys', 'list', '--operator')).out
    const [id, , mode, prefix, label, created] = listed.split('\t')
    expect([mode, prefix, label]).to.deep.equal(['operator', out.slice(0, 12), 'night'])
    expect(created).to.match(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    expect((await run('keys', 'revoke', id!)).code).to.equal(0)
    await eventually(async () => expect((await status(out.trim())).status).to.equal(401))
  })

  it('sets the limit of a backlog for one tenant', async () => {
    expect((await run('tenants', 'backlog', 'acme', '5')).out).to.equal('acme\t5\n')
    expect((await run('tenants', 'list')).out).to.match(/^acme\ton\t.*\t5$/m)
    expect((await run('tenants', 'backlog', 'acme', 'default')).out).to.equal('acme\tdefault\n')
  })

  it('lets a tenant learn from another one that shares', async () => {
    await createKey(volley.ledger, { tenant: 'partner', mode: 'live' })
    const refused = await run('tenants', 'learning', 'acme', '--from', 'partner')
    expect(refused.error).to.include('volley tenants learning partner --share')
    expect((await run('tenants', 'learning', 'partner', '--share')).out).to.equal(
      'partner\tshares\tlearns from nobody\n',
    )
    expect((await run('tenants', 'learning', 'acme', '--from', 'partner')).out).to.equal(
      'acme\tdoes not share\tlearns from partner\n',
    )
    await run('tenants', 'learning', 'partner', '--no-share')
    expect((await run('tenants', 'learning', 'acme')).out).to.match(/learns from partner \(not shared\)$/m)
    expect((await run('tenants', 'learning', 'acme', '--from', 'nobody')).out).to.match(/from nobody$/m)
  })

  it('ends without a word where its reader has read enough', async () => {
    const child = spawn(process.execPath, [MAIN, 'status', '--watch'], { env: environment() })
    let complaint = ''
    child.stderr.on('data', (chunk) => {
      complaint += chunk
    })
    const left = once(child, 'exit')
    await once(child.stdout, 'data')
    child.stdout.destroy()
    expect((await left)[0]).to.equal(0)
    expect(complaint).to.equal('')
  })

  it('watches until Ctrl-C, and then leaves at once', async () => {
    const child = spawn(process.execPath, [MAIN, 'status', '--watch'], { env: environment() })
    let shown = ''
    child.stdout.on('data', (chunk) => {
      shown += chunk
    })
    const left = once(child, 'exit')
    try {
      await eventually(() => expect(shown.match(/^Nothing is wrong\.$/gm) ?? []).to.have.length.above(1))
      const asked = performance.now()
      child.kill('SIGINT')
      expect((await left)[0]).to.equal(0)
      expect(performance.now() - asked).to.be.below(900)
    } finally {
      child.kill('SIGKILL')
    }
  })

  it('lists dead letters, retries what they are about, and puts them aside', async () => {
    const id = await post()
    await eventually(() => expect(receiver.ids).to.include(id))
    await eventually(async () => {
      const { rows } = await volley.ledger.pool.query('select status from action where id = $1', [id])
      expect(rows[0].status).to.equal('dispatched')
    })
    // As a turn leaves an action about which deciding threw.
    await volley.ledger.pool.query(
      `with a as (update action set status = 'failed', failure_reason = 'internal', deadline = null where id = $1 returning *),
            t as (delete from timer where id = $1)
       insert into dead_letter (id, p, action_id, reason, error) select 'dl_1', p, id, 'internal', 'it threw' from a`,
      [id],
    )
    await volley.ledger.pool.query(
      `insert into dead_letter (id, p, reason, error) values ('dl_2', 0, 'poison', 'a bad row')`,
    )
    const { out } = await run('dead-letters', 'list')
    expect(out).to.match(
      /^id +at +tenant +about +reason +error\ndl_2 .*an event +poison +a bad row\ndl_1 .* acme +ea_\w+ +internal +it threw\n$/,
    )
    expect((await run('dead-letters', 'drop', 'dl_2')).out).to.equal('dl_2\tdropped\n')
    const again = await run('dead-letters', 'drop', 'dl_2')
    expect([again.code, again.error]).to.deep.equal([1, 'volley: The dead letter dl_2 was dropped before.\n'])
    expect((await run('dead-letters', 'retry', '--all')).out).to.equal('dl_1\tretried\n')
    await eventually(() => expect(receiver.ids.filter((sent) => sent === id)).to.have.length(2))
    expect((await run('dead-letters', 'list')).out).to.equal('No dead letters.\n')
    expect((await run('dead-letters', 'list', '--all', '--tenant', 'other')).out).to.equal(
      'No dead letters.\n',
    )
    expect((await run('dead-letters', 'list', '--all')).out).to.match(
      /dl_2 .* dropped by \S+ on \S+ .*\ndl_1 .* retried by/,
    )
    expect((await run('dead-letters', 'retry', 'dl_9')).error).to.equal(
      'volley: No dead letter has the id dl_9.\n',
    )
    expect((await run('dead-letters', 'retry')).error).to.match(/expected one id, or --all/)
  })
})
