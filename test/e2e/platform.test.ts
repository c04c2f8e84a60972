import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { freePort } from '../../src/local/ports.ts'
import { isAlive } from '../../src/local/processes.ts'
import { eventually } from '../support/eventually.ts'
import { temporaryHome } from '../support/servers.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const MAIN = join(ROOT, 'src', 'main.ts')
const run = promisify(execFile)
/** Without what would make a platform use the servers of whoever runs the tests. */
const OWN_ENV = { ...process.env, DATABASE_URL: '', REDIS_URL: '', VOLLEY_SECRET_KEY: '', HOST: '' }

/** `npm start` in a folder of its own, until it says that it is ready. */
async function start(home: string, port: number) {
  const env = { ...OWN_ENV, VOLLEY_HOME: home, PORT: String(port) }
  const child = spawn(process.execPath, [MAIN, 'start'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  await eventually(() => {
    if (child.exitCode !== null) return
    expect(out.split('\n').length, err).to.be.above(3)
  }, 25_000)
  const [ready = '', key = '', curl = ''] = out.split('\n')
  return { child, ready, key: key.replace('key ', ''), curl, errors: () => err }
}

/** Every process whose command line or environment names the folder. */
function processesOf(home: string): number[] {
  const text = execFileSync(
    'sh',
    ['-c', `grep -lsaF "${home}" /proc/[0-9]*/cmdline /proc/[0-9]*/environ || true`],
    { encoding: 'utf8' },
  )
  const pids = new Set(
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => Number(line.split('/')[2])),
  )
  return [...pids].filter((pid) => pid !== process.pid && isAlive(pid))
}

describe('npm start', function () {
  this.timeout(60_000)
  const home = temporaryHome()
  let port: number
  before(async () => {
    port = await freePort()
  })

  it('gets ready, shows a key and a line that works, restarts what dies, and stops everything within 10 s', async () => {
    const { child, ready, key, curl } = await start(home, port)
    expect(ready).to.equal(`ready http://127.0.0.1:${port}`)
    expect(key).to.match(/^rt_live_/)
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).to.equal(200)
    const { stdout } = await run('sh', ['-c', `${curl} -s`])
    expect(JSON.parse(stdout)).to.deep.equal({ accepted: 1, duplicates: 0, rejected: [] })

    const workers = () =>
      processesOf(home).filter((pid) =>
        execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).includes(
          'main.ts worker',
        ),
      )
    const [first] = workers()
    process.kill(first!, 'SIGKILL')
    await eventually(() => {
      const now = workers()
      expect(now).to.have.length(2)
      expect(now).to.not.include(first)
    })

    const created = await run(
      process.execPath,
      [MAIN, 'keys', 'create', '--tenant', 'acme', '--mode', 'test'],
      {
        env: { ...OWN_ENV, VOLLEY_HOME: home },
      },
    )
    expect(created.stdout).to.match(/^rt_test_[\w-]{43}\n$/)
    const other = await run(process.execPath, [MAIN, 'start'], {
      env: { ...OWN_ENV, VOLLEY_HOME: home, PORT: String(port) },
    }).catch((error) => error)
    expect(other.stderr).to.match(/Volley already runs in .* \(pid \d+/)

    const stoppedAt = Date.now()
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')
    expect(code).to.equal(0)
    expect(Date.now() - stoppedAt).to.be.below(10_000)
    expect(processesOf(home)).to.deep.equal([])
  })

  it('finds its data at the second start', async () => {
    const first = await start(home, port)
    const events = await fetch(`http://127.0.0.1:${port}/api/external/actions`, {
      headers: { authorization: `Bearer ${first.key}` },
    })
    expect(events.status).to.equal(200)
    const type = { name: 'kept', provider: 'p', delivery_webhook: 'http://127.0.0.1:1/' }
    const headers = { authorization: `Bearer ${first.key}`, 'content-type': 'application/json' }
    await fetch(`http://127.0.0.1:${port}/api/external/action-types`, {
      method: 'POST',
      headers,
      body: JSON.stringify(type),
    })
    // Not even a crash of the platform may lose it, and its children must not outlive it.
    first.child.kill('SIGKILL')
    await once(first.child, 'exit')
    await eventually(() => expect(processesOf(home)).to.deep.equal([]), 25_000)
    const second = await start(home, port)
    expect(second.key).to.equal(first.key)
    const types = await fetch(`http://127.0.0.1:${port}/api/external/action-types`, { headers })
    expect(
      ((await types.json()) as { action_types: { name: string }[] }).action_types.map(({ name }) => name),
    ).to.include('kept')
    second.child.kill('SIGINT')
    await once(second.child, 'exit')
    expect(processesOf(home)).to.deep.equal([])
  })

  it('is refused in a home where another is just starting, which is left alone', async () => {
    const shared = temporaryHome()
    const begin = async () => {
      const env = { ...OWN_ENV, VOLLEY_HOME: shared, PORT: String(await freePort()) }
      const child = spawn(process.execPath, [MAIN, 'start'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
      const said = { out: '', err: '' }
      child.stdout.on('data', (chunk) => {
        said.out += chunk
      })
      child.stderr.on('data', (chunk) => {
        said.err += chunk
      })
      return { child, said }
    }
    const both = [await begin(), await begin()]
    const running = await eventually(() => {
      const ready = both.find(({ said }) => said.out.startsWith('ready'))
      const refused = both.find(({ child }) => child.exitCode === 1)
      expect(refused?.said.err).to.match(/already runs in .* \(pid \d+/)
      expect(ready).to.not.equal(undefined)
      return ready!
    }, 30_000)
    running.child.kill('SIGTERM')
    await once(running.child, 'exit')
    expect(processesOf(shared)).to.deep.equal([])
  })

  it('ends at once when it is asked to while it starts', async () => {
    const starting = temporaryHome()
    const env = { ...OWN_ENV, VOLLEY_HOME: starting, PORT: String(await freePort()) }
    const child = spawn(process.execPath, [MAIN, 'start'], { env, stdio: ['ignore', 'pipe', 'ignore'] })
    let out = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    await eventually(
      () => expect(existsSync(join(starting, 'postgres', 'postmaster.pid'))).to.equal(true),
      20_000,
    )
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')
    expect({ code, out }).to.deep.equal({ code: 0, out: '' })
    expect(processesOf(starting)).to.deep.equal([])
  })

  it('starts its database again when that dies, at the same place', async () => {
    const own = temporaryHome()
    const { child, key, ready } = await start(own, await freePort())
    const pid = Number(readFileSync(join(own, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0])
    process.kill(pid, 'SIGKILL')
    await eventually(async () => {
      const now = Number(readFileSync(join(own, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0])
      expect(now).to.not.equal(pid)
      const headers = { authorization: `Bearer ${key}` }
      const answer = await fetch(`${ready.replace('ready ', '')}/api/external/actions`, { headers })
      expect(answer.status).to.equal(200)
    }, 25_000)
    child.kill('SIGTERM')
    await once(child, 'exit')
    expect(processesOf(own)).to.deep.equal([])
  })

  it('says what is wrong where nothing runs, and where the port is taken', async () => {
    const empty = temporaryHome()
    const env = { ...OWN_ENV, VOLLEY_HOME: empty }
    const keys = await run(process.execPath, [MAIN, 'keys', 'create', '--tenant', 'a'], { env }).catch(
      (error) => error,
    )
    expect(keys.code).to.equal(1)
    expect(keys.stderr).to.match(/^volley: No platform runs in .*npm start/)
    const server = (await import('node:net')).createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const taken = String((server.address() as { port: number }).port)
    const started = await run(process.execPath, [MAIN, 'start'], { env: { ...env, PORT: taken } }).catch(
      (error) => error,
    )
    server.close()
    expect(started.stderr).to.match(new RegExp(`^volley: PORT=${taken} .*set PORT to a free one`))
    expect(processesOf(empty)).to.deep.equal([])
  })

  it('stops at a rule file with a mistake, with file, place and reason', async () => {
    const rules = temporaryHome()
    execFileSync('cp', ['-r', `${join(ROOT, 'rules')}/.`, rules])
    execFileSync('sh', [
      '-c',
      `sed -i 's/"confidence": 0.82/"confidence": 1.82/' ${rules}/recommendations/loyalty.json`,
    ])
    const env = { ...OWN_ENV, VOLLEY_HOME: temporaryHome(), VOLLEY_RULES: rules, PORT: String(port) }
    const started = await run(process.execPath, [MAIN, 'start'], { env }).catch((error) => error)
    expect(started.code).to.equal(1)
    expect(started.stderr).to.equal(
      'volley: rules/recommendations/loyalty.json: /rules/0/confidence: must be at most 1, is 1.82\n',
    )
  })
})
