import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { VolleyError } from '../errors.ts'

/** The system user that runs a program which refuses to run as root. */
export interface Account {
  uid: number
  gid: number
}

function idOf(option: '-u' | '-g', name: string): number | null {
  try {
    const text = execFileSync('id', [option, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return Number.parseInt(text, 10)
  } catch {
    return null
  }
}

function lookUp(name: string): Account | null {
  const uid = idOf('-u', name)
  const gid = idOf('-g', name)
  return uid === null || gid === null ? null : { uid, gid }
}

function create(name: string): void {
  const quiet = { stdio: 'pipe' } as const
  try {
    if (idOf('-g', name) === null) {
      // The group may be there without the user; then this fails and the next line decides.
      try {
        execFileSync('groupadd', ['--system', name], quiet)
      } catch {}
    }
    const args = ['--system', '--gid', name, '--no-create-home', '--shell', '/usr/sbin/nologin', name]
    execFileSync('useradd', args, quiet)
  } catch (cause) {
    const message = `PostgreSQL refuses to run as root, and the system user "${name}" could not be created; create it, start as another user, or set DATABASE_URL`
    throw new VolleyError('start_failed', message, { cause })
  }
}

/** Whom PostgreSQL runs as: null means as ourselves; for root it is the system user `postgres`, created if missing. */
export function postgresAccount(say: (line: string) => void): Account | null {
  if (process.getuid?.() !== 0) return null
  const known = lookUp('postgres')
  if (known !== null) return known
  say('PostgreSQL refuses to run as root: creating the system user postgres for it')
  create('postgres')
  const made = lookUp('postgres')
  if (made === null)
    throw new VolleyError('start_failed', 'The system user postgres was created but is not found')
  return made
}

/** The nearest folder above `path` that others may not enter; null where everybody can get to `path`. */
export function closedAncestor(path: string): string | null {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const mode = statSync(folder, { throwIfNoEntry: false })?.mode
    // A folder that is not there yet is going to be made by us, open.
    if (mode !== undefined && (mode & 0o001) === 0) return folder
    if (folder === dirname(folder)) return null
  }
}
