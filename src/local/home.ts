import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { VolleyError } from '../errors.ts'
import { isAlive, startMark } from './processes.ts'

/** A process that holds a home, or a server that was started in it. */
export interface Holder {
  pid: number
  /** Tells the process from a later one with the same pid. */
  mark: string | null
}

/**
 * What lies in VOLLEY_HOME: `secret-key`, `key` (the API key that `npm start` shows), `lock.json` (the process that
 * starts or runs a platform here), `instance.json` (how to reach it once it is ready), `logs/`, and the folders of the
 * servers.
 */
export interface Instance extends Holder {
  url: string
  databaseUrl: string
  redisUrl: string
}

/** Makes the folder where it is missing; nobody else may look into it, but servers of other users may pass. */
export function openHome(home: string): void {
  mkdirSync(join(home, 'logs'), { recursive: true })
  chmodSync(home, 0o711)
}

/** The platform that runs in this home; null where none does. */
export function runningInstance(home: string): Instance | null {
  return living<Instance>(join(home, 'instance.json'))
}

/** What is written in the file about a process that still lives; null where it is gone or the file cannot be read. */
export function living<T extends Holder = Holder>(file: string): T | null {
  if (!existsSync(file)) return null
  try {
    const holder = JSON.parse(readFileSync(file, 'utf8')) as T
    return isAlive(holder.pid) && startMark(holder.pid) === holder.mark ? holder : null
  } catch {
    // A power cut may leave an empty file; whoever wrote it is gone.
    return null
  }
}

const LOCK_SETTLE_MS = 30

/**
 * Makes this process the only one that starts or runs a platform in this home, until the returned function is called;
 * throws `instance_running` where another one does. The lock of a process that is gone is taken over.
 */
export async function lockHome(home: string): Promise<() => void> {
  const file = join(home, 'lock.json')
  const release = () => rmSync(file, { force: true })
  const own = `${file}.${process.pid}`
  writeHolder(own, process.pid)
  try {
    // A link fails where the name is taken, and the file is whole from the first moment on.
    linkSync(own, file)
    return release
  } catch {
    refuseOther(home, living(file))
    renameSync(own, file)
    // Two that take over a dead one's lock at once both write; the last one's name stays, and the other sees it here.
    await sleep(LOCK_SETTLE_MS)
    refuseOther(home, living(file))
    return release
  } finally {
    rmSync(own, { force: true })
  }
}

/** Removes a home with all its data; throws `instance_running` where a platform runs in it. */
export function clearHome(home: string): void {
  refuseOther(home, living(join(home, 'lock.json')))
  const data = join(home, 'postgres')
  // Data that PostgreSQL's user could not have reached in here lies elsewhere, in a folder of its own.
  if (lstatSync(data, { throwIfNoEntry: false })?.isSymbolicLink())
    rmSync(resolve(home, readlinkSync(data)), { recursive: true, force: true })
  rmSync(home, { recursive: true, force: true })
}

/** Writes down a process so that `living` knows it again. */
export function writeHolder(file: string, pid: number): void {
  writePrivate(file, JSON.stringify({ pid, mark: startMark(pid) } satisfies Holder))
}

function refuseOther(home: string, other: Holder | null): void {
  if (other === null || other.pid === process.pid) return
  const url = runningInstance(home)?.url ?? 'it is still starting'
  throw new VolleyError(
    'instance_running',
    `Volley already runs in ${home} (pid ${other.pid}, ${url}); stop it, or set VOLLEY_HOME`,
  )
}

/** Says that this process is the platform of this home. */
export function writeInstance(home: string, instance: Omit<Instance, 'pid' | 'mark'>): void {
  const text = JSON.stringify(
    { pid: process.pid, mark: startMark(process.pid), ...instance } satisfies Instance,
    null,
    2,
  )
  writePrivate(join(home, 'instance.json'), text)
}

export function removeInstance(home: string): void {
  rmSync(join(home, 'instance.json'), { force: true })
}

/** The key that secrets are sealed with, made at the first start: 64 hex characters. */
export function secretKeyOf(home: string): string {
  return remembered(join(home, 'secret-key'), () => randomBytes(32).toString('hex'))
}

/** The API key that was shown at the first start; null before. */
export function shownKey(home: string): string | null {
  const file = join(home, 'key')
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : null
}

export function rememberKey(home: string, key: string): void {
  writePrivate(join(home, 'key'), key)
}

function remembered(file: string, make: () => string): string {
  if (!existsSync(file)) writePrivate(file, make())
  return readFileSync(file, 'utf8').trim()
}

/** Writes a file that only its owner may read, whole or not at all: a start may be cut off at any moment. */
export function writePrivate(file: string, text: string): void {
  const partial = `${file}.${process.pid}.new`
  writeFileSync(partial, `${text}\n`, { mode: 0o600 })
  renameSync(partial, file)
}
