import type { Pool } from 'pg'

/** By which rules a process decides, and what is wrong with the files that it did not take. */
export interface RulesInUse {
  /** Its own as long as it lives, a UUID. */
  process: string
  /** `web` or `worker`. */
  kind: string
  host: string
  pid: number
  digest: string
  problem: { message: string; since: Date } | null
}

/** A process that has not said so for this long is gone. */
const GONE_AFTER = '1 minute'

/** Says what a process decides by. */
export async function sayRulesInUse(pool: Pool, said: RulesInUse): Promise<void> {
  const { process, host, pid, kind, digest, problem } = said
  await pool.query(
    `insert into rules_in_use (process, host, pid, kind, digest, problem, problem_since, seen_at)
     values ($1, $2, $3, $4, $5, $6, $7, now())
     on conflict (process) do update set digest = excluded.digest, problem = excluded.problem,
       problem_since = excluded.problem_since, seen_at = excluded.seen_at`,
    [process, host, pid, kind, digest, problem?.message.slice(0, 2_000) ?? null, problem?.since ?? null],
  )
}

/** Takes back what a process said, since it ends. */
export async function dropRulesInUse(pool: Pool, process: string): Promise<void> {
  await pool.query('delete from rules_in_use where process = $1', [process])
}

/** What the processes that live decide by. */
export interface RulesStatus {
  /** How many different versions are in force at the same time; one, as a rule. */
  versions: number
  /** Edits that were not taken, each once, and how many processes keep the version before. */
  broken: { message: string; processes: number; sinceMs: number }[]
}

export async function readRulesInUse(pool: Pool): Promise<RulesStatus> {
  const { rows } = await pool.query<{ digest: string; problem: string | null; since: number | null }>(
    `select digest, problem, date_part('epoch', now() - problem_since) * 1000 as since
     from rules_in_use where seen_at > now() - interval '${GONE_AFTER}'`,
  )
  const broken = new Map<string, RulesStatus['broken'][number]>()
  for (const { problem, since } of rows) {
    if (problem === null) continue
    const known = broken.get(problem) ?? { message: problem, processes: 0, sinceMs: 0 }
    known.processes += 1
    known.sinceMs = Math.max(known.sinceMs, since ?? 0)
    broken.set(problem, known)
  }
  return { versions: new Set(rows.map(({ digest }) => digest)).size, broken: [...broken.values()] }
}
