import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { Pool } from 'pg'

interface ProcessTimes {
  parent: number
  /** Of the process itself, and of its children that have ended, in microseconds. */
  own: number
  ended: number
}

/** From /proc; the kernel counts in hundredths of a second. Null where there is none, or the process has ended. */
function timesOf(pid: number | string): ProcessTimes | null {
  const file = `/proc/${pid}/stat`
  if (!existsSync(file)) return null
  const text = readFileSync(file, 'utf8')
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const micros = (user: number, system: number) => (fields[user]! + fields[system]!) * 10_000
  return { parent: fields[1]!, own: micros(11, 12), ended: micros(13, 14) }
}

/** CPU time of one process so far, in microseconds; NaN where the machine has no /proc. */
export const cpuOf = (pid: number): number => timesOf(pid)?.own ?? Number.NaN

/** Reads the CPU time of a whole PostgreSQL so far, its ended and its living processes, in microseconds. */
export async function cpuOfPostgres(pool: Pool): Promise<() => number> {
  const { rows } = await pool.query<{ pid: number }>('select pg_backend_pid() as pid')
  const postmaster = timesOf(rows[0]!.pid)?.parent
  return () => {
    if (postmaster === undefined) return Number.NaN
    const { own, ended } = timesOf(postmaster)!
    const living = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => timesOf(pid) ?? [])
      .filter(({ parent }) => parent === postmaster)
    return living.reduce((sum, child) => sum + child.own, own + ended)
  }
}
