import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { VolleyError } from '../errors.ts'
import { isAlive, startMark } from './processes.ts'

/**
 * What lies in VOLLEY_HOME: `secret-key`, `key` (the API key that `npm start` shows), `instance.json` (how to reach
 * the platform that runs here, and its pid as the lock), `logs/`, and the folders of the servers.
 */
export interface Instance {
  pid: number
  /** Tells the process from a later one with the same pid. */
  mark: string | null
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
  const file = join(home, 'instance.json')
  if (!existsSync(file)) return null
  const instance = JSON.parse(readFileSync(file, 'utf8')) as Instance
  const isSame = isAlive(instance.pid) && startMark(instance.pid) === instance.mark
  return isSame ? instance : null
}

/** Throws `instance_running` where a platform runs in this home already. */
export function requireNotRunning(home: string): void {
  const other = runningInstance(home)
  if (other === null || other.pid === process.pid) return
  throw new VolleyError(
    'instance_running',
    `Volley already runs in ${home} (pid ${other.pid}, ${other.url}); stop it, or set VOLLEY_HOME`,
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

// Whole or not at all: a start may be cut off at any moment.
function writePrivate(file: string, text: string): void {
  writeFileSync(`${file}.new`, `${text}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}
