import type { ClientBase } from 'pg'
import { newId } from '../../ids.ts'

/** Something that could not be worked on and was put aside for an operator, with the reason. */
export interface DeadLetter {
  p: number
  actionId: string | null
  /** `internal`: deciding threw. `poison`: what was decided could not be written. `crash`: workers died of it. */
  reason: 'internal' | 'poison' | 'crash'
  error: string
  /** What it was about, as JSON; null where the action says it all. */
  body: unknown
}

export async function insertDeadLetters(client: ClientBase, letters: readonly DeadLetter[]): Promise<void> {
  if (letters.length === 0) return
  await client.query(
    `insert into dead_letter (id, p, action_id, reason, error, body)
     select id, p, action_id, reason, error, body::json
     from unnest($1::text[], $2::smallint[], $3::text[], $4::text[], $5::text[], $6::text[])
       as x(id, p, action_id, reason, error, body)`,
    [
      letters.map(() => newId('dl')),
      letters.map((l) => l.p),
      letters.map((l) => l.actionId),
      letters.map((l) => l.reason),
      // An error may quote what could not be written, and that is what Postgres takes in no text.
      letters.map((l) => l.error.replaceAll('\0', '\uFFFD').slice(0, 2_000)),
      letters.map((l) => (l.body === null ? null : JSON.stringify(l.body))),
    ],
  )
}
