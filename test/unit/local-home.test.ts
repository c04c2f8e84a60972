import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import {
  clearHome,
  lockHome,
  openHome,
  runningInstance,
  secretKeyOf,
  writeHolder,
  writeInstance,
} from '../../src/local/home.ts'

const URLS = { url: 'http://127.0.0.1:1', databaseUrl: 'postgres://x', redisUrl: 'redis://x' }

describe('a home', () => {
  let home: string
  let other: ReturnType<typeof spawn>
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'volley-home-'))
    openHome(home)
    other = spawn('sleep', ['60'])
  })
  afterEach(async () => {
    other.kill('SIGKILL')
    rmSync(home, { recursive: true, force: true })
  })
  const lock = () => join(home, 'lock.json')
  const refusal = () =>
    lockHome(home).then(
      () => null,
      (error) => error,
    )

  it('is locked for one process until that lets go', async () => {
    const unlock = await lockHome(home)
    expect(JSON.parse(readFileSync(lock(), 'utf8')).pid).to.equal(process.pid)
    unlock()
    expect(existsSync(lock())).to.equal(false)
  })

  it('refuses a second start, naming the process, before and after the first is ready', async () => {
    writeHolder(lock(), other.pid!)
    expect((await refusal()).message).to.include(
      `already runs in ${home} (pid ${other.pid}, it is still starting)`,
    )
    expect((await refusal()).code).to.equal('instance_running')
    expect(existsSync(lock())).to.equal(true)
  })

  it('takes over the lock of a process that is gone', async () => {
    writeHolder(lock(), other.pid!)
    other.kill('SIGKILL')
    await once(other, 'exit')
    const unlock = await lockHome(home)
    expect(JSON.parse(readFileSync(lock(), 'utf8')).pid).to.equal(process.pid)
    unlock()
  })

  it('takes over a lock whose pid belongs to a later process', async () => {
    writeFileSync(lock(), JSON.stringify({ pid: other.pid, mark: 'another boot:1' }))
    ;(await lockHome(home))()
  })

  it('takes over a lock that was cut off while it was written', async () => {
    writeFileSync(lock(), '')
    ;(await lockHome(home))()
  })

  it('tells of the platform that runs in it, and of none where that is gone or the file is cut off', () => {
    expect(runningInstance(home)).to.equal(null)
    writeInstance(home, URLS)
    expect(runningInstance(home)).to.include({ ...URLS, pid: process.pid })
    writeFileSync(join(home, 'instance.json'), '{"pid":')
    expect(runningInstance(home)).to.equal(null)
  })

  it('keeps one secret key that nobody else may read', () => {
    const key = secretKeyOf(home)
    expect(key).to.match(/^[0-9a-f]{64}$/)
    expect(secretKeyOf(home)).to.equal(key)
    expect(statSync(join(home, 'secret-key')).mode & 0o777).to.equal(0o600)
  })

  it('is cleared with the data that lies outside it, but not while a platform runs in it', () => {
    const outside = mkdtempSync(join(tmpdir(), 'volley-outside-'))
    mkdirSync(join(outside, 'data'))
    symlinkSync(join(outside, 'data'), join(home, 'postgres'))
    writeHolder(lock(), other.pid!)
    expect(() => clearHome(home)).to.throw(/already runs/)
    rmSync(lock())
    clearHome(home)
    expect(existsSync(home)).to.equal(false)
    expect(existsSync(join(outside, 'data'))).to.equal(false)
    expect(existsSync(outside)).to.equal(true)
    rmSync(outside, { recursive: true })
  })
})
